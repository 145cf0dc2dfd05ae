"""Read the records of a source, one at a time, and say exactly what is wrong.

A source is a file or a folder in a container (JSON Lines, a JSON list, CSV, Parquet) with records
of some shape: plain rows, chats, FHIR resources, notes. `format: auto` goes by the suffix and by
the first record; `medtune plan` and the card say what a source was taken for. Text is UTF-8, with
or without a byte order mark. Messages name file, line and column, never text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, cast

from medtune.config import SourceFormat
from medtune.data.chat import COLUMNS, as_columns, shape_of
from medtune.data.fhir import FHIR_COLUMNS, is_resource, patients
from medtune.data.json_files import json_lines, json_list
from medtune.data.notes import NOTE_COLUMNS, note_files, notes
from medtune.data.row import Row
from medtune.data.tables import csv_rows, parquet_rows
from medtune.errors import ConfigError, DataError
from medtune.records import Json

Container = Literal["jsonl", "json", "csv", "parquet", "folder"]
Shape = Literal["rows", "openai", "sharegpt", "alpaca", "fhir", "notes"]

SUFFIXES: Mapping[str, Container] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
CONTAINERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    "jsonl": json_lines,
    "json": json_list,
    "csv": csv_rows,
    "parquet": parquet_rows,
}

SHAPES_OF_LINES = ("openai", "sharegpt", "alpaca", "fhir")
"""Shapes whose file is taken for JSON Lines where the suffix does not tell."""


class Kind(NamedTuple):
    """What a source is taken for."""

    container: Container
    shape: Shape

    @property
    def name(self) -> str:
        """The word for it that `format` takes."""
        return self.container if self.shape == "rows" else self.shape

    @property
    def about(self) -> str:
        """The columns that a task can name, where they are not those of the file."""
        made = {"rows": (), "fhir": FHIR_COLUMNS, "notes": NOTE_COLUMNS}.get(self.shape, COLUMNS)
        return f"columns {', '.join(made)}" if made else "the file's own columns"


def kind_of(path: Path, format: SourceFormat) -> Kind:
    """What a source is taken for.

    Raises:
        ConfigError: `auto`, and nothing tells.
        DataError: It is missing, or its first record cannot be read.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; correct data.sources")
    if format in CONTAINERS:
        return Kind(cast("Container", format), "rows")
    if path.is_dir():
        return Kind("folder", _shape_of_folder(path, format))
    container = SUFFIXES.get(path.suffix.lower())
    if format == "notes" or container is None:
        if format not in ("notes", *SHAPES_OF_LINES):
            raise ConfigError(
                f"{path}: the suffix {path.suffix!r} does not tell the format; set format: jsonl, "
                "json, csv or parquet for this source in data.sources"
            )
        container = container or "jsonl"
    if format != "auto":
        return Kind(container, cast("Shape", format))
    first = next(CONTAINERS[container](path), None) if container != "csv" else None
    return Kind(container, "rows" if first is None else _shape(first.values))


def rows(path: Path, format: SourceFormat) -> Iterator[Row]:
    """Yield the records of a source.

    Raises:
        ConfigError: `auto`, and nothing tells what it is.
        DataError: The source is missing, is empty, or breaks its format.
    """
    kind = kind_of(path, format)
    empty = True
    for row in _read(path, kind):
        empty = False
        yield row
    if empty:
        raise DataError(f"{path}: the file is empty: it has no record; correct data.sources")


def _read(path: Path, kind: Kind) -> Iterator[Row]:
    if kind.container == "folder" and kind.shape == "rows":
        raise DataError(f"{path}: a folder, not a file; correct data.sources")
    if kind.shape == "notes":
        return notes(path)
    if kind.shape == "fhir":
        return patients(path)
    read = CONTAINERS[kind.container](path)
    shape = kind.shape
    if shape == "rows":
        return read
    return (Row(as_columns(row.values, shape, row.where), row.where) for row in read)


def source_names(paths: Sequence[Path]) -> list[str]:
    """A short name for each source: the file's name, with its folder or number if two share it."""
    names = [path.name for path in paths]
    names = [
        f"{path.parent.name}/{name}" if names.count(name) > 1 else name
        for path, name in zip(paths, names, strict=True)
    ]
    return [
        f"{name}#{n}" if names.count(name) > 1 else name for n, name in enumerate(names, start=1)
    ]


def _shape(values: Mapping[str, Json]) -> Shape:
    return "fhir" if is_resource(values) else shape_of(values) or "rows"


def _shape_of_folder(path: Path, format: SourceFormat) -> Shape:
    if format in ("notes", "fhir"):
        return format
    if format == "auto" and note_files(path):
        return "notes"
    if format == "auto" and any(path.rglob("*json")):
        return "fhir"
    raise DataError(
        f"{path}: a folder, not a file, and not one of notes (.txt) or FHIR (.json, .ndjson); name "
        "a file, or set format: notes or fhir for this source in data.sources"
    )
