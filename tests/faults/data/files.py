"""Sources that are not what they should be: the reader must refuse them, and say where."""

from pathlib import Path

from faults import Fault
from medtune.data import rows
from medtune.errors import MedtuneError

LINES = [f'{{"id": "r{n}", "note": "finding {n} café", "label": "yes"}}' for n in range(5)]


def _clean(folder: Path) -> Path:
    path = folder / "notes.jsonl"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def _refusal(path: Path) -> str:
    try:
        list(rows(path, "auto"))
    except MedtuneError as error:
        return str(error)
    return ""


def _in_latin_1(path: Path) -> Path:
    path.write_text("\n".join(LINES) + "\n", encoding="latin-1")
    return path


def _cut_short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-12])
    return path


FAULTS = (
    Fault("a wrong encoding", _in_latin_1, _clean, _refusal),
    Fault("a file cut off in its last record", _cut_short, _clean, _refusal),
)
