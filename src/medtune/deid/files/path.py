"""Whole files: text, JSON, JSONL, CSV, FHIR bundles and NDJSON, one record at a time."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

from medtune.artifacts import atomic
from medtune.deid.files.fhir import deidentify_fhir, is_fhir, names_in, owner
from medtune.deid.files.record import (
    Located,
    Owner,
    deidentify_record,
    located,
    names_of,
    patient_of,
    pseudonym,
)
from medtune.deid.replace import deidentify
from medtune.deid.surrogate.choose import Method
from medtune.deid.surrogate.key import Key
from medtune.errors import ConfigError, DataError
from medtune.records import Json

FORMATS = {
    ".txt": "text", ".text": "text", ".md": "text", ".json": "json", ".jsonl": "jsonl",
    ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip


@dataclass
class Tally:
    """What was done, in numbers. It holds no text, but the names of the files read."""

    documents: int = 0
    """Texts, records or resources read."""
    changed: int = 0
    """Of those, how many held something that was replaced."""
    kinds: Counter[str] = field(default_factory=Counter[str])
    rules: Counter[str] = field(default_factory=Counter[str])
    sources: dict[str, Path] = field(default_factory=dict[str, Path])
    """The file that each file was made of, by the new one's name."""

    def add(self, found: Sequence[Located]) -> None:
        """Count one document."""
        self.documents += 1
        self.changed += bool(found)
        self.kinds.update(one.change.kind for one in found)
        self.rules.update(one.change.rule for one in found)


@dataclass(frozen=True)
class Work:
    """What every record of a file is treated by."""

    method: Method
    key: Key
    patient_field: str | None = None
    """The column or field with the patient's number; None looks for a usual name."""


Note = Callable[[str, Sequence[Located]], None]
"""Told the name of each document and what was replaced in it."""


def deidentify_path(
    source: Path, target: Path, work: Work, spans: Path, originals: Path | None = None
) -> Tally:
    """Write a file, or a folder of files, without its identifiers.

    A file's name may be a patient's. In a folder all files and folders get pseudonyms, the same
    under the same key; a file alone gets the name that the user gives it. Documents go by these
    names; `originals` says which was which.

    Args:
        source: A file or a folder.
        target: Where the same goes without identifiers.
        work: What to find, what to put there.
        spans: Where to write, a line for each change, its place and kind, but no text.
        originals: Where to write the same with what stood there, readable by the owner only.

    Raises:
        ConfigError: The suffix tells no format, or the target is the source.
        DataError: The source is missing or broken.
    """
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    if source.resolve() == target.resolve():
        raise ConfigError(f"{target}: would overwrite the source; give another path")
    tally = Tally()
    with ExitStack() as stack:
        places = _open(stack, spans)
        secrets = _open(stack, originals) if originals else None  # atomic() files are mode 600

        def note(name: str, found: Sequence[Located]) -> None:
            tally.add(found)
            for one in found:
                row = {"document": name, "field": one.field, **one.change._asdict()}
                places.write(json.dumps(row, ensure_ascii=False) + "\n")
                if secrets:
                    secrets.write(json.dumps(row | {"old": one.old}, ensure_ascii=False) + "\n")

        for file, name in _files(source, target, work):
            tally.sources[name] = file
            if secrets:
                old = file.relative_to(source).as_posix() if source.is_dir() else file.name
                row = {"document": name, "field": "file name", "old": old}
                secrets.write(json.dumps(row, ensure_ascii=False) + "\n")
            _file(
                file, target / name if source.is_dir() else target, work, _named(note, file, name)
            )
    return tally


def _named(note: Note, file: Path, name: str) -> Note:
    """The same, told the new name of the file where a place begins with the old one."""
    return lambda where, found: note(name + where.removeprefix(file.name), found)


def _open(stack: ExitStack, path: Path) -> TextIO:
    part = stack.enter_context(atomic(path))
    return stack.enter_context(part.open("w", encoding="utf-8"))


def _files(source: Path, target: Path, work: Work) -> list[tuple[Path, str]]:
    """The files to read, each with the name of what is made of it."""
    if not source.is_dir():
        return [(source, target.name)]
    files = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in FORMATS]
    if not files:
        raise DataError(f"{source}: no file of a known format ({', '.join(FORMATS)})")
    return [(file, _new_name(file.relative_to(source), work.key)) for file in files]


def _new_name(place: Path, key: Key) -> str:
    """The path below the folder, every part of it a pseudonym; the suffix stays."""
    parts = (*place.parts[:-1], place.stem)
    return "/".join(pseudonym(key, part) for part in parts) + place.suffix.lower()


def _file(source: Path, target: Path, work: Work, note: Note) -> None:
    kind = FORMATS.get(source.suffix.lower())
    if kind is None:
        raise ConfigError(
            f"{source}: the suffix {source.suffix!r} tells no format; "
            f"known are {', '.join(FORMATS)}"
        )
    write = {"text": _text, "json": _json, "jsonl": _jsonl, "csv": _csv}[kind]
    try:
        with atomic(target) as part, part.open("w", encoding="utf-8", newline="") as out:
            write(source, out, work, note)
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _text(source: Path, out: TextIO, work: Work, note: Note) -> None:
    """A text file is one document of one patient: its name stands for the patient."""
    text = source.read_bytes().decode("utf-8")
    clean = deidentify(text, source.stem, work.method, work.key)
    out.write(clean.text)
    note(source.name, located("", text, clean.changes))


def _json(source: Path, out: TextIO, work: Work, note: Note) -> None:
    try:
        whole = json.loads(source.read_bytes().decode("utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{source}:{error.lineno}: not JSON at column {error.colno}") from None
    rows = whole if isinstance(whole, list) else [whole]

    def read() -> Iterator[Row]:
        for number, row in enumerate(rows, start=1):
            yield _object(row, f"{source.name}:{number}")

    clean = list(_rows(read, work, note))
    json.dump(clean if isinstance(whole, list) else clean[0], out, ensure_ascii=False, indent=2)
    out.write("\n")


def _jsonl(source: Path, out: TextIO, work: Work, note: Note) -> None:
    def read() -> Iterator[Row]:
        with source.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                where = f"{source.name}:{number}"
                try:
                    value = json.loads(line) if line.strip() else None
                except json.JSONDecodeError as error:
                    raise DataError(f"{where}: not JSON at column {error.colno}") from None
                if value is not None:
                    yield _object(value, where)

    for row in _rows(read, work, note):
        out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _csv(source: Path, out: TextIO, work: Work, note: Note) -> None:
    with source.open(encoding="utf-8-sig", newline="") as file:
        header = file.readline()
    delimiter = max(",;\t", key=header.count)
    names = next(csv.reader([header], delimiter=delimiter), [])
    if not names or len(set(names)) != len(names):
        raise DataError(f"{source}: the first line must name each column once")

    def read() -> Iterator[Row]:
        with source.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter, strict=True)
            try:
                for row in reader:
                    where = f"{source.name}:{reader.line_num}"
                    if None in row or None in row.values():
                        raise DataError(f"{where}: not as many columns as the header has")
                    yield Row(dict(row), where)
            except csv.Error as error:
                raise DataError(f"{source}:{reader.line_num}: not CSV ({error})") from None

    writer = csv.DictWriter(out, names, delimiter=delimiter)
    writer.writeheader()
    for row in _rows(read, work, note):
        writer.writerow(row)


class Row(NamedTuple):
    """One record or resource, and its place as `file:line`."""

    values: dict[str, Json]
    where: str


def _object(value: Json, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{where}: not a JSON object; a record has named fields")
    return Row(value, where)


def _rows(read: Callable[[], Iterator[Row]], work: Work, note: Note) -> Iterator[dict[str, Json]]:
    """The rows, replaced. They are read twice: any row may hold a name that another one gives."""
    names: dict[str, list[str]] = {}
    for row in read():
        found = list(names_in(row.values)) if is_fhir(row.values) else names_of(row.values)
        if found:
            names.setdefault(_patient(row, work), []).extend(found)
    for row in read():
        patient = _patient(row, work)
        known = names.get(patient, [])
        if is_fhir(row.values):
            clean, found = deidentify_fhir(row.values, work.method, work.key, known)
        else:
            whose = Owner(patient, work.patient_field, known)
            clean, found = deidentify_record(row.values, whose, work.method, work.key)
        note(row.where, found)
        yield clean


def _patient(row: Row, work: Work) -> str:
    """Whose a row is; a record that does not say is of a patient of its own."""
    if is_fhir(row.values):
        return owner(row.values)
    return patient_of(row.values, work.patient_field, row.where)
