"""Read the rows of a JSONL, CSV or Parquet file, one at a time, and say exactly what is wrong.

Text is UTF-8, with or without a byte order mark. A CSV file is separated by comma, semicolon or
tab, whichever gives its header the most columns. Messages name file, line and column, never text.
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from medtune.errors import ConfigError, DataError
from medtune.records import Json

SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
BATCH_ROWS = 1024
"""Rows of a Parquet file held in memory at once."""


class Row(NamedTuple):
    """One record as it stands in its file."""

    values: dict[str, Json]
    where: str
    """Its place, as `file:line`; in a Parquet file the number of the row."""


def rows(path: Path, format: str) -> Iterator[Row]:
    """Yield the rows of a file.

    Args:
        path: The file.
        format: `jsonl`, `csv`, `parquet`, or `auto` to go by the suffix.

    Raises:
        ConfigError: `auto`, and the suffix says nothing.
        DataError: The file is missing, is empty, or breaks its format.
    """
    if format == "auto":
        format = _format_of(path)
    if not path.is_file():
        kind = "a folder, not a file" if path.is_dir() else "no such file"
        raise DataError(f"{path}: {kind}; correct data.sources")
    read = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}[format]
    empty = True
    for row in read(path):
        empty = False
        yield row
    if empty:
        raise DataError(f"{path}: the file is empty: it has no record; correct data.sources")


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


def _format_of(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"{path}: the suffix {path.suffix!r} does not tell the format; "
            "set format: jsonl, csv or parquet for this source in data.sources"
        )
    return SUFFIXES[path.suffix.lower()]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file, line ends kept, a byte order mark taken off."""
    start = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}:{number}: not UTF-8 at byte {start + error.start} of the file; "
                    "save the file as UTF-8"
                ) from None
            start += len(raw)
            yield number, line.removeprefix("\ufeff") if number == 1 else line


def _jsonl(path: Path) -> Iterator[Row]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line, parse_constant=_refuse_constant)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}:{number}: not JSON at column {error.colno}; write one object per line"
            ) from None
        except (_ConstantError, RecursionError):
            raise DataError(
                f"{path}:{number}: NaN, Infinity and very deep lists are not JSON; use null"
            ) from None
        if not isinstance(values, dict):
            raise DataError(f"{path}:{number}: not a JSON object; write one object per line")
        yield Row(values, f"{path}:{number}")


class _ConstantError(Exception):
    """A line holds NaN or Infinity, which Python reads and JSON forbids."""


def _refuse_constant(_: str) -> Json:
    raise _ConstantError


def _csv(path: Path) -> Iterator[Row]:
    first = next((line for _, line in _lines(path)), "")
    reader = csv.reader(
        (line for _, line in _lines(path)), delimiter=_delimiter(first), strict=True
    )
    header: list[str] | None = None
    started = 1
    try:
        for cells in reader:
            where, started = f"{path}:{started}", reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = _header(cells, where)
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{where}: {len(cells)} columns where the header has {len(header)}; "
                    "put quotes around a field that holds the separator or a line end"
                )
            yield Row(dict(zip(header, cells, strict=True)), where)
    except csv.Error as error:
        raise DataError(
            f"{path}:{started}: not CSV from this line on ({error}); look for a quote that is not "
            "closed, or write the records as JSONL"
        ) from None


def _delimiter(header: str) -> str:
    def columns(delimiter: str) -> int:
        return len(next(csv.reader([header], delimiter=delimiter), []))

    return max(",;\t", key=columns)


def _header(cells: Iterable[str], where: str) -> list[str]:
    names = list(cells)
    if "" in names:
        number = names.index("") + 1
        raise DataError(f"{where}: column {number} of the header has no name; give it one")
    for number, name in enumerate(names, start=1):
        if name in names[number:]:
            other = names.index(name, number) + 1
            raise DataError(f"{where}: columns {number} and {other} have one name; rename one")
    return names


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa  # here, for loading it is slow and only Parquet needs it
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS):
                for record in batch.to_pylist():
                    number += 1
                    where = f"{path}:{number}"
                    yield Row(
                        {k: _plain(v, f"{where}: column {k!r}") for k, v in record.items()}, where
                    )
    except pa.ArrowException as error:
        raise DataError(
            f"{path}: not a whole Parquet file ({type(error).__name__}); write it again, "
            "or correct format: in data.sources"
        ) from None


def _plain(value: object, where: str) -> Json:
    """The JSON of a Parquet value: dates as ISO 8601, NaN (how pandas writes a gap) as null."""
    plain: Json
    match value:
        case None | bool() | int() | str():
            plain = value
        case float() | Decimal():
            plain = float(value) if math.isfinite(value) else None
        case date() | time():
            plain = value.isoformat()
        case list():
            plain = [_plain(part, where) for part in value]
        case dict():
            plain = {str(name): _plain(part, where) for name, part in value.items()}
        case _:
            raise DataError(
                f"{where}: a value of type {type(value).__name__} has no meaning here; "
                "write the column as text or numbers"
            )
    return plain
