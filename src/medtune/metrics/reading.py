"""How a metric reads a prediction: what counts as given, as a number, as the same text."""

from collections.abc import Sequence

from medtune.errors import DataError
from medtune.records import Json, Prediction

EDGE_PUNCTUATION = " \t\r\n.,;:!?\"'`*()[]{}"
ROUNDING = 1e-9
"""Relative slack of number comparisons, so that 0.1 + 0.2 equals 0.3."""


def count(predictions: Sequence[Prediction]) -> int:
    """How many predictions there are.

    Raises:
        DataError: There are none.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    return len(predictions)


def given(prediction: Prediction) -> Json:
    """The answer; None where the model declined or could not be read."""
    return None if prediction.abstained else prediction.answer


def plain(value: Json) -> Json:
    """A text without case, repeated spaces and punctuation at its ends; all else unchanged."""
    if not isinstance(value, str):
        return value
    return " ".join(value.casefold().split()).strip(EDGE_PUNCTUATION)


def number(value: Json) -> float | None:
    """A number as it is; None for anything else, truth values included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
