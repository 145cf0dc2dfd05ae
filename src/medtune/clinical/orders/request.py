"""An order-sign or order-select request of CDS Hooks 2.0, read: drafts, other drugs, the patient.

Nothing of another patient is used, and a list that was not sent, could not be read or goes on on
another page is said to be so: it is never taken for an empty one.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from medtune.clinical.fhir import Resource, entries, items, part, text
from medtune.clinical.medication import reference
from medtune.clinical.orders.drug import Ordered, read_orders
from medtune.clinical.orders.patient import Known, read_patient
from medtune.clinical.pgx.record import Genotypes, genotypes
from medtune.errors import DataError
from medtune.records import Json

PATIENT: Final = "patient={{context.patientId}}"
PREFETCH: Final = {
    "patient": "Patient/{{context.patientId}}",
    "allergies": f"AllergyIntolerance?{PATIENT}",
    "medications": f"MedicationRequest?{PATIENT}&status=active,on-hold"
    "&_include=MedicationRequest:medication",
    "statements": f"MedicationStatement?{PATIENT}&status=active,intended,on-hold"
    "&_include=MedicationStatement:medication",
    "conditions": f"Condition?{PATIENT}",
    "observations": f"Observation?{PATIENT}&category=laboratory,vital-signs,social-history",
}
"""The resources that are looked at, by key."""
REQUIRED: Final = frozenset({"patient", "allergies", "medications"})
"""Keys without which nothing is advised: HTTP 412. A call may lack the others, and is told so."""


class Asked(NamedTuple):
    """What is to be checked."""

    drafts: Sequence[Ordered]
    """The orders that the cards are about."""
    others: Sequence[Ordered]
    """What else is ordered or taken."""
    known: Known
    genotypes: Genotypes
    has_drug: bool
    """Whether any drug is drafted, known or not."""
    grave: Sequence[str]
    """What could not be read, and leaves a draft or a whole list unchecked."""
    minor: Sequence[str]
    """What else could not be read."""


def read_request(context: Resource, prefetch: Mapping[str, Resource | None], today: date) -> Asked:
    """The parts of a request.

    Raises:
        DataError: The draft orders are not a Bundle.
    """
    bundle = context.get("draftOrders")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise DataError("context.draftOrders: not a FHIR R4 Bundle; put the draft orders into one")
    who = text(context.get("patientId")).removeprefix("Patient/")
    drafted, strange = _of(who, "draft orders", bundle)
    held: dict[str, list[Resource]] = {}
    for key in PREFETCH:
        held[key], odd = _of(who, key, prefetch.get(key))
        strange += odd
        # the allergies are told as not known by the rules themselves
        if key != "allergies" and _is_lacking(prefetch, key):
            strange.append(f"{key}: not sent, or could not be read")
    chosen = {text(one) for one in items(context.get("selections"))}
    first = [one for one in drafted if reference(one) in chosen] or drafted
    shelf = [one for one in drafted if one.get("resourceType") == "Medication"]
    mine, unknown = read_orders([*first, *shelf])
    rest, also = read_orders([*(one for one in drafted if one not in first), *shelf])
    taken, more = read_orders([*held["medications"], *held["statements"]])
    ids = {reference(one) for one in drafted if one.get("id")}
    people = [one for one in held["patient"] if one.get("resourceType") == "Patient"]
    known = read_patient(people[0] if people else {}, held, today)
    return Asked(
        drafts=mine,
        others=[*rest, *(one for one in taken if one.id not in ids)],
        known=known,
        genotypes=genotypes(held["observations"]),
        has_drug=bool(mine or unknown),
        grave=[*known.allergies_unread, *unknown, *strange],
        minor=[*also, *more, *known.unread],
    )


def _is_lacking(prefetch: Mapping[str, Resource | None], key: str) -> bool:
    """Whether a key is absent or could not be read; None is no such data."""
    return key not in prefetch or (prefetch[key] or {}).get("resourceType") == "OperationOutcome"


def _of(who: str, key: str, bundle: Resource | None) -> tuple[list[Resource], list[str]]:
    """The resources of a patient, and what is odd about the bundle."""
    found = entries(bundle)
    mine = [one for one in found if _patient(one) in ("", who)]
    odd: list[str] = []
    if len(mine) < len(found):
        odd.append(f"{key}: {len(found) - len(mine)} of another patient, not used")
    if any(part(one, "relation") == "next" for one in items((bundle or {}).get("link"))):
        odd.append(f"{key}: only the first page was sent")
    return mine, odd


def _patient(one: Resource) -> str:
    """The id of the patient whom a resource is about; empty where it does not say."""
    if one.get("resourceType") == "Patient":
        return text(one.get("id"))
    whom: Json = one.get("subject") or one.get("patient")
    said = text(part(whom, "reference"))
    return said.rpartition("/")[2] if "Patient/" in said else ""
