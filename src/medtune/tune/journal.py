"""tune.jsonl: one line per optimizer step, and one per look at the validation loss."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from medtune.artifacts import read_jsonl, write_text
from medtune.records import Json
from medtune.tune.disk import disk_faults


def append(path: Path, row: Mapping[str, int | float | str]) -> None:
    """Add one line.

    Raises:
        MachineError: The disk is full.
    """
    with disk_faults(path.parent), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def rows(path: Path) -> list[dict[str, Json]]:
    """All lines; none if there is no journal yet."""
    return list(read_jsonl(path)) if path.exists() else []


def flush(path: Path) -> None:
    """Wait until the lines are on the disk.

    Raises:
        MachineError: The disk is full.
    """
    with disk_faults(path.parent), path.open("a", encoding="utf-8") as file:
        os.fsync(file.fileno())


def cut_back(path: Path, step: int) -> None:
    """Drop the lines of later steps, and the half line that a killed process may have left."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if _step(line) <= step]
    write_text(path, "".join(f"{line}\n" for line in kept))


def _step(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
