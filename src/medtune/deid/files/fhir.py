"""FHIR R4 resources, element by element: names, contacts, addresses, identifiers, dates, text.

Source: HL7 FHIR R4 (4.0.1), data types and resources; elements are known by name and shape. Ids and
references get new ids that still lead to each other. Codes, systems and quantities stay; every
other string is searched.
"""

import re
from collections.abc import Iterator, Mapping

from medtune.deid.files.fhir_names import CODED, IDENTIFIERS, REMOVED
from medtune.deid.files.fhir_values import (
    REFERENCE,
    Of,
    attachment,
    free_text,
    id_in,
    is_age,
    kept_age,
    moved_date,
    narrative,
    new_reference,
    new_uid,
    replaced,
)
from medtune.deid.files.record import Located
from medtune.deid.kinds import Kind
from medtune.deid.replace import Change
from medtune.deid.surrogate.choose import Method
from medtune.deid.surrogate.key import Key
from medtune.records import Json

HUMAN_NAME = re.compile(r"(?:^|\.)(?:name|valueHumanName)(?:\.\d+)?\.text$")
ISO_DATE = re.compile(r"\d{4}-\d\d(?:-\d\d(?:T\d\d:\d\d.*)?)?")
GEOLOCATION = "http://hl7.org/fhir/StructureDefinition/geolocation"
NO_DATES = frozenset({"version", "code", "system", "url", "value"})
PLACES: dict[str, Kind] = {
    "Organization": "organization", "Location": "hospital", "HealthcareService": "hospital",
    "InsurancePlan": "organization", "Endpoint": "organization",
}  # fmt: skip
PEOPLE: dict[str, Kind] = {
    "Patient": "patient", "Practitioner": "clinician", "RelatedPerson": "person",
    "Person": "person",
}  # fmt: skip
ADDRESS: dict[str, Kind] = {
    "line": "street", "text": "street", "city": "city", "district": "city", "postalCode": "zip",
}  # fmt: skip
OWNERS = ("subject", "patient", "beneficiary", "individual")
CONTACTS: dict[str, Kind] = {
    "phone": "phone", "fax": "fax", "email": "email", "url": "url", "pager": "phone",
    "sms": "phone",
}  # fmt: skip
Element = Mapping[str, Json]


def is_fhir(value: object) -> bool:
    """Whether a JSON value is a FHIR resource."""
    return isinstance(value, dict) and isinstance(value.get("resourceType"), str)


def names_in(value: Json) -> Iterator[str]:
    """The names of people in a resource or bundle: family, given and whole names."""
    if isinstance(value, list):
        for part in value:
            yield from names_in(part)
    elif isinstance(value, dict):
        whole = [one.get("text") for one in _list(value.get("name")) if isinstance(one, dict)]
        for part in (value.get("family"), *_list(value.get("given")), *whole):
            if isinstance(part, str):
                yield part
        for part in value.values():
            yield from names_in(part)


def owner(resource: Element, default: str = "") -> str:
    """The id of the patient that a resource is about."""
    if resource.get("resourceType") == "Patient":
        return str(resource.get("id") or default)
    for name in OWNERS:
        element = resource.get(name)
        reference = element.get("reference") if isinstance(element, dict) else None
        if isinstance(reference, str) and not reference.startswith("#"):
            return id_in(reference)
    return default


def deidentify_fhir(
    resource: Element, method: Method, key: Key, known: list[str], patient: str = ""
) -> tuple[dict[str, Json], list[Located]]:
    """Replace the identifiers of a resource, or of every resource of a bundle.

    Args:
        resource: The resource as read from JSON.
        method: What to find and what to put there.
        key: The secret.
        known: Names of people that free text may hold.
        patient: Whose the resource is where it does not say so itself.
    """
    if resource.get("resourceType") == "Bundle":
        known = [*known, *names_in(dict(resource))]
        patient = _only_patient(resource) or patient
    of = Of(str(resource["resourceType"]), owner(resource, patient), known, method, key)
    found: list[Located] = []
    return _object(resource, "", of, found), found


def _only_patient(bundle: Element) -> str:
    """The id of the bundle's patient, if it has one only."""
    entries = [entry for entry in _list(bundle.get("entry")) if isinstance(entry, dict)]
    ids = {
        owner(one, _by_url(entry))
        for entry in entries
        if isinstance(one := entry.get("resource"), dict) and one.get("resourceType") == "Patient"
    }
    return ids.pop() if len(ids) == 1 else ""


def _by_url(entry: Element) -> str:
    """The id that the fullUrl of a bundle's entry names; "" if it has none."""
    url = entry.get("fullUrl")
    return id_in(url) if isinstance(url, str) else ""


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _is_name(value: Element) -> bool:
    return "family" in value or "given" in value


def _object(value: Element, path: str, of: Of, found: list[Located]) -> dict[str, Json]:
    """An element with children, each by its name."""
    if is_fhir(value) and path:
        of = of._replace(resource=str(value["resourceType"]), patient=owner(value, of.patient))
    resource = value.get("resource")
    if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
        of = of._replace(patient=_by_url(value) or of.patient)
    if isinstance(value.get("code"), dict) or "linkId" in value:
        of = of._replace(is_age=is_age(value))
    clean: dict[str, Json] = {}
    for name, part in value.items():
        here = f"{path}.{name}".lstrip(".")
        if name in REMOVED or (name == "data" and "sigFormat" in value):
            found.append(Located(here, Change(0, 0, REMOVED.get(name, "photo"), "fhir", 0, 0), ""))
            continue
        kept = _element(part, name, value, here, of, found)
        if kept is not None:
            clean[name] = kept
    return clean


def _element(
    part: Json, name: str, parent: Element, path: str, of: Of, found: list[Located]
) -> Json:
    """One element by its name and its parent; None leaves it out."""
    if isinstance(part, list):
        each = (_element(one, name, parent, f"{path}.{i}", of, found) for i, one in enumerate(part))
        new: Json = [one for one in each if one is not None] or None
    elif isinstance(part, dict):
        new = _object(part, path, of, found) if part.get("url") != GEOLOCATION else None
        if new is None:
            found.append(Located(path, Change(0, 0, "street", "fhir", 0, 0), ""))
    elif isinstance(part, str):
        new = _string(part, name, parent, path, of, found)
    else:
        new = kept_age(part, name, parent, path, of, found)
    return new


def _string(
    text: str, name: str, parent: Element, path: str, of: Of, found: list[Located]
) -> str | None:
    """A text element: an id, a date, an attachment, or what its name says it is."""
    is_own_id = name == "id" and is_fhir(parent) and ".contained." not in f".{path}"
    is_link = name in ("reference", "fullUrl") or (
        (name == "url" and "method" in parent) or (name == "location" and "status" in parent)
    )
    new: str | None
    if is_own_id or (is_link and re.search("[/:?]", text)):
        new = new_reference(text, of)
    elif name == "uid":
        new = new_uid(text, of.key)
    elif name == "data" and "contentType" in parent:
        new = attachment(text, str(parent["contentType"]), path, of, found)
    elif ISO_DATE.fullmatch(text) and name not in NO_DATES:
        new = moved_date(text, name, path, of, found)
    else:
        new = _named(text, name, parent, path, of, found)
    return new


def _named(text: str, name: str, parent: Element, path: str, of: Of, found: list[Located]) -> str:
    """A text element that is an identifier, a narrative, free text, or a code that stays."""
    kind = "person" if HUMAN_NAME.search(path) else _kind(name, parent, of)
    if name == "div":
        return narrative(text, path, of, found)
    if kind is not None:
        return replaced(text, kind, path, of, found)
    is_display = name == "display" and "system" in parent and "code" in parent
    if of.is_age and name in ("valueString", "answerString"):
        return replaced(text, "age", path, of, found)
    return text if name in CODED or is_display else free_text(text, path, of, found)


def _kind(name: str, parent: Element, of: Of) -> Kind | None:
    """The kind of identifier that a text element is, or None."""
    is_name = name in ("family", "given") or (name == "text" and _is_name(parent))
    is_file = name == "url" and "contentType" in parent
    is_maiden = str(parent.get("url", "")).endswith("mothersMaidenName")
    is_server = "relation" in parent or "versionId" in parent or "lastUpdated" in parent
    kinds: tuple[Kind | None, ...] = (
        PEOPLE.get(of.resource, "person") if is_name else None,
        PLACES.get(of.resource) if name in ("name", "alias") and is_fhir(parent) else None,
        CONTACTS.get(str(parent.get("system")), "mrn") if name == "value" else None,
        ADDRESS.get(name) if {"city", "postalCode", "line"} & parent.keys() else None,
        _referred(parent) if name == "display" else None,
        "person" if name == "valueString" and is_maiden else None,
        "url" if is_file or (name == "address" and of.resource == "Endpoint") else None,
        "ip" if name == "address" and of.resource == "AuditEvent" else None,
        "person" if name == "name" and {"requestor", "who"} & parent.keys() else None,
        "url" if name in ("url", "source") and is_server else None,
        IDENTIFIERS.get(name),
    )
    return next((kind for kind in kinds if kind is not None), None)


def _referred(parent: Element) -> Kind | None:
    """What the display of a reference names: a person, a place, or neither."""
    match = REFERENCE.fullmatch(str(parent.get("reference", "")))
    return (PEOPLE | PLACES).get(match["type"]) if match else None
