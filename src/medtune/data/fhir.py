"""FHIR R4 as one record per patient: dated lines of what is known, and the facts behind them.

Read are a Bundle (JSON), several in a folder, and NDJSON of resources as Bulk Data Export writes
them (one resource per line; a folder for an export of several files). The resources of a patient
may lie anywhere in the source: they are brought together in a temporary database on disk. What is
about anything but a patient, such as a device or a group, is left out.

Columns: `patient` (the resource's id, or where it has none the one that its entry's fullUrl names),
`sex`, `birth_date`, `death_date`, `race`, `ethnicity` (US Core), `time` (the last date), `text`
(all of the below under headings), one column of lines for each kind of fact (allergies, conditions,
medications, labs, vitals, observations, procedures, immunizations, encounters, reports, notes) and
`facts` (a list of objects). Names, addresses, telephone numbers and other identifiers are never
read.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from medtune.data.fhir_facts import (
    KINDS,
    UNNAMED,
    Fact,
    Resource,
    concept,
    facts_of,
    listed,
    part,
    text,
)
from medtune.data.json_files import json_lines, json_list
from medtune.data.row import Row
from medtune.deid.files.fhir_values import REFERENCE, id_in
from medtune.errors import DataError
from medtune.progress import progress
from medtune.records import Json

PERSON = ("sex", "birth_date", "death_date", "race", "ethnicity")
FHIR_COLUMNS = ("patient", *PERSON, "time", "text", *KINDS, "facts")
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
SUFFIXES = (".json", ".ndjson", ".jsonl")
TABLES = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE person (patient TEXT PRIMARY KEY, about TEXT);
    CREATE TABLE alias (name TEXT PRIMARY KEY, patient TEXT);
    CREATE TABLE medication (id TEXT PRIMARY KEY, name TEXT);
    CREATE TABLE fact (patient TEXT, kind TEXT, date TEXT, what TEXT, code TEXT, value TEXT,
                       status TEXT, seen INTEGER PRIMARY KEY);
"""
TO_ONE_NAME = """
    UPDATE fact SET patient = (SELECT alias.patient FROM alias WHERE alias.name = fact.patient)
    WHERE patient IN (SELECT name FROM alias)
"""
BY_PATIENT = "CREATE INDEX by_patient ON fact (patient, date, seen)"


class _Entry(NamedTuple):
    """A resource where it stands."""

    resource: Resource
    url: str
    """The fullUrl of its entry in a Bundle; "" if it has none."""
    where: str


def is_resource(values: Mapping[str, Json]) -> bool:
    """Whether a record is a FHIR resource."""
    return isinstance(values.get("resourceType"), str)


def patients(path: Path) -> Iterator[Row]:
    """Yield one row per patient, in the order of their ids.

    Raises:
        DataError: A file is not JSON, or holds something other than FHIR resources, or a Patient
            that nothing can refer to.
    """
    with (
        TemporaryDirectory(prefix="medtune-fhir-") as folder,
        closing(sqlite3.connect(Path(folder) / "facts.sqlite")) as database,
    ):
        database.executescript(TABLES)
        with progress("reading FHIR resources", 0, "resources") as advance:
            for entry in _entries(path):
                _store(database, entry)
                advance(1)
        database.execute(TO_ONE_NAME)
        database.execute(BY_PATIENT)
        yield from _rows(database, path)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)


def _entries(path: Path) -> Iterator[_Entry]:
    for file in _files(path):
        rows = json_list(file) if file.suffix.lower() == ".json" else json_lines(file)
        for row in rows:
            if not is_resource(row.values):
                raise DataError(f"{row.where}: not a FHIR resource: it has no resourceType")
            if row.values["resourceType"] != "Bundle":
                yield _Entry(row.values, "", row.where)
                continue
            for entry in listed(row.values.get("entry")):
                resource = part(entry, "resource")
                if isinstance(resource, dict):
                    yield _Entry(resource, text(part(entry, "fullUrl")), row.where)


def _store(database: sqlite3.Connection, entry: _Entry) -> None:
    resource = entry.resource
    kind, own = text(resource.get("resourceType")), text(resource.get("id"))
    outer = _key(entry.url, kind)
    if kind == "Patient":
        if not own and not outer:
            raise DataError(
                f"{entry.where}: a Patient has no id, and no fullUrl that names one, so nothing "
                "can refer to it; give it an id"
            )
        about = json.dumps(_person(resource))
        database.execute("INSERT OR REPLACE INTO person VALUES (?, ?)", (own or outer, about))
        if own and outer and own != outer:
            database.execute("INSERT OR REPLACE INTO alias VALUES (?, ?)", (outer, own))
    elif kind == "Medication":
        words, _ = concept(resource.get("code"))
        for name in {own, outer} - {""}:
            database.execute("INSERT OR REPLACE INTO medication VALUES (?, ?)", (name, words))
    else:
        subject = resource.get("subject") or resource.get("patient")
        patient = _key(text(part(subject, "reference")), "Patient")
        for fact in facts_of(resource) if patient else ():
            row = (patient, *fact, None)
            database.execute("INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def _key(reference: str, kind: str) -> str:
    """The id that `Patient/1`, `urn:uuid:1` and `https://host/fhir/Patient/1/_history/2` refer to.

    It is empty for a resource of another type than `kind`, such as a device.
    """
    match = REFERENCE.fullmatch(reference)
    fits = reference.startswith("urn:uuid:") if match is None else match["type"] == kind
    return id_in(reference) if fits else ""


def _person(resource: Resource) -> dict[str, Json]:
    groups = {name: _extension(resource, US_CORE + name, "text") for name in ("race", "ethnicity")}
    return {
        "sex": text(resource.get("gender")),
        "birth_date": text(resource.get("birthDate")),
        "death_date": text(resource.get("deceasedDateTime"))[:10],
        **groups,
    }


def _extension(resource: Resource, url: str, name: str) -> str:
    for outer in listed(resource.get("extension")):
        if part(outer, "url") == url:
            for inner in listed(part(outer, "extension")):
                if part(inner, "url") == name:
                    return text(part(inner, "valueString"))
    return ""


def _rows(database: sqlite3.Connection, path: Path) -> Iterator[Row]:
    names = "SELECT patient FROM person UNION SELECT patient FROM fact ORDER BY patient"
    drugs: dict[str, str] = dict(database.execute("SELECT id, name FROM medication"))
    for (patient,) in database.execute(names):
        about = "SELECT about FROM person WHERE patient = ?"
        known = database.execute(about, (patient,)).fetchone()
        facts = [
            _named(Fact(*row), drugs)
            for row in database.execute(
                "SELECT kind, date, what, code, value, status FROM fact WHERE patient = ? "
                "ORDER BY date, seen",
                (patient,),
            )
        ]
        person: dict[str, Json] = dict.fromkeys(PERSON, "")
        person.update(json.loads(known[0]) if known else {})
        yield Row(_values(patient, person, facts), f"{path}: patient {patient}")


def _named(fact: Fact, drugs: Mapping[str, str]) -> Fact:
    """A medication that is only referred to gets the name of the resource it refers to."""
    if fact.kind != "medications" or fact.what != fact.code:
        return fact
    return fact._replace(what=drugs.get(_key(fact.code, "Medication")) or UNNAMED, code="")


def _values(patient: str, person: Mapping[str, Json], facts: list[Fact]) -> dict[str, Json]:
    lines = {kind: "\n".join(fact.line for fact in facts if fact.kind == kind) for kind in KINDS}
    about = [f"{name.replace('_', ' ')}: {person[name]}" for name in PERSON if person[name]]
    blocks = [f"{kind.capitalize()}\n{text}" for kind, text in lines.items() if text]
    return {
        "patient": patient,
        **person,
        "time": max((fact.date for fact in facts), default=""),
        "text": "\n\n".join(["\n".join(about), *blocks]).strip(),
        **lines,
        "facts": [dict(fact._asdict()) for fact in facts],
    }
