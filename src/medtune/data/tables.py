"""Read the rows of a CSV or Parquet file, one at a time, and say exactly what is wrong.

A CSV file is UTF-8, separated by comma, semicolon or tab, whichever gives its header the most
columns.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path

from medtune.data.json_files import lines
from medtune.data.row import Row
from medtune.errors import DataError
from medtune.records import Json

BATCH_ROWS = 1024
"""Rows of a Parquet file held in memory at once."""


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file by the names in its header.

    Raises:
        DataError: It is not CSV, or a row has more or fewer columns than the header.
    """
    first = next((line for _, line in lines(path)), "")
    reader = csv.reader((line for _, line in lines(path)), delimiter=_delimiter(first), strict=True)
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


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file.

    Raises:
        DataError: It is not whole, or a value has no meaning here.
    """
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
