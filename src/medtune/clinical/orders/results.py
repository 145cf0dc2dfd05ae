"""The latest laboratory results and the weight that the drug rules judge by, out of FHIR R4."""

from collections.abc import Mapping, Sequence
from datetime import date

from medtune.clinical.fhir import LOINC, Measured, Resource, codes, measured
from medtune.clinical.labs import convert_lab
from medtune.errors import DataError

HORIZON_DAYS = 180
"""Older results are not used: our choice."""
TESTS: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "creatinine_mg_dl": ("creatinine", "mg/dL", frozenset({"2160-0", "14682-9"})),
    "bilirubin_mg_dl": ("bilirubin", "mg/dL", frozenset({"1975-2", "14631-6"})),
    "albumin_g_dl": ("albumin", "g/dL", frozenset({"1751-7"})),
    "potassium_mmol_l": ("potassium", "mmol/L", frozenset({"2823-3", "6298-4"})),
    "inr": ("inr", "", frozenset({"6301-6"})),
    "weight_kg": ("body weight", "kg", frozenset({"29463-7"})),
}
"""Results that are used: analyte, unit, LOINC codes."""
LOW_IS_WORSE = frozenset({"albumin_g_dl", "weight_kg"})
OLD = "not of the last"
PLAIN = frozenset({"", "1", "{INR}", "{ratio}"})


def read_results(
    observations: Sequence[Resource], today: date
) -> tuple[dict[str, Measured], list[str]]:
    """The latest usable value of each test, and what could not be used."""
    best: dict[str, Measured] = {}
    unread: dict[tuple[str, str], None] = {}
    for one in observations:
        here = set(codes(one.get("code"), LOINC))
        for key, (analyte, unit, loinc) in TESTS.items():
            if not here & loinc:
                continue
            found = _value(one, analyte, unit, today)
            if isinstance(found, str):
                unread[key, f"{analyte}: {found}"] = None
            elif key not in best or _order(key, found) > _order(key, best[key]):
                best[key] = found
    # an old result tells nothing where there is a later one
    told = [said for key, said in unread if key not in best or OLD not in said]
    return best, told


def _value(one: Resource, analyte: str, unit: str, today: date) -> Measured | str:
    """A result in the unit of the calculators, or why it is not used."""
    found = measured(one, today, HORIZON_DAYS)
    if isinstance(found, str):
        return found
    try:
        if unit or found.unit not in PLAIN:
            found = found._replace(value=convert_lab(analyte, found.value, found.unit, unit))
    except DataError:
        return "no unit of the test"
    return found


def _order(key: str, found: Measured) -> tuple[date, float]:
    """The later goes before; of one day, the one that asks for more care."""
    return found.day, -found.value if key in LOW_IS_WORSE else found.value
