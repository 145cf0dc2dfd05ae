"""Laboratory values: unit conversion by analyte, and adult reference ranges by sex.

Sources and dates stand at the head of the tables. A range is for an adult who is not pregnant; for
others there is none here, and the answer is "not known", never "normal".
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Literal

from medtune.clinical.table import read_table
from medtune.clinical.units import Substance, convert_exact, parse_unit
from medtune.errors import DataError

TABLES = Path(__file__).parent / "tables"
ANALYTES = ("name", "formula", "molar_mass_g_mol", "charge", "loinc", "also_called")
RANGES = ("analyte", "loinc", "sex", "low", "high", "unit", "row_source")
ADULT_YEARS = 18

Sex = Literal["female", "male"]
Flag = Literal["low", "normal", "high", "not known"]

ATOMIC_WEIGHTS = {
    "H": "1.008", "C": "12.011", "N": "14.007", "O": "15.999", "Li": "6.94", "Na": "22.990",
    "Mg": "24.305", "P": "30.974", "S": "32.06", "Cl": "35.45", "K": "39.098", "Ca": "40.078",
    "Fe": "55.845", "Co": "58.933", "Cu": "63.546", "Zn": "65.38", "I": "126.90", "Pb": "207.2",
}  # fmt: skip
"""IUPAC abridged standard atomic weights 2021."""


@dataclass(frozen=True, slots=True)
class ReferenceRange:
    """What a laboratory calls normal. A missing bound is open."""

    analyte: str
    loinc: str
    sex: Sex | Literal["any"]
    low: float | None
    high: float | None
    unit: str
    source: str


def molar_mass(formula: str) -> Fraction:
    """Grams per mole of a formula such as "C6H12O6", from the standard atomic weights."""
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    return sum(
        (Fraction(ATOMIC_WEIGHTS[atom]) * int(count or 1) for atom, count in parts), Fraction(0)
    )


@cache
def substances() -> dict[str, Substance]:
    """The analytes by name and by each other name, in lower case, and by LOINC code."""
    found: dict[str, Substance] = {}
    for row in read_table(TABLES / "analytes.csv", ANALYTES).rows:
        substance = Substance(
            row["name"],
            Fraction(row["molar_mass_g_mol"]) if row["molar_mass_g_mol"] else None,
            int(row["charge"]) if row["charge"] else None,
        )
        for name in (row["name"], row["loinc"], *row["also_called"].split(";")):
            if name:
                found[name.lower()] = substance
    return found


def convert_lab(analyte: str, value: float, unit: str, to: str) -> float:
    """A laboratory value in another unit, such as glucose from mg/dL to mmol/L.

    Raises:
        DataError: A unit is unknown, or nothing known of the analyte connects the two.
    """
    substance = substances().get(analyte.lower(), Substance(analyte))
    return float(convert_exact(Fraction(value), unit, to, substance))


def hba1c_mmol_mol(ngsp_percent: float) -> float:
    """HbA1c in IFCC mmol/mol from NGSP percent.

    Source: master equation NGSP = 0.09148 * IFCC + 2.152, ngsp.org/ifccngsp.asp; Hoelzel 2004,
    Clin Chem 50:166, doi:10.1373/clinchem.2003.024802.

    Raises:
        DataError: The percentage is outside 3 to 20.
    """
    if not 3 <= ngsp_percent <= 20:  # noqa: PLR2004  what assays report
        raise DataError(f"HbA1c {ngsp_percent:g} % is outside 3 to 20 %")
    return (ngsp_percent - 2.152) / 0.09148


@cache
def reference_ranges(path: Path = TABLES / "reference_ranges.csv") -> tuple[ReferenceRange, ...]:
    """The ranges of a table; a laboratory gives its own file in the same form.

    Raises:
        DataError: The table is not as it should be, or a range has no bound or bounds that cross.
    """
    found: list[ReferenceRange] = []
    for number, row in enumerate(read_table(path, RANGES).rows, start=1):
        parse_unit(row["unit"])
        try:
            low, high = (float(row[key]) if row[key] else None for key in ("low", "high"))
        except ValueError:
            raise DataError(f"{path}: row {number}: a bound is not a number") from None
        sex = row["sex"]
        if sex not in ("female", "male", "any"):
            raise DataError(f"{path}: row {number}: sex must be female, male or any")
        if (low is None and high is None) or (low is not None and high is not None and low > high):
            raise DataError(f"{path}: row {number}: the range has no bound, or they cross")
        found.append(
            ReferenceRange(
                row["analyte"], row["loinc"], sex, low, high, row["unit"], row["row_source"]
            )
        )
    return tuple(found)


def find_range(
    analyte: str,
    *,
    age_years: float | None,
    sex: Sex | None,
    pregnant: bool | None,
    ranges: tuple[ReferenceRange, ...] | None = None,
) -> ReferenceRange | None:
    """The range of an analyte, by name or LOINC, for a person; None if none is known to apply.

    None too for a child, in pregnancy, if age or pregnancy is not known, or if the range depends
    on a sex that is not given.
    """
    if age_years is None or age_years < ADULT_YEARS or pregnant is not False:
        return None
    wanted = analyte.lower()
    for one in ranges if ranges is not None else reference_ranges():
        if wanted in (one.analyte, one.loinc) and one.sex in ("any", sex):
            return one
    return None


def flag(value: float, unit: str, within: ReferenceRange | None) -> Flag:
    """Whether a value is low, normal or high; "not known" without a range.

    Raises:
        DataError: The unit is unknown, or cannot be turned into that of the range.
    """
    if within is None:
        return "not known"
    here = convert_lab(within.analyte, value, unit, within.unit)
    if within.low is not None and here < within.low:
        return "low"
    return "high" if within.high is not None and here > within.high else "normal"
