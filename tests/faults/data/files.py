"""Sources that are not what they should be: the reader must refuse them, and say where."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from faults import Fault
from medtune.data import rows
from medtune.errors import MedtuneError

LINES = [f'{{"id": "r{n}", "note": "finding {n} café", "label": "yes"}}' for n in range(5)]
TABLE = ["id,note,label", *(f'r{n},"finding, {n}",yes' for n in range(5))]
CHAT = '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'
FHIR = '{"resourceType": "Patient", "id": "p1", "gender": "female"}'


def written(name: str, text: str) -> Callable[[Path], Path]:
    """A clean file."""

    def clean(folder: Path) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    return clean


def _parquet(folder: Path) -> Path:
    path = folder / "notes.parquet"
    pq.write_table(pa.table({"id": ["r1", "r2"], "note": ["a", "b"]}), path)
    return path


def replaced(old: bytes, new: bytes) -> Callable[[Path], Path]:
    """Exchange some bytes."""

    def plant(path: Path) -> Path:
        path.write_bytes(path.read_bytes().replace(old, new))
        return path

    return plant


def rewritten(text: str) -> Callable[[Path], Path]:
    """Write another text."""

    def plant(path: Path) -> Path:
        path.write_text(text, encoding="utf-8")
        return path

    return plant


def _cut_short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-12])
    return path


def _refusal(path: Path) -> str:
    try:
        list(rows(path, "auto"))
    except MedtuneError as error:
        return str(error)
    return ""


JSONL = written("notes.jsonl", "\n".join(LINES) + "\n")
LIST = written("notes.json", f"[{', '.join(LINES)}]")
CSV = written("notes.csv", "\n".join(TABLE) + "\n")

FAULTS = (
    Fault("a wrong encoding", replaced("é".encode(), b"\xe9"), JSONL, _refusal),
    Fault("a file cut off in its last record", _cut_short, JSONL, _refusal),
    Fault("a list cut off in its last record", _cut_short, LIST, _refusal),
    Fault("a Parquet file cut off", _cut_short, _parquet, _refusal),
    Fault("an empty file", rewritten(""), JSONL, _refusal),
    Fault("a number that JSON has not", replaced(b'"r3"', b"NaN"), JSONL, _refusal),
    Fault("a quote that is not closed", replaced(b'3",yes', b"3,yes"), CSV, _refusal),
    Fault("a row with one column more", replaced(b'3",yes', b'3",yes,no'), CSV, _refusal),
    Fault("two columns of one name", replaced(b"id,note", b"note,note"), CSV, _refusal),
    Fault(
        "a chat with an unknown speaker",
        replaced(b'"role": "user"', b'"role": "nurse"'),
        written("chats.jsonl", CHAT + "\n"),
        _refusal,
    ),
    Fault(
        "a line that is no FHIR resource",
        rewritten(FHIR + '\n{"id": 1}\n'),
        written("export.ndjson", FHIR + "\n"),
        _refusal,
    ),
)
