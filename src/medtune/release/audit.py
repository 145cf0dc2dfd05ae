"""The audit log: one line for each release attempt, each holding the hash of the line before.

Whoever changes, removes or reorders a line breaks the chain from there on. Lines cut off the end
leave a chain that holds: `release.json` therefore keeps the hash of the whole log.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from medtune.artifacts import read_jsonl, sha256_text, write_jsonl
from medtune.errors import DataError
from medtune.records import Json

AUDIT = "audit.jsonl"
START = "0" * 64
"""What the first line has in place of the hash before."""


def append_audit(path: Path, event: Mapping[str, Json]) -> dict[str, Json]:
    """Verify the log, add one entry, and return the entry as written.

    Raises:
        DataError: The chain is broken; nothing is added to it.
    """
    entries = verify_audit(path) if path.exists() else []
    entry: dict[str, Json] = {
        "n": len(entries) + 1,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        **event,
        "previous": entries[-1]["hash"] if entries else START,
    }
    entry["hash"] = _digest(entry)
    write_jsonl(path, [*entries, entry])
    return entry


def verify_audit(path: Path) -> list[dict[str, Json]]:
    """Return the entries of the log if its chain holds.

    Raises:
        DataError: The log is missing, or a line was changed, removed or moved: names the first.
    """
    entries = list(read_jsonl(path))
    previous: Json = START
    for number, entry in enumerate(entries, start=1):
        if entry.get("n") != number or entry.get("previous") != previous:
            raise DataError(
                f"{path}:{number}: the chain is broken: a line before it was changed, removed or "
                "moved; compare with a backup, and keep the broken file as evidence"
            )
        if entry.get("hash") != _digest(entry):
            raise DataError(
                f"{path}:{number}: the line was changed after it was written; compare with a "
                "backup, and keep the changed file as evidence"
            )
        previous = entry["hash"]
    return entries


def _digest(entry: Mapping[str, Json]) -> str:
    """Hash of everything in the entry but its own hash; the hash before is part of it."""
    kept = {name: value for name, value in entry.items() if name != "hash"}
    return sha256_text(json.dumps(kept, sort_keys=True, separators=(",", ":")))
