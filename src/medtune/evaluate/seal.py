"""The seal of the test split: a log of who opened it.

`<out>/seal.jsonl` has one line per adapter that was scored on the test, with the time of the first
opening. Each further adapter makes the test less of a test, so the number goes into the evidence.
"""

from datetime import UTC, datetime
from pathlib import Path

from medtune.artifacts import read_jsonl, write_jsonl

SEAL = "seal.jsonl"


def open_seal(out: Path, *, adapter: str, test: str) -> int:
    """Log the opening, before anything of the test is read; return how many adapters opened it.

    The same adapter again is not counted again.

    Args:
        out: The run's folder.
        adapter: SHA-256 of the adapter.
        test: SHA-256 of the test split, for the record.

    Raises:
        DataError: The log is damaged.
    """
    path = out / SEAL
    lines = list(read_jsonl(path)) if path.exists() else []
    if all(line.get("adapter") != adapter for line in lines):
        opened = datetime.now(UTC).isoformat(timespec="seconds")
        lines.append({"adapter": adapter, "test": test, "opened": opened})
        write_jsonl(path, lines)
    return len({str(line.get("adapter")) for line in lines})
