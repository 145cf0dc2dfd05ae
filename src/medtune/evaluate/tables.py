"""What the sealed test shows beyond the metrics: mistakes, confidence, subgroups."""

from collections.abc import Sequence

from medtune import stats
from medtune.measure import answered, one_of_few
from medtune.records import Application, ArmResult, Estimate, Example, Prediction

MIN_EXAMPLES = 30
MIN_GROUPS = 5
"""A subgroup with fewer examples or groups is left out: its numbers would say nothing, and could
point to a person."""
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


def subgroups(
    app: Application, result: ArmResult, *, resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """The primary metric by attribute and value, for the values with enough examples and groups."""
    members: dict[tuple[str, str], list[Prediction]] = {}
    for prediction in answered(result):
        for attribute, value in prediction.subgroups.items():
            members.setdefault((attribute, value), []).append(prediction)
    found: dict[str, dict[str, Estimate]] = {}
    for (attribute, value), predictions in sorted(members.items()):
        n_groups = len({p.group for p in predictions})
        if len(predictions) >= MIN_EXAMPLES and n_groups >= MIN_GROUPS:
            found.setdefault(attribute, {})[value] = stats.bootstrap(
                app.metrics[app.primary], predictions, resamples=resamples, seed=seed
            )
    return found


def _shown(prediction: Prediction) -> str:
    if prediction.abstained:
        return ABSTAINED
    return UNREAD if prediction.answer is None else str(prediction.answer)
