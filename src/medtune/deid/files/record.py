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
    "patientid", "subjectid", "personid", "patient", "mrn", "nhc", "pid", "subject",
    "participantid", "patientnumber", "patientno", "patid", "ptid",
)  # fmt: skip
"""Where the patient's number is looked for, in this order, unless it is named."""
TYPED = frozenset({"mrn", "nhc"})
"""Of those, the ones that get a code of the same form where another field tells the patient."""
MAYBE_TEXT = frozenset({"patient", "subject"})
"""Of those, the ones that may hold a whole name, or what a message is about."""
AGE = re.compile(
    r"\D{0,3}\d{1,3}(?:[.,]\d+)?\D{0,15}|[a-z -]{0,8}(?:ninety|hundred|noventa|cien)[a-z -]{0,20}"
)
"""What a field named for an age may hold without being prose: `95`, `F/95`, `ninety-five`."""

DAY = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
"""A date without marks, alone in a field: `20240531`, as text or number."""


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


def patient_field(record: Mapping[str, Json], field: str | None) -> str | None:
    """The field that says whose record it is: the named one, or the first usual one; or None."""
    if field is not None:
        return field if record.get(field) not in (None, "") else None
    by_name = {_compact(name): name for name, value in record.items() if value not in (None, "")}
    return next((by_name[name] for name in PATIENT_FIELDS if name in by_name), None)


def patient_of(record: Mapping[str, Json], field: str | None, default: str) -> str:
    """Whose record it is: what that field holds, or a default of its own."""
    name = patient_field(record, field)
    return default if name is None else str(record[name])


@lru_cache(maxsize=10_000)
def _words(field: str) -> str:
    """A field's name as words in lower case: `patientName` and `Patient_Name` are one."""
    words = flatten(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field))
    return re.sub(r"[^a-z0-9]+", " ", words).strip()


def _compact(field: str) -> str:
    return _words(field).replace(" ", "")


@lru_cache(maxsize=10_000)
def kind_of(field: str) -> Kind | None:
    """What a field's name says of its value, or None if it says nothing."""
    words = _words(field)
    for kind, pattern in FIELDS:
        before = PERSON if kind == "patient" else r"\w+"
        if re.fullmatch(rf"(?:{before} )?(?:{pattern})(?: ?\d| number| no| value)?", words):
            return kind
    return None


class Owner(NamedTuple):
    """Whose a record is."""

    patient: str
    field: str | None
    """The field with the patient's number, if the user named it."""
    names: Sequence[str]
    """Names that texts of this patient may hold."""


def names_of(record: Mapping[str, Json]) -> list[str]:
    """The names that stand in fields named for a name."""
    return [text for name, text in _texts(record, "") if kind_of(_last(name)) in NAMES]


def deidentify_record(
    record: Mapping[str, Json], owner: Owner, method: Method, key: Key
) -> tuple[dict[str, Json], list[Located]]:
    """Replace the identifiers of one record. Patients' numbers and its `id` become pseudonyms.

    Args:
        record: The record.
        owner: Whose it is.
        method: What to find and what to put there.
        key: The secret.
    """
    of = _Record(owner.patient, [*owner.names, *names_of(record)], method, key)
    found: list[Located] = []
    clean: dict[str, Json] = {}
    whose = patient_field(record, owner.field)
    for name, value in record.items():
        is_own = name == whose and _is_number(name, value)
        is_id = is_own or name == owner.field or _compact(name) == "id"
        if is_id and isinstance(value, str | int | float) and value != "":
            clean[name] = _pseudonym(str(value), name, of, found)
        else:
            clean[name] = _clean(value, name, of, found)
    return clean, found


def _is_number(name: str, value: Json) -> bool:
    """Whether a field, by its name and value, holds a patient's number."""
    bare = _compact(name)
    if bare not in PATIENT_FIELDS or isinstance(value, bool | list | dict) or value in (None, ""):
        return False
    n_words = len(str(value).split())
    has_digit = any(c.isdigit() for c in str(value))
    return bare not in MAYBE_TEXT or n_words <= 1 + has_digit


def pseudonym(key: Key, name: str) -> str:
    """The number by which a patient goes in the output: 12 hexadecimal digits."""
    return key.draw("pseudonym", name).hex()[:12]


def _pseudonym(old: str, path: str, of: "_Record", found: list[Located]) -> str:
    new = pseudonym(of.key, old)
    found.append(Located(path, Change(0, len(old), "id", "field", 0, len(new)), old))
    return new


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
    name = _last(path)
    kind = kind_of(name)
    new: Json = value
    if _compact(name) not in TYPED and _is_number(name, value):
        new = _pseudonym(str(value), path, of, found)
    elif isinstance(value, dict):
        new = {name: _clean(part, f"{path}.{name}", of, found) for name, part in value.items()}
    elif isinstance(value, list):
        new = [_clean(part, f"{path}.{i}", of, found) for i, part in enumerate(value)]
    elif isinstance(value, str):
        new = _text(value, kind, path, of, found)
    elif isinstance(value, bool) or value is None or not (kind or DAY.fullmatch(str(value))):
        new = value
    elif kind == "age":
        new = min(value, OLDEST_KEPT + 1)
    else:
        new = _number(value, kind, path, of, found)
    return new


def _number(value: float, kind: Kind | None, path: str, of: _Record, found: list[Located]) -> Json:
    """A number that is a date, or whose field is named for an identifier; a number if it can."""
    clean = _text(str(value), kind, path, of, found)
    return int(clean) if isinstance(value, int) and clean.isdigit() else clean


def _text(value: str, kind: Kind | None, path: str, of: _Record, found: list[Located]) -> str:
    if not value.strip():
        return value
    if kind == "date" or (kind is None and DAY.fullmatch(value)):
        return _date(value, kind, path, of, found)
    if kind is None or (kind == "age" and not AGE.fullmatch(flatten(value))):
        spans = find(value, of.method.language, of.known, tagger=of.method.tagger)
        clean = replace_spans(value, spans, of.patient, of.method, of.key)
        found += located(path, value, clean.changes)
        return clean.text
    own = of.key.patient(of.patient)
    new = surrogate(value, kind, of.method, own)
    if new != value:
        found.append(Located(path, Change(0, len(value), kind, "field", 0, len(new)), value))
    return new


def _date(value: str, kind: Kind | None, path: str, of: _Record, found: list[Located]) -> str:
    """A date, moved or cut to its year; a birth more than 89 years ago loses that, too."""
    before = "date of birth: " if kind else ""
    marked = DAY.sub(r"\1-\2-\3", value) if DAY.fullmatch(value) else value
    new = surrogate(marked, "date", of.method, of.key.patient(of.patient), before=before)
    new = new if marked == value else new.replace("-", "")
    found.append(Located(path, Change(0, len(value), "date", "field", 0, len(new)), value))
    return new
