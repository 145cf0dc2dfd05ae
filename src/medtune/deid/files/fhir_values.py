"""Single values of FHIR elements: ids, dates, narratives, attachments, free text."""

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from medtune.deid.files.record import Located, located
from medtune.deid.find import find
from medtune.deid.kinds import OLDEST_KEPT, Kind
from medtune.deid.replace import Change, replace_spans
from medtune.deid.span import Span
from medtune.deid.surrogate.choose import Method, surrogate
from medtune.deid.surrogate.key import Key
from medtune.records import Json

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
REFERENCE = re.compile(
    r"(?:https?://\S*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9._-]{1,64})(?:/_history/\S+)?"
)
TAG = re.compile(r"<(/?[A-Za-z][A-Za-z0-9]*)(?:\s[^>]*?)?(/?)>")
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
INSTANTS = frozenset({"issued", "lastUpdated", "recorded", "timestamp"})
"""Elements of the type instant, which cannot be a year alone."""
UID_BITS = 96
AGE_CODES = frozenset({"30525-0", "21612-7", "29553-5", "21611-9", "397669002", "424144002"})
"""LOINC and SNOMED CT: age, as reported, calculated, estimated, at a time."""
AGE_WORD = re.compile(r"\b(?:age|edad)\b", re.IGNORECASE)
YEARS = re.compile(r"a|a_j|a_g|yr?s?|years?|años?|anos?")
"""Units of a quantity that is longer than 89 of them in an age only."""


class Of(NamedTuple):
    """What every element of one resource shares."""

    resource: str
    patient: str
    known: list[str]
    method: Method
    key: Key
    is_age: bool = False
    """Whether the element tells an age."""


def id_in(reference: str) -> str:
    """The id that a reference leads to."""
    match = REFERENCE.fullmatch(reference)
    return match["id"] if match else reference.removeprefix("urn:uuid:")


def new_reference(text: str, of: Of) -> str:
    """A reference, or an id, that leads to the same resource under its new id."""
    if text.startswith("#"):
        return text
    if text.startswith("urn:uuid:"):
        return f"urn:uuid:{new_id(id_in(text), of.key)}"
    kind, mark, asked = text.partition("?")
    if mark:  # a conditional reference: what is asked for is an identifier
        bare = kind.rpartition("/")[2]
        return f"{bare}?identifier={new_id(asked, of.key)}"
    match = REFERENCE.fullmatch(text)
    server = "https://example.org/fhir/" if text.startswith("http") else ""
    return (
        f"{server}{match['type']}/{new_id(match['id'], of.key)}" if match else new_id(text, of.key)
    )


def new_id(old: str, key: Key) -> str:
    """Another id for a resource, the same in every file under the same key."""
    return str(uuid.UUID(bytes=key.draw("resource", old.lower())[:16], version=4))


def new_uid(old: str, key: Key) -> str:
    """Another DICOM UID, from a UUID as in DICOM PS3.5, B.2."""
    return f"2.25.{int.from_bytes(key.draw('uid', old), 'big') >> (256 - UID_BITS)}"


def moved_date(text: str, name: str, path: str, of: Of, found: list[Located]) -> str:
    """An ISO date moved, or cut to its year."""
    own = of.key.patient(of.patient)
    method = of.method
    year = int(text[:4])
    if name == "birthDate" and method.today.year - year > OLDEST_KEPT:
        new = str(method.today.year - OLDEST_KEPT - 1)
    elif name in INSTANTS and not method.shift_dates:
        new = f"{year}-01-01T00:00:00Z"
    elif re.fullmatch(r"\d{4}-\d\d", text):
        moved = surrogate(f"{text}-15", "date", method, own)
        new = moved[:7] if method.shift_dates else moved
    else:
        new = surrogate(text, "date", method, own)
    return _noted(text, new, "date", path, found)


def replaced(text: str, kind: Kind, path: str, of: Of, found: list[Located]) -> str:
    """An element that is one identifier."""
    if kind == "mrn" and UUID.fullmatch(text.removeprefix("urn:uuid:")):
        return _noted(text, new_reference(text, of), kind, path, found)
    if kind == "mrn" and text.startswith("urn:oid:"):
        return _noted(text, f"urn:oid:{new_uid(text, of.key)}", kind, path, found)
    new = surrogate(text, kind, of.method, of.key.patient(of.patient))
    return _noted(text, new, kind, path, found)


def _noted(old: str, new: str, kind: Kind, path: str, found: list[Located]) -> str:
    if new != old:
        found.append(Located(path, Change(0, len(old), kind, "fhir", 0, len(new)), old))
    return new


def free_text(text: str, path: str, of: Of, found: list[Located]) -> str:
    """Free text, searched."""
    spans = find(text, of.method.language, of.known, tagger=of.method.tagger)
    clean = replace_spans(text, spans, of.patient, of.method, of.key)
    found += located(path, text, clean.changes)
    return clean.text


def is_age(element: Mapping[str, Json]) -> bool:
    """Whether the code or the question of an element says that its value is an age."""
    code = element.get("code")
    concept = code if isinstance(code, dict) else {}
    codings = concept.get("coding")
    told = [concept, *(codings if isinstance(codings, list) else []), element]
    return any(
        str(one.get("code")) in AGE_CODES
        or AGE_WORD.search(f"{one.get('text')} {one.get('display')}")
        for one in told
        if isinstance(one, dict)
    )


def kept_age(
    value: Json, name: str, parent: Mapping[str, Json], path: str, of: Of, found: list[Located]
) -> Json:
    """A number; where it is an age over 89, the one that stands for all such ages."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= OLDEST_KEPT:
        return value
    units = (parent.get("code"), parent.get("unit"))
    unit = next((one.lower() for one in units if isinstance(one, str) and one), "")
    is_years = bool(YEARS.fullmatch(unit))
    is_of_type = name == "value" and path.lower().endswith("age.value")
    is_told = of.is_age and name in ("value", "valueInteger", "valueDecimal") and not unit
    if not (is_of_type or is_years or is_told):
        return value
    return int(_noted(str(value), str(OLDEST_KEPT + 1), "age", path, found))


def narrative(text: str, path: str, of: Of, found: list[Located]) -> str:
    """The XHTML of a narrative: its text searched, the attributes of its tags taken off."""
    bare = TAG.sub(lambda tag: f"<{tag[1]}{tag[2]}>", text)
    masked = re.sub(r"<[^>]*>", lambda tag: "\n" + " " * (len(tag[0]) - 1), bare)
    spans = find(masked, of.method.language, of.known, tagger=of.method.tagger)
    whole = [span for part in spans for span in _outside_tags(part, bare)]
    clean = replace_spans(bare, whole, of.patient, of.method, of.key)
    found += located(path, bare, clean.changes)
    return re.sub(r"^<div>", DIV, clean.text)


def _outside_tags(span: Span, text: str) -> list[Span]:
    """The parts of a span between tags."""
    pieces: list[Span] = []
    start = span.start
    for tag in re.finditer(r"<[^>]*>", text[span.start : span.end]):
        pieces.append(span._replace(start=start, end=span.start + tag.start()))
        start = span.start + tag.end()
    pieces.append(span._replace(start=start))
    return [piece for piece in pieces if piece.start < piece.end]


def attachment(data: str, kind: str, path: str, of: Of, found: list[Located]) -> str | None:
    """Text in base64, searched; anything else is left out, for it may be a picture."""
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        text = None
    if text is None or not kind.startswith("text/"):
        found.append(Located(path, Change(0, len(data), "photo", "fhir", 0, 0), ""))
        return None
    clean = free_text(text, path, of, found)
    return base64.b64encode(clean.encode()).decode("ascii")
