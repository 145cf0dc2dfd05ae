"""Structured facts about a patient, and the sentences that a note is checked with."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Fact(BaseModel):
    """Strict and frozen; `id` is that of the resource or the row."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    id: str


class Condition(_Fact):
    """An illness or a symptom, present or absent."""

    name: str
    present: bool = True
    side: Literal["left", "right", "both"] | None = None
    since: str | None = None
    """ISO 8601 date of onset, as far as known."""


class Measurement(_Fact):
    """A vital sign or laboratory value."""

    name: str
    value: float
    unit: str = ""
    """UCUM code."""
    on: str | None = None


class Medicine(_Fact):
    """A drug that is taken, planned, on hold, stopped, or of an order that has ended."""

    drug: str
    dose: Annotated[float, Field(gt=0)] | None = None
    unit: str = ""
    route: str = ""
    per_day: Annotated[float, Field(gt=0)] | None = None
    said: str = ""
    """How to take it, in the record's own words; they go before dose and frequency."""
    as_needed: str = ""
    """Such as "as needed for pain"; `per_day` is then the most."""
    at_most: str = ""
    """Such as "no more than 6 tablets in 24 hours"."""
    status: Literal["taken", "planned", "on hold", "stopped", "ended"] = "taken"
    """An order may have ended though the drug is still taken: it says neither take nor stop."""


class Allergy(_Fact):
    """What the patient is allergic to."""

    substance: str


class Event(_Fact):
    """A procedure, an examination or an appointment."""

    name: str
    status: Literal["done", "planned"]
    side: Literal["left", "right", "both"] | None = None
    on: str | None = None


class Facts(BaseModel):
    """What is known of a patient at one visit. None means that it is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    age_years: Annotated[float, Field(ge=0, le=130)] | None = None
    sex: Literal["female", "male"] | None = None
    conditions: tuple[Condition, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    medicines: tuple[Medicine, ...] = ()
    allergies: tuple[Allergy, ...] | None = None
    """Empty when none are known, None when nobody asked."""
    events: tuple[Event, ...] = ()


AMOUNT = re.compile(
    r"\b(?:\d[\d.,/]*|an?|one|two|three|four|half)\s*(?:(?:of )?an? )?(?:(?:mg|mcg|µg|ug|g|grams?|"
    r"ml|units?|iu|meq|mmol|tab(?:let)?s?|cap(?:sule)?s?|pills?|puffs?|drops?|sprays?|patch(?:es)?)\b|%)",
    re.IGNORECASE,
)
"""Words that say how much."""
TIMES: Mapping[float, str] = {
    1 / 7: "once weekly",
    2 / 7: "twice weekly",
    0.5: "every other day",
    1: "once daily",
    2: "twice daily",
    3: "three times daily",
    4: "four times daily",
}


def sentences_of(facts: Facts) -> list[tuple[str, str]]:
    """Each fact as a sentence, with the id of where it is from."""
    found: list[tuple[str, str]] = []
    if facts.age_years is not None or facts.sex:
        age = f"{facts.age_years:g}-year-old " if facts.age_years is not None else ""
        found.append(("patient", f"The patient is a {age}{facts.sex or 'person'}."))
    for one in facts.conditions:
        since = f" since {_day(one.since)}" if one.since else ""
        found.append(
            (one.id, f"{'' if one.present else 'No '}{_sided(one.side, one.name)}{since}.")
        )
    for one in facts.measurements:
        on = f" on {_day(one.on)}" if one.on else ""
        found.append((one.id, f"{one.name} {one.value:g} {_written(one.unit)}".rstrip() + f"{on}."))
    found += [(one.id, f"{_verb(one)}{medicine_text(one)}.") for one in facts.medicines]
    if facts.allergies is not None and not facts.allergies:
        found.append(("allergies", "No known allergies."))
    found += [(one.id, f"Allergic to {one.substance}.") for one in facts.allergies or ()]
    for one in facts.events:
        on = f" on {_day(one.on)}" if one.on else ""
        verb = "was done" if one.status == "done" else "is scheduled"
        found.append((one.id, f"{_sided(one.side, one.name)} {verb}{on}."))
    return found


def medicine_text(one: Medicine) -> str:
    """A drug with how to take it in words; what is not known of one that is taken is said."""
    has_strength = one.dose is not None and any(sign.isdigit() for sign in one.drug)
    parts = [f"{one.drug}," if has_strength else one.drug]
    if one.dose is not None:
        parts.append(f"{one.dose:g} {one.unit}".rstrip())
    if one.route:
        parts.append(f"by {one.route}" if one.route == "mouth" else one.route)
    times = TIMES.get(one.per_day, f"{one.per_day:g} times daily") if one.per_day else ""
    if times and not one.as_needed:
        parts.append(times)
    often = f"at most {times}" if times and one.as_needed else ""
    told = (" ".join(parts), one.said, one.as_needed, often, one.at_most, _unknown(one))
    return ", ".join(filter(None, told))


def _unknown(one: Medicine) -> str:
    """What is not known of how to take a drug that is taken or planned."""
    if one.status not in ("taken", "planned"):
        return ""
    if one.dose is None and not AMOUNT.search(one.said):
        return "dose not known, ask us"
    is_timed = one.per_day or one.said or one.as_needed
    return "" if is_timed else "how often not known, ask us"


def _verb(one: Medicine) -> str:
    return {
        "taken": "Takes ",
        "planned": "Will start ",
        "on hold": "On hold, not taken for now: ",
        "stopped": "Stopped ",
        "ended": "No longer an active order: ",
    }[one.status]


def _sided(side: str | None, name: str) -> str:
    if side is None:
        return name
    return f"{'bilateral' if side == 'both' else side} {name}"


def _written(unit: str) -> str:
    return {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F"}.get(unit, unit)


def _day(iso: str) -> str:
    """An ISO date in words, as far as it is given: "10 January 2009" reads the same everywhere."""
    parts = iso[:10].split("-")
    if len(parts) == 3:  # noqa: PLR2004
        return f"{date.fromisoformat(iso[:10]):%B} {int(parts[2])}, {parts[0]}"
    return f"{date(int(parts[0]), int(parts[1]), 1):%B} {parts[0]}" if len(parts) > 1 else iso
