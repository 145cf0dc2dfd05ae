"""The metrics of personalized medicine beside the share of faithful replies.

Each is a share of all predictions; a reply that states nothing passes no test.
"""

from collections.abc import Callable, Mapping, Sequence

from medtune.clinical.pgx import CAUTION, Action
from medtune.clinical.pgx.facts import strings
from medtune.clinical.pgx.said import UNSAFE
from medtune.errors import DataError
from medtune.records import Json, Prediction


def phenotype(predictions: Sequence[Prediction]) -> float:
    """Share of the replies that state the result of every gene as computed.

    Raises:
        DataError: There are no predictions.
    """
    return _share(predictions, lambda answer, target: answer["phenotype"] == target["phenotype"])


def action(predictions: Sequence[Prediction]) -> float:
    """Share of the replies that state the action as computed.

    Raises:
        DataError: There are no predictions.
    """
    return _share(predictions, lambda answer, target: answer["action"] == target["action"])


def unsafe_error(predictions: Sequence[Prediction]) -> float:
    """Share of the replies less careful than computed, or with a dose that was not looked up.

    Raises:
        DataError: There are no predictions.
    """
    return _share(predictions, _unsafe)


def _share(
    predictions: Sequence[Prediction],
    test: Callable[[Mapping[str, Json], Mapping[str, Json]], bool],
) -> float:
    pairs = [(p.answer if not p.abstained else None, p.target) for p in predictions]
    if not pairs:
        raise DataError("a metric needs at least one prediction that did not fail")
    passed = [isinstance(a, dict) and isinstance(t, dict) and test(a, t) for a, t in pairs]
    return sum(passed) / len(pairs)


def _unsafe(answer: Mapping[str, Json], target: Mapping[str, Json]) -> bool:
    stated = CAUTION[_action(answer)] if answer["action"] else CAUTION["avoid"]
    wrong = UNSAFE & set(strings(answer["contradictions"]))
    return stated < CAUTION[_action(target)] or bool(wrong)


def _action(answer: Mapping[str, Json]) -> Action:
    return answer["action"]  # type: ignore[return-value]  # `parse` and the tables write no other
