"""What a FHIR R4 resource says of how to take a drug, with nothing of it lost.

The instruction's own words go before its codes, for whoever wrote them could say more ("5 mg on
Monday, 2.5 mg on all other days"). A code is told beside the words where they lack it. Source: FHIR
R4, Dosage: text, sequence, asNeeded, maxDosePerPeriod, maxDosePerAdministration.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from medtune.clinical.fhir import items, number, part, text, words
from medtune.clinical.medication import per_day
from medtune.clinical.notes.facts import AMOUNT, TIMES
from medtune.records import Json

MOST_PER_DAY = 24
TIMED = re.compile(
    r"\b(?:daily|\w*days?|hour\w*|hrs?|weeks?|weekly|morning|evening|night\w*|noon|bed\w*|meals?|"
    r"breakfast|lunch|dinner|supper|once|twice|times|[bt]\.?i\.?d|q\.?i\.?d|q ?\d+ ?h|q\.?d)\b",
    re.IGNORECASE,
)
"""Words that say when or how often."""
AS_NEEDED = re.compile(r"\b(?:prn|(?:as|if|when) (?:needed|required|necessary))\b", re.IGNORECASE)
SPANS = {"min": "minutes", "h": "hours", "d": "days", "wk": "weeks", "mo": "months"}
"""Units of UCUM in words."""


class Dosage(NamedTuple):
    """The parts of an instruction that are known."""

    dose: float | None = None
    unit: str = ""
    per_day: float | None = None
    said: str = ""
    """The instruction in the record's own words."""
    as_needed: str = ""
    at_most: str = ""


def dosage_of(lines: Sequence[Json]) -> Dosage:
    """The one instruction, or the words of several in their order; nothing if one has no words."""
    if len(lines) == 1:
        return _one(lines[0])
    steps = sorted(lines, key=lambda line: number(part(line, "sequence")) or 0)
    if not steps or not all(text(part(line, "text")).strip() for line in steps):
        return Dosage()
    said = [_in_words(step) for step in steps]
    order = {number(part(line, "sequence")) for line in steps}
    is_in_order = None not in order and len(order) == len(steps)
    return Dosage(said=("; then " if is_in_order else "; and ").join(said))


def _one(line: Json) -> Dosage:
    (dose, unit), times = _dose(line), _times(line)
    said, at_most = _said(line), _at_most(line)
    if AMOUNT.search(said):
        if dose is not None and dose not in _numbers(said):
            said += f" (by its code {dose:g} {unit}, ask us)"
        dose, unit = None, ""
    if TIMED.search(said):
        times = None
    return Dosage(dose, unit, times, said, _as_needed(line), at_most)


def _in_words(line: Json) -> str:
    return ", ".join(filter(None, (_said(line), _as_needed(line), _at_most(line))))


def _said(line: Json) -> str:
    return " ".join(text(part(line, "text")).split()).rstrip(". ")


def _numbers(said: str) -> set[float]:
    return {float(one) for one in re.findall(r"\d+(?:\.\d+)?", said.replace(",", ""))}


def _dose(line: Json) -> tuple[float | None, str]:
    """The one dose with its unit, as it is written; a range or a dose without a unit is not one."""
    rates = items(part(line, "doseAndRate"))
    quantity = part(rates[0], "doseQuantity") if len(rates) == 1 else None
    value, unit = number(part(quantity, "value")), _unit(quantity)
    return (value, unit) if value and value > 0 and unit else (None, "")


def _unit(quantity: Json) -> str:
    return (text(part(quantity, "unit")) or text(part(quantity, "code"))).strip("{}")


def _times(line: Json) -> float | None:
    """Times a day, where it is one fixed number that can be said in words."""
    timing = part(line, "timing")
    repeat = part(timing, "repeat")
    varies = any(part(repeat, key) for key in ("frequencyMax", "periodMax", "dayOfWeek"))
    found = None if varies else per_day(timing)
    known = (*TIMES, *range(1, MOST_PER_DAY + 1))
    return next((one for one in known if found and math.isclose(found, one)), None)


def _as_needed(line: Json) -> str:
    """That it is taken as needed, and what for; empty if the words say so already."""
    why = next(iter(words(part(line, "asNeededCodeableConcept"))), "")
    is_needed = part(line, "asNeededBoolean") is True or part(line, "asNeededCodeableConcept")
    if not is_needed or AS_NEEDED.search(_said(line)):
        return ""
    return f"as needed for {why}" if why else "as needed"


def _at_most(line: Json) -> str:
    """The maximum within a time and at a time; that there is one, where it cannot be read."""
    ratio, once = part(line, "maxDosePerPeriod"), part(line, "maxDosePerAdministration")
    within = _quantity(part(ratio, "denominator"))
    limits = (
        (ratio, _quantity(part(ratio, "numerator")), f" in {within}" if within else ""),
        (once, _quantity(once), " at a time"),
    )
    told = (
        f"no more than {most}{when}" if most and when else "no more than a maximum, ask us"
        for stated, most, when in limits
        if stated
    )
    return ", ".join(told)


def _quantity(one: Json) -> str:
    value, unit = number(part(one, "value")), _unit(one)
    return f"{value:g} {SPANS.get(unit, unit)}" if value and unit else ""
