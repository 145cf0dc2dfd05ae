"""Complete checkpoints: everything that the next step depends on, or nothing.

A checkpoint is a folder `step-000040` with the weights, the best weights so far, the optimizer's
moments, the running mean of the weights where one is kept, and state.json, which holds the
counters, the run's identity and the SHA-256 of the other files. There is no generator state in it,
because torch is seeded anew for each step. The two newest are kept; each holds the best weights, so
the best is never lost.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load, save
from torch import Tensor

from medtune.artifacts import sha256_file
from medtune.errors import TuneError
from medtune.tune.disk import whole_folder
from medtune.tune.state import State

KEEP = 2


class Checkpoint(NamedTuple):
    """One checkpoint in memory. The tensors are on the CPU."""

    state: State
    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    """The weights of `state.best_step`; empty before the first look."""
    moments: dict[str, Tensor]
    """The optimizer's state."""
    mean: dict[str, Tensor]
    """The running mean of the weights; empty where none is kept."""


TENSORS = ("weights", "best", "moments", "mean")


def save_checkpoint(folder: Path, checkpoint: Checkpoint, identity: Mapping[str, str]) -> Path:
    """Write `checkpoint` into `folder` in one step, and delete all but the newest two.

    Raises:
        MachineError: The disk is full. The checkpoints that were there are unharmed.
    """

    def write(part: Path) -> None:
        for name in TENSORS:
            tensors: dict[str, Tensor] = getattr(checkpoint, name)
            (part / f"{name}.safetensors").write_bytes(save(tensors))

    return save_whole(folder, checkpoint.state, identity, write)


def save_whole(
    folder: Path, state: State, identity: Mapping[str, str], write: Callable[[Path], None]
) -> Path:
    """Put what `write` puts into a folder, and the record of it, in the place of a checkpoint."""
    target = folder / f"step-{state.step:06d}"
    with whole_folder(target) as part:
        write(part)
        files = {path.name: sha256_file(path) for path in sorted(part.iterdir())}
        record = {"state": asdict(state), "identity": dict(identity), "files": files}
        (part / "state.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for old in list(_newest_first(folder))[KEEP:]:
        shutil.rmtree(old)
    return target


def newest_whole(folder: Path, identity: Mapping[str, str]) -> tuple[Path, State] | None:
    """Where the newest checkpoint is that is whole, or None. One that is damaged is passed over.

    Raises:
        TuneError: It was made by another run: other settings, data, base weights or version.
    """
    for path in _newest_first(folder):
        record = _whole(path)
        if record is None:
            continue
        _check_identity(path, record["identity"], identity)
        return path, State(**record["state"])
    return None


def read_checkpoint(path: Path, state: State) -> Checkpoint:
    """The tensors of a checkpoint that is whole, with its state."""
    tensors = (load((path / f"{name}.safetensors").read_bytes()) for name in TENSORS)
    return Checkpoint(state, *tensors)


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between two identities, in words."""
    return [
        f"{name} was {then.get(name, 'absent')!r} and is {now.get(name, 'absent')!r}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


def _newest_first(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob("step-*"), reverse=True))


def _whole(path: Path) -> dict[str, Any] | None:
    """The record of a checkpoint whose files all have their hashes, else None."""
    try:
        record = json.loads((path / "state.json").read_text(encoding="utf-8"))
        files = record["files"].items()
        return record if all(sha256_file(path / name) == sum_ for name, sum_ in files) else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None


def _check_identity(path: Path, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    differing = differences(then, now)
    if differing:
        raise TuneError(
            f"{path}: this checkpoint is of another run: {'; '.join(differing)}; undo the change "
            f"to go on from it, or delete {path.parent} to begin anew"
        )
