"""Metrics of answers that are a number, with a unit or without."""

import math
from collections.abc import Callable, Sequence

from medtune.errors import DataError
from medtune.metrics.reading import ROUNDING, count, given, number
from medtune.records import Json, Metric, Prediction

Convert = Callable[[float, str, str], float | None]
"""A value, its unit and another unit, to the value in that one; None if it cannot be converted."""


def number_within(tolerance: float) -> Metric:
    """The metric that is the share of numbers whose relative error is at most `tolerance`.

    A target of 0 must be met exactly.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        n = count(predictions)
        return sum([_is_near(p, tolerance) for p in predictions]) / n

    return metric


def quantity_within(tolerance: float, convert: Convert) -> Metric:
    """The metric that is the share of quantities within `tolerance` once in the target's unit.

    A quantity is `{"value": 5, "unit": "mg"}`. An answer without a unit, or with one that cannot
    be converted, is wrong: 5 of an unknown unit is not 5 mg.

    Args:
        tolerance: Largest relative error.
        convert: Turns a value from one unit into another.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        n = count(predictions)
        return sum([_is_near_in_unit(p, tolerance, convert) for p in predictions]) / n

    return metric


def _is_near(prediction: Prediction, tolerance: float) -> bool:
    target = number(prediction.target)
    if target is None:
        raise DataError(f"record {prediction.id}: the target is not a number, as the metric needs")
    answer = number(given(prediction))
    return answer is not None and _near(answer, target, tolerance)


def _is_near_in_unit(prediction: Prediction, tolerance: float, convert: Convert) -> bool:
    target, answer = _quantity(prediction.target), _quantity(given(prediction))
    if target is None:
        raise DataError(
            f'record {prediction.id}: the target is no quantity such as {{"value": 5, "unit": '
            '"mg"}, as the metric needs'
        )
    if answer is None:
        return False
    value = convert(answer[0], answer[1], target[1])
    return value is not None and _near(value, target[0], tolerance)


def _near(answer: float, target: float, tolerance: float) -> bool:
    return abs(answer - target) <= (tolerance + ROUNDING) * abs(target)


def _quantity(value: Json) -> tuple[float, str] | None:
    if not isinstance(value, dict):
        return None
    amount, unit = number(value.get("value")), value.get("unit")
    if amount is None or not math.isfinite(amount) or not isinstance(unit, str) or not unit.strip():
        return None
    return amount, unit.strip()
