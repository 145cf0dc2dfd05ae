"""What a finished fit was: fit.json, by which a fit that is asked for again returns at once."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from medtune.artifacts import sha256_file, write_text

ADAPTER = "adapter"
"""The folder of the result, in the folder of the fit."""
JOURNAL = "tune.jsonl"
CHECKPOINTS = "checkpoints"
OUTCOME = "fit.json"
SPENT = "budget"
"""Why a fit ended that would have gone on with a larger budget."""


class Fit(NamedTuple):
    """A finished fit. `TuneRecord` says what the fields mean."""

    adapter: Path
    method: str
    numerics: str
    steps: int
    best_step: int
    stopped: str
    trainable_parameters: int
    train_loss: float
    validation_loss: float
    tokens_seen: int
    supervised_seen: int
    seconds: float
    peak_memory_gb: float
    resumed: int
    energy_kwh: float | None
    co2_kg: float | None
    validation_metric: float | None = None
    watched: dict[str, Any] | None = None

    @property
    def numbers(self) -> dict[str, Any]:
        """All but where the adapter lies."""
        return {name: value for name, value in self._asdict().items() if name != "adapter"}


def finished(folder: Path, identity: Mapping[str, str]) -> Fit | None:
    """The fit in `folder` if it ended, was of this identity, and its adapter is intact."""
    try:
        found = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
        same = found["identity"] == dict(identity)
        intact = all(sha256_file(folder / name) == sum_ for name, sum_ in found["files"].items())
        fit = Fit(adapter=folder / ADAPTER, **found["fit"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return fit if same and intact else None


def is_cut_short(folder: Path) -> bool:
    """Whether the fit in `folder` ended because its budget was spent."""
    try:
        found = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
        return found["fit"]["stopped"] == SPENT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def forget(folder: Path) -> None:
    """Delete a finished fit. The checkpoints of an unfinished one stay."""
    if (folder / OUTCOME).exists():
        (folder / JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(folder / ADAPTER, ignore_errors=True)
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        (folder / OUTCOME).unlink()


def record(folder: Path, fit: Fit, identity: Mapping[str, str]) -> None:
    """Write fit.json, which says that the fit ended; then delete its checkpoints.

    One that its budget ended keeps them, to go on from with a larger one.
    """
    written = {"fit": fit.numbers, "files": hashes(folder), "identity": dict(identity)}
    write_text(folder / OUTCOME, json.dumps(written, indent=2) + "\n")
    if fit.stopped != SPENT:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the adapter's files and the journal, by path relative to `folder`."""
    files = [*sorted((folder / ADAPTER).iterdir()), folder / JOURNAL]
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}
