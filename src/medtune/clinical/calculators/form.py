"""What a medical calculator is: named inputs with limits, one formula, its unit and its source.

A calculator never guesses: a missing input, an unknown one or one outside its limits is refused.
The limits are where the formula was made to be used, or else what a body can have.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from medtune.errors import DataError, did_you_mean


class Number(NamedTuple):
    """A numeric input, with the limits outside which it is refused."""

    low: float
    high: float
    unit: str


class YesNo(NamedTuple):
    """An input that is true or false. What is not known must not be passed as false."""

    points: float = 0.0
    """What it adds, where the calculator is a sum of points."""


Inputs = Mapping[str, float]


class Band(NamedTuple):
    """A range of results with its published name; it ends below `below`."""

    below: float
    name: str


@dataclass(frozen=True, slots=True)
class Calculator:
    """A published formula."""

    name: str
    needs: Mapping[str, Number | YesNo]
    formula: Callable[[Inputs], float]
    unit: str
    source: str
    bands: Sequence[Band] = ()


class Result(NamedTuple):
    """What a calculator found, with all that is needed to check it."""

    name: str
    value: float
    unit: str
    band: str
    """Empty where no bands are published."""
    source: str


def run(calculator: Calculator, inputs: Mapping[str, float]) -> Result:
    """Check the inputs and compute.

    Raises:
        DataError: An input is missing, unknown, of the wrong type or outside its limits. All
            faults are named.
    """
    faults = [
        f"{calculator.name}: {name} is missing" for name in calculator.needs if name not in inputs
    ]
    for name, value in inputs.items():
        if name not in calculator.needs:
            faults.append(
                f"{calculator.name}: {name!r} is no input{did_you_mean(name, calculator.needs)}"
            )
        else:
            faults += _faults(calculator.name, name, value, calculator.needs[name])
    if faults:
        raise DataError("; ".join(faults))
    value = calculator.formula({name: float(value) for name, value in inputs.items()})
    band = next((band.name for band in calculator.bands if value < band.below), "")
    return Result(calculator.name, value, calculator.unit, band, calculator.source)


def _faults(calculator: str, name: str, value: float, need: Number | YesNo) -> list[str]:
    if isinstance(need, YesNo):
        return [] if isinstance(value, bool) else [f"{calculator}: {name} must be true or false"]
    if isinstance(value, bool) or not math.isfinite(value):
        return [f"{calculator}: {name} must be a number"]
    if not need.low <= value <= need.high:
        limits = f"{need.low:g} to {need.high:g} {need.unit}".strip()
        return [f"{calculator}: {name} {value:g} is outside {limits}"]
    return []


def points(criteria: Mapping[str, YesNo]) -> Callable[[Inputs], float]:
    """The formula that adds the points of the criteria that are true."""
    return lambda inputs: sum(one.points for name, one in criteria.items() if inputs[name])


AGE = Number(18, 120, "years")
CREATININE = Number(0.1, 30, "mg/dL")
BILIRUBIN = Number(0.1, 60, "mg/dL")
ALBUMIN = Number(0.5, 7, "g/dL")
INR = Number(0.5, 20, "")
SODIUM = Number(90, 200, "mmol/L")
GLUCOSE = Number(10, 2000, "mg/dL")
HEIGHT = Number(100, 250, "cm")
WEIGHT = Number(25, 350, "kg")
SYSTOLIC = Number(30, 300, "mm[Hg]")
DIASTOLIC = Number(10, 200, "mm[Hg]")
