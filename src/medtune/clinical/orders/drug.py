"""Drugs that are ordered or taken, out of FHIR R4: which drug, how much at a time, how often.

A drug counts by what its code (RxNorm ingredient) or its words name; where the two differ, both are
checked and it is said. A dose counts where one instruction gives it as a mass of a single
ingredient; any other dose is not known. The highest dose and frequency that an instruction allows
are taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from medtune.clinical.drugs import Order, drug_names
from medtune.clinical.fhir import Resource, codes, items, name, number, part, text, words
from medtune.clinical.units import convert
from medtune.errors import DataError
from medtune.records import Json

KINDS = ("MedicationRequest", "MedicationStatement")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
OVER = frozenset({"cancelled", "completed", "entered-in-error", "stopped", "not-taken"})
DAYS: Mapping[str, float] = {
    "min": 1 / 1440, "h": 1 / 24, "d": 1, "wk": 7, "mo": 30, "a": 365,
}  # fmt: skip
"""Days of a unit of UCUM, as Timing.repeat.periodUnit has it."""
PER_DAY: Mapping[str, float] = {
    "QD": 1, "AM": 1, "PM": 1, "BED": 1, "BID": 2, "TID": 3, "QID": 4, "QOD": 0.5, "WK": 1 / 7,
    "Q1H": 24, "Q2H": 12, "Q3H": 8, "Q4H": 6, "Q6H": 4, "Q8H": 3,
}  # fmt: skip
"""Times a day of the codes of HL7's GTSAbbreviation, which FHIR R4 binds to Timing.code."""


class Ordered(NamedTuple):
    """One drug."""

    id: str
    """Such as MedicationRequest/103; without an id, only the type."""
    named: str
    """As the record names it."""
    ingredients: tuple[str, ...]
    order: Order


def read_orders(resources: Sequence[Resource]) -> tuple[list[Ordered], list[str]]:
    """The drugs among some resources, and what could not be read of them.

    Orders not to give a drug, and those that are over, do not count. Medications that are referred
    to may be contained, or stand among the resources.
    """
    shelf = {reference(one): one.get("code") for one in resources}
    found: list[Ordered] = []
    unread: list[str] = []
    for one in resources:
        is_drug = one.get("resourceType") in KINDS
        if not is_drug or text(one.get("status")) in OVER or one.get("doNotPerform") is True:
            continue
        concept = _concept(one, shelf)
        coded, spoken = _ingredients(concept)
        both = tuple(dict.fromkeys((*coded, *spoken)))
        if not both:
            unread.append(f"{name(concept)}: the drug is not in the tables")
            continue
        if coded and spoken and not set(coded) <= set(spoken):
            unread.append(f"{name(concept)}: code and words name different drugs; both are checked")
        order = Order("; ".join(both), *_dose(one, both))
        found.append(Ordered(reference(one), name(concept), both, order))
    return found, unread


def reference(one: Resource) -> str:
    """Type and id of a resource."""
    return "/".join(filter(None, (text(one.get("resourceType")), text(one.get("id")))))


def _concept(one: Resource, shelf: Mapping[str, Json]) -> Json:
    """The drug, stated or referred to."""
    stated = one.get("medicationCodeableConcept")
    if stated is not None:
        return stated
    referred = one.get("medicationReference")
    where = text(part(referred, "reference"))
    inside = {f"#{text(part(c, 'id'))}": part(c, "code") for c in items(one.get("contained"))}
    found = inside.get(where) or shelf.get("/".join(where.split("/")[-2:]))
    return found or {"text": part(referred, "display")}


def _ingredients(concept: Json) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the codes name, and what the words do."""
    names = drug_names()
    by_code = {one.rxcui: one.name for one in names.ingredients.values() if one.rxcui}
    coded = tuple(by_code[one] for one in codes(concept, RXNORM) if one in by_code)
    return coded, tuple(one for said in words(concept) for one in names.ingredients_of(said))


def _dose(one: Resource, ingredients: Sequence[str]) -> tuple[dict[str, float], float | None]:
    """Milligrams of each ingredient at a time, and times a day, where known."""
    lines = items(one.get("dosageInstruction")) or items(one.get("dosage"))
    if len(lines) != 1 or len(ingredients) != 1:
        return {}, None
    found = _milligrams(items(part(lines[0], "doseAndRate")))
    return ({ingredients[0]: found} if found else {}), _per_day(part(lines[0], "timing"))


def _milligrams(rates: Iterable[Json]) -> float | None:
    """The largest dose; None unless each is a mass."""
    highest = 0.0
    for one in rates:
        quantity = part(one, "doseQuantity") or part(part(one, "doseRange"), "high")
        value = number(part(quantity, "value"))
        unit = text(part(quantity, "code")) or text(part(quantity, "unit"))
        if value is None or not unit:
            return None
        try:
            highest = max(highest, convert(value, unit, "mg"))
        except DataError:
            return None
    return highest or None


def _per_day(timing: Json) -> float | None:
    """Times a day at the most; None where it is not said in a form that is known."""
    repeat = part(timing, "repeat")
    period, unit = number(part(repeat, "period")), text(part(repeat, "periodUnit"))
    if period and period > 0 and unit in DAYS:
        times = [number(part(repeat, key)) for key in ("frequency", "frequencyMax")]
        return max((one for one in times if one), default=1.0) / (period * DAYS[unit])
    code = part(timing, "code")
    said = [text(part(one, "code")) for one in items(part(code, "coding"))]
    return next((PER_DAY[one] for one in (*said, text(part(code, "text"))) if one in PER_DAY), None)
