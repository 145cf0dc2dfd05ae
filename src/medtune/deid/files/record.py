"""Records with named fields, from JSON or CSV: a field's name says what its value is.

A field that is named for an identifier is replaced whole; any other text is searched. Names that
stand in one field are known in all other fields of the same record.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as field_of
from functools import lru_cache
from typing import NamedTuple

from medtune.deid.document import flatten
from medtune.deid.find import find
from medtune.deid.kinds import NAMES, OLDEST_KEPT, Kind
from medtune.deid.replace import Change, replace_spans
from medtune.deid.span import Span
from medtune.deid.surrogate.choose import Method, surrogate
from medtune.deid.surrogate.key import Key
from medtune.records import Json

FIELDS: tuple[tuple[Kind | None, str], ...] = (
    ("fax", r"fax"),
    ("phone", r"phone|telephone|mobile|cell|tel|telefono|movil|pager"),
    ("email", r"e?mail|correo"),
    ("url", r"url|website|homepage"),
    ("ip", r"ip address|ip|mac address"),
    ("ssn", r"ssn|social security|nhs|dni|nie|nif|passport|pasaporte|national id"),
    ("mrn", r"mrn|medical record|chart number|chart no|nhc|historia clinica|cipa"),
    ("insurance", r"policy|member id|insurance (?:id|number)|subscriber|beneficiary|nass|poliza"),
    ("account", r"account|iban|card number|credit card|cuenta"),
    ("licence", r"licen[cs]e|npi|dea|colegiado|ncol"),
    ("vehicle", r"vin|plate|matricula"),
    ("device", r"serial|udi|device id|imei"),
    ("id", r"encounter id|visit id|accession|case id|specimen id|order id|csn|episodio"),
    ("zip", r"zip|postal code|postcode|zip code|codigo postal|cp"),
    ("city", r"city|town|county|municipio|localidad|ciudad|provincia|district"),
    ("street", r"address|street|domicilio|direccion|calle|address line"),
    ("hospital", r"hospital|facility|clinic|site name|centro"),
    ("organization", r"employer|company|organi[sz]ation|empresa"),
    ("age", r"age|edad|age years"),
    ("date", r"dob|birth ?date|date of birth|birthday|fecha (?:de )?nac\w*"),
    ("clinician", r"physician|doctor|provider|clinician|attending|nurse|surgeon|medico|author"),
    ("patient", r"name|patient|patient name|nombre|apellidos?|surname|maiden name"
                r"|nombre y apellidos|mother|father|spouse"
                r"|(?:first|last|middle|full|given|family|preferred) ?name"),
)  # fmt: skip
PERSON = (
    r"(?:patient|pt|client|member|subject|person|resident|contact|guardian|insured|kin|paciente)"
)
"""What may stand before `name`: the name of a drug or of a file is nobody's."""
PATIENT_FIELDS = (
    "patient_id", "patientid", "subject_id", "person_id", "patient", "mrn", "nhc", "pid", "subject",
)  # fmt: skip
"""Where the patient's number is looked for, in this order, unless it is named."""


@dataclass(frozen=True, slots=True)
class Located:
    """A change and the field that it is in."""

    field: str
    """Its path, such as `notes.0.text`; empty in a text file."""
    change: Change
    old: str = field_of(repr=False)
    """What stood there: for the file of originals only, if one is asked for."""


def located(path: str, text: str, changes: Iterable[Change]) -> list[Located]:
    """The changes of a text with its path."""
    return [Located(path, change, text[change.start : change.end]) for change in changes]


def patient_of(record: Mapping[str, Json], field: str | None, default: str) -> str:
    """Whose record it is: the named field, or the first usual one, or a default of its own."""
    if field is not None:
        return str(record.get(field, default))
    by_name = {flatten(name): value for name, value in record.items()}
    for name in PATIENT_FIELDS:
        if by_name.get(name) not in (None, ""):
            return str(by_name[name])
    return default


@lru_cache(maxsize=10_000)
def kind_of(field: str) -> Kind | None:
    """What a field's name says of its value, or None if it says nothing."""
    words = flatten(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field))
    words = re.sub(r"[^a-z0-9]+", " ", words).strip()
    for kind, pattern in FIELDS:
        before = PERSON if kind == "patient" else r"\w+"
        if re.fullmatch(rf"(?:{before} )?(?:{pattern})(?: ?\d| number| no| value)?", words):
            return kind
    return None


class Owner(NamedTuple):
    """Whose a record is."""

    patient: str
    field: str | None
    """The field with the patient's number, which becomes a pseudonym."""
    names: Sequence[str]
    """Names that texts of this patient may hold."""


def names_of(record: Mapping[str, Json]) -> list[str]:
    """The names that stand in fields named for a name."""
    return [text for name, text in _texts(record, "") if kind_of(_last(name)) in NAMES]


def deidentify_record(
    record: Mapping[str, Json], owner: Owner, method: Method, key: Key
) -> tuple[dict[str, Json], list[Located]]:
    """Replace the identifiers of one record.

    Args:
        record: The record.
        owner: Whose it is.
        method: What to find and what to put there.
        key: The secret.
    """
    of = _Record(owner.patient, [*owner.names, *names_of(record)], method, key)
    found: list[Located] = []
    clean: dict[str, Json] = {}
    for name, value in record.items():
        if name == owner.field:
            clean[name] = pseudonym(key, str(value))
        else:
            clean[name] = _clean(value, name, of, found)
    return clean, found


def pseudonym(key: Key, name: str) -> str:
    """The number by which a patient goes in the output: 12 hexadecimal digits."""
    return key.draw("pseudonym", name).hex()[:12]


class _Record(NamedTuple):
    patient: str
    known: list[str]
    method: Method
    key: Key


def _last(path: str) -> str:
    """The name of the field, without the numbers of a list."""
    return next((p for p in reversed(path.split(".")) if not p.isdigit()), path)


def _texts(value: Json | Mapping[str, Json], path: str) -> Iterator[tuple[str, str]]:
    """Every text of a record with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _texts(part, f"{path}.{i}")


def _clean(value: Json, path: str, of: _Record, found: list[Located]) -> Json:
    """A value without its identifiers; what was replaced is added to `found`."""
    kind = kind_of(_last(path))
    new: Json = value
    if isinstance(value, dict):
        new = {name: _clean(part, f"{path}.{name}", of, found) for name, part in value.items()}
    elif isinstance(value, list):
        new = [_clean(part, f"{path}.{i}", of, found) for i, part in enumerate(value)]
    elif isinstance(value, str):
        new = _text(value, kind, path, of, found)
    elif isinstance(value, bool) or value is None or kind is None:
        new = value
    elif kind == "age":
        new = min(value, OLDEST_KEPT + 1)
    else:
        new = _number(value, kind, path, of, found)
    return new


def _number(value: float, kind: Kind, path: str, of: _Record, found: list[Located]) -> Json:
    """A number in a field that is named for an identifier; it stays a number where it can."""
    clean = _text(str(value), kind, path, of, found)
    return int(clean) if isinstance(value, int) and clean.isdigit() else clean


def _text(value: str, kind: Kind | None, path: str, of: _Record, found: list[Located]) -> str:
    if not value.strip():
        return value
    if kind in (None, "age", "date"):
        spans = find(value, of.method.language, of.known, tagger=of.method.tagger)
        if kind == "date":
            return _birth(value, path, of, found)
        clean = replace_spans(value, spans, of.patient, of.method, of.key)
        found += located(path, value, clean.changes)
        return clean.text
    own = of.key.patient(of.patient)
    new = surrogate(value, kind, of.method, own)
    if new != value:
        found.append(Located(path, Change(0, len(value), kind, "field", 0, len(new)), value))
    return new


def _birth(value: str, path: str, of: _Record, found: list[Located]) -> str:
    """A date of birth: moved, cut to its year, or left out where it says that age is over 89."""
    span = Span(0, len(value), "date", "field")
    own = of.key.patient(of.patient)
    new = surrogate(value, span.kind, of.method, own, before="date of birth: ")
    found.append(Located(path, Change(0, len(value), "date", "field", 0, len(new)), value))
    return new
