"""Reading FHIR R4 resources that may hold anything: what is not as the standard says is empty.

Source: HL7 FHIR R4 (4.0.1). Nothing here raises for what was sent, so that one odd entry of a
record never hides the others; the callers say what they could not read.
"""

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from medtune.records import Json

LOINC = "http://loinc.org"
FINAL = frozenset({"final", "amended", "corrected"})
"""Observations that count."""
CURRENT = frozenset({"", "active", "recurrence", "relapse"})
"""Conditions that are still there."""
OVER = frozenset({"inactive", "resolved"})
"""Allergies that are no longer there."""
SNOMED = "http://snomed.info/sct"
NONE_KNOWN = frozenset({"716186003", "409137002"})
"""No known allergy; no known drug allergy."""
NONE_SAID = re.compile(r"(?:no known|no)(?: drug)? allerg(?:y|ies)|nkd?a", re.IGNORECASE)
LONGEST_NAME = 80
Resource = Mapping[str, Json]


class Measured(NamedTuple):
    """A result that counts."""

    value: float
    unit: str
    """As the resource has it: UCUM, if it keeps to the standard."""
    day: date


def measured(one: Resource, today: date, horizon_days: int) -> Measured | str:
    """The number of an Observation, or why it is not used."""
    taken = day(one.get("effectiveDateTime"))
    value = number(part(one.get("valueQuantity"), "value"))
    if text(one.get("status")) not in FINAL:
        return "not final"
    if taken is None or not 0 <= (today - taken).days <= horizon_days:
        return f"not of the last {horizon_days} days"
    if value is None:
        return "no number with a unit of the analyte"
    return Measured(value, text(part(one.get("valueQuantity"), "code")), taken)


def entries(bundle: Resource | None) -> list[Resource]:
    """The resources of a searchset, or the one resource itself."""
    if bundle is None:
        return []
    if bundle.get("resourceType") != "Bundle":
        return [bundle]
    found = [part(one, "resource") for one in items(bundle.get("entry"))]
    return [one for one in found if isinstance(one, dict)]


def status(one: Resource, name: str) -> str:
    """The first code of a status that is a concept."""
    codings = items(part(one.get(name), "coding"))
    return text(part(codings[0], "code")) if codings else ""


def codes(concept: Json, system: str) -> list[str]:
    """The codes of a concept in a code system."""
    codings = [one for one in items(part(concept, "coding")) if part(one, "system") == system]
    return [text(part(one, "code")) for one in codings]


def says_no_allergy(code: Json) -> bool:
    """Whether an entry of an allergy list states that none is known."""
    return bool(NONE_KNOWN & set(codes(code, SNOMED))) or any(map(NONE_SAID.fullmatch, words(code)))


def words(concept: Json) -> list[str]:
    """The text of a concept and the names of its codings."""
    displays = [part(one, "display") for one in items(part(concept, "coding"))]
    return [said for one in (part(concept, "text"), *displays) if (said := text(one))]


def name(concept: Json) -> str:
    """What a concept calls itself, in one line, for a card."""
    first = next(iter(items(part(concept, "coding"))), None)
    said = text(part(concept, "text")) or text(part(first, "display"))
    whole = " ".join((said or text(part(first, "code"))).split())
    return whole[:LONGEST_NAME] or "without a name"


def day(value: Json) -> date | None:
    """The day of a date or an instant."""
    try:
        return date.fromisoformat(text(value)[:10])
    except ValueError:
        return None


def years(born: date | None, today: date) -> float | None:
    """Whole years since a day of birth; None if it is not known or still to come."""
    if born is None or born > today:
        return None
    return float(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def number(value: Json) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def text(value: Json) -> str:
    """A text, or an empty one."""
    return value if isinstance(value, str) else ""


def items(value: Json) -> list[Json]:
    """A list, or an empty one."""
    return value if isinstance(value, list) else []


def part(value: Json, key: str) -> Json:
    """A field of an object, or None."""
    return value.get(key) if isinstance(value, dict) else None
