"""Drugs that are ordered or taken, out of FHIR R4: which drug, how much at a time, how often.

A drug counts by what its code (RxNorm ingredient) or its words name; where the two differ, both are
checked and it is said. A dose counts where one instruction gives it as a mass of a single
ingredient; any other dose is not known. The highest dose and frequency that an instruction allows
are taken.
"""

from collections.abc import Sequence
from typing import NamedTuple

from medtune.clinical.drugs import Order, drug_names
from medtune.clinical.fhir import Resource, items, name, part, text, words
from medtune.clinical.medication import (
    KINDS,
    concept,
    ingredients,
    milligrams,
    per_day,
    reference,
    shelf_of,
)

OVER = frozenset({"cancelled", "completed", "entered-in-error", "stopped", "not-taken"})


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
    shelf = shelf_of(resources)
    found: list[Ordered] = []
    unread: list[str] = []
    for one in resources:
        is_drug = one.get("resourceType") in KINDS
        if not is_drug or text(one.get("status")) in OVER or one.get("doNotPerform") is True:
            continue
        drug = concept(one, shelf)
        coded, spoken = ingredients(drug)
        both = tuple(dict.fromkeys((*coded, *spoken)))
        if not both:
            unread.append(f"{name(drug)}: the drug is not in the tables")
            continue
        if coded and spoken and not set(coded) <= set(spoken):
            unread.append(f"{name(drug)}: code and words name different drugs; both are checked")
        parts = [p for said in words(drug) for p in drug_names().unknown_parts(said)]
        unread += [f"{name(drug)}: {p} is not in the tables" for p in dict.fromkeys(parts)]
        order = Order("; ".join(both), *_dose(one, both))
        found.append(Ordered(reference(one), name(drug), both, order))
    return found, unread


def _dose(one: Resource, ingredients: Sequence[str]) -> tuple[dict[str, float], float | None]:
    """Milligrams of each ingredient at a time, and times a day, where known."""
    lines = items(one.get("dosageInstruction")) or items(one.get("dosage"))
    if len(lines) != 1 or len(ingredients) != 1:
        return {}, None
    found = milligrams(items(part(lines[0], "doseAndRate")))
    return ({ingredients[0]: found} if found else {}), per_day(part(lines[0], "timing"))
