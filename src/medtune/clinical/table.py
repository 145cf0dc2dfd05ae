"""Clinical tables: CSV files that begin with their source and date.

The first lines are comments, `# key: value`; `source` and `date` (ISO 8601, when the source was
last read) must be among them. Then come the column names and the rows. A table without its
source is refused, so that no number of medicine travels without one.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from medtune.errors import DataError

COMMENT = re.compile(r"#\s*(?P<key>[a-z_]+):\s*(?P<value>.+)")


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its provenance. Cells are text without outer spaces."""

    name: str
    source: str
    date: str
    """ISO 8601 day on which the rows were last compared with the source."""
    rows: tuple[Mapping[str, str], ...]


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Read a table and check that it has exactly these columns.

    Raises:
        DataError: The file is missing, names no source or date, or a row does not fit.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path}: no such table") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    notes = {m["key"]: m["value"].strip() for m in map(COMMENT.fullmatch, lines) if m}
    _check_notes(path, notes)
    body = [line for line in lines if line.strip() and not line.startswith("#")]
    reader = csv.reader(io.StringIO("\n".join(body)), strict=True)
    try:
        found = list(reader)
    except csv.Error as error:
        raise DataError(f"{path}: not CSV near row {reader.line_num}: {error}") from None
    if not found or found[0] != list(columns):
        raise DataError(f"{path}: its columns must be {', '.join(columns)}, in this order")
    for number, row in enumerate(found[1:], start=1):
        if len(row) != len(columns):
            raise DataError(f"{path}: row {number} has {len(row)} cells, not {len(columns)}")
    rows = tuple(
        dict(zip(columns, (cell.strip() for cell in row), strict=True)) for row in found[1:]
    )
    return Table(path.stem, notes["source"], notes["date"], rows)


def _check_notes(path: Path, notes: Mapping[str, str]) -> None:
    for key in ("source", "date"):
        if not notes.get(key):
            raise DataError(f"{path}: it does not name its {key}; begin it with `# {key}: ...`")
    try:
        date.fromisoformat(notes["date"])
    except ValueError:
        raise DataError(f"{path}: its date is not a day in ISO 8601, such as 2026-11-23") from None
