"""What the sealed test shows beyond the metrics: mistakes, confidence, subgroups."""

from collections.abc import Sequence

from medtune import stats
from medtune.artifacts import Fairness
from medtune.evaluate.subgroups import BETWEEN
from medtune.measure import answered, one_of_few
from medtune.records import Application, ArmResult, Estimate, Example, Prediction

UNREAD = "(unread)"
ABSTAINED = "(abstained)"


def confusion(
    app: Application, examples: Sequence[Example], result: ArmResult
) -> dict[str, dict[str, int]]:
    """Target to answer to count, with a column for unread answers; empty if not of few labels.

    The columns are the targets seen and whatever else was answered. Failed predictions are out.
    """
    if one_of_few(app, examples) is None:
        return {}
    cells = [(str(p.target), _shown(p)) for p in answered(result)]
    targets = sorted({target for target, _ in cells})
    others = sorted({answer for _, answer in cells} - {*targets, UNREAD})
    counts = {target: dict.fromkeys([*targets, *others, UNREAD], 0) for target in targets}
    for target, answer in cells:
        counts[target][answer] += 1
    return counts


def reliability(result: ArmResult) -> list[dict[str, float]]:
    """The bins of the reliability plot; empty if an answer has no confidence."""
    counted = answered(result)
    if any(p.confidence is None for p in counted):
        return []
    return [
        {"confidence": row.confidence, "accuracy": row.accuracy, "n": float(row.n)}
        for row in stats.reliability(counted)
    ]


def primary_by_subgroup(primary: str, fairness: Fairness | None) -> dict[str, dict[str, Estimate]]:
    """The primary metric by attribute and value, intersections left out."""
    found: dict[str, dict[str, Estimate]] = {}
    for row in fairness.rows if fairness is not None else []:
        if row.metric == primary and BETWEEN not in row.attribute:
            found.setdefault(row.attribute, {})[row.value] = row.estimate
    return found


def _shown(prediction: Prediction) -> str:
    if prediction.abstained:
        return ABSTAINED
    return UNREAD if prediction.answer is None else str(prediction.answer)
