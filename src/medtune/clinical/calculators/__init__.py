"""Medical calculators: published formulas with their source, limits and bands."""

from collections.abc import Mapping

from medtune.clinical.calculators import chemistry, organs, scores
from medtune.clinical.calculators.form import Band, Calculator, Number, Result, YesNo, run
from medtune.errors import DataError, did_you_mean

__all__ = ["CALCULATORS", "Band", "Calculator", "Number", "Result", "YesNo", "calculate"]

CALCULATORS: dict[str, Calculator] = {
    one.name: one for one in (*organs.CALCULATORS, *chemistry.CALCULATORS, *scores.CALCULATORS)
}


def calculate(name: str, inputs: Mapping[str, float]) -> Result:
    """The result of a calculator by name.

    Raises:
        DataError: There is no such calculator, or an input is missing, unknown or out of limits.
    """
    if name not in CALCULATORS:
        raise DataError(f"calculator {name!r} is unknown{did_you_mean(name, CALCULATORS)}")
    return run(CALCULATORS[name], inputs)
