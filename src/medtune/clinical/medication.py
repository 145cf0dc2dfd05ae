"""Which drug a FHIR R4 resource orders or states, how much at a time, and how often.

A drug counts by what its code (RxNorm ingredient) or its words name. A dose counts where one
instruction gives it as a mass; any other dose is not known. The highest dose and frequency that an
instruction allows are taken.
"""

from collections.abc import Iterable, Mapping

from medtune.clinical.drugs import drug_names
from medtune.clinical.fhir import Resource, codes, items, number, part, text, words
from medtune.clinical.units import convert
from medtune.errors import DataError
from medtune.records import Json

KINDS = ("MedicationRequest", "MedicationStatement")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DAYS: Mapping[str, float] = {
    "min": 1 / 1440, "h": 1 / 24, "d": 1, "wk": 7, "mo": 30, "a": 365,
}  # fmt: skip
"""Days of a unit of UCUM, as Timing.repeat.periodUnit has it."""
PER_DAY: Mapping[str, float] = {
    "QD": 1, "AM": 1, "PM": 1, "BED": 1, "BID": 2, "TID": 3, "QID": 4, "QOD": 0.5, "WK": 1 / 7,
    "Q1H": 24, "Q2H": 12, "Q3H": 8, "Q4H": 6, "Q6H": 4, "Q8H": 3,
}  # fmt: skip
"""Times a day of the codes of HL7's GTSAbbreviation, which FHIR R4 binds to Timing.code."""

MEALS = ("C", "AC", "PC")
"""Of HL7's EventTiming: at, before and after meals, however many there are."""


def reference(one: Resource) -> str:
    """Type and id of a resource."""
    return "/".join(filter(None, (text(one.get("resourceType")), text(one.get("id")))))


def shelf_of(resources: Iterable[Resource]) -> dict[str, Json]:
    """What the resources are, by their references: where `concept` looks a medication up."""
    return {reference(one): one.get("code") for one in resources}


def concept(one: Resource, shelf: Mapping[str, Json]) -> Json:
    """The drug, stated or referred to; a medication may be contained, or stand on the shelf."""
    stated = one.get("medicationCodeableConcept")
    if stated is not None:
        return stated
    referred = one.get("medicationReference")
    where = text(part(referred, "reference"))
    inside = {f"#{text(part(c, 'id'))}": part(c, "code") for c in items(one.get("contained"))}
    found = inside.get(where) or shelf.get("/".join(where.split("/")[-2:]))
    return found or {"text": part(referred, "display")}


def ingredients(concept: Json) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the codes name, and what the words do."""
    names = drug_names()
    by_code = {one.rxcui: one.name for one in names.ingredients.values() if one.rxcui}
    coded = tuple(by_code[one] for one in codes(concept, RXNORM) if one in by_code)
    return coded, tuple(one for said in words(concept) for one in names.ingredients_of(said))


def milligrams(rates: Iterable[Json]) -> float | None:
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


def per_day(timing: Json) -> float | None:
    """Times a day at the most; None where it is not said in a form that is known."""
    repeat = part(timing, "repeat")
    times, hours = _times(repeat), _times_of_day(repeat)
    period, unit = number(part(repeat, "period")), text(part(repeat, "periodUnit"))
    if period and period > 0 and unit in DAYS and (times or hours):
        return max(times, hours) / (period * DAYS[unit])
    if hours and period is None:
        return hours * (len(items(part(repeat, "dayOfWeek"))) or 7) / 7
    code = part(timing, "code")
    said = [text(part(one, "code")) for one in items(part(code, "coding"))]
    return next((PER_DAY[one] for one in (*said, text(part(code, "text"))) if one in PER_DAY), None)


def _times(repeat: Json) -> float:
    """How often within the period; 0 where it is not said."""
    return max(number(part(repeat, key)) or 0.0 for key in ("frequency", "frequencyMax"))


def _times_of_day(repeat: Json) -> int:
    """How many times or events of the day are listed; "at meals" does not say how many."""
    events = items(part(repeat, "when"))
    return max(
        len(items(part(repeat, "timeOfDay"))),
        0 if any(one in MEALS for one in events) else len(events),
    )
