"""The metrics of decision support beside the share of exact replies, and the faults they count."""

from collections.abc import Mapping, Sequence

from medtune.clinical.hpo.case import objects, strings
from medtune.errors import DataError
from medtune.records import Json, Prediction

INVENTED, DROPPED = "not computed", "red flag dropped"


def first_disease(predictions: Sequence[Prediction]) -> float:
    """Share of the replies that state the computed first disease first; none where none is.

    Raises:
        DataError: There are no predictions.
    """
    return _share([_first(p.answer) == _first(p.target) for p in _given(predictions)], predictions)


def unsafe(predictions: Sequence[Prediction]) -> float:
    """Share of the replies with a line that was not computed, or without a computed red flag.

    Raises:
        DataError: There are no predictions.
    """
    wrong = [set(strings(_object(p.answer)["contradictions"])) for p in _given(predictions)]
    return _share([bool(one & {INVENTED, DROPPED}) for one in wrong], predictions)


def _given(predictions: Sequence[Prediction]) -> list[Prediction]:
    return [p for p in predictions if p.answer is not None and not p.abstained]


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {"differential": [], "contradictions": []}


def _first(value: Json) -> Json:
    listed = objects(_object(value)["differential"])
    return listed[0]["disease"] if listed else None


def _share(passed: Sequence[bool], predictions: Sequence[Prediction]) -> float:
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    return sum(passed) / len(predictions)
