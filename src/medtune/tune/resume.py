"""Put a training down and take it up again where it was."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from medtune.errors import MachineError
from medtune.tune.checkpoint import Checkpoint, newest_checkpoint, save_checkpoint
from medtune.tune.disk import sweep
from medtune.tune.journal import cut_back, flush
from medtune.tune.lora import Adapter, restore, snapshot
from medtune.tune.outcome import CHECKPOINTS, JOURNAL
from medtune.tune.state import State


def put_down(
    folder: Path,
    identity: Mapping[str, str],
    state: State,
    adapter: Adapter,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
) -> None:
    """Save a checkpoint, and before it the journal up to the same step.

    Raises:
        MachineError: The disk is full.
    """
    flush(folder / JOURNAL)
    now = Checkpoint(state, snapshot(adapter), best, _moments(optimizer))
    save_checkpoint(folder / CHECKPOINTS, now, identity)


def take_up(
    folder: Path, identity: Mapping[str, str], adapter: Adapter, optimizer: torch.optim.Optimizer
) -> tuple[State, dict[str, Tensor]]:
    """Put weights, optimizer and journal where the newest checkpoint has them.

    Returns:
        The state, and the best weights so far: a new state and none, if there is no checkpoint.

    Raises:
        TuneError: The newest checkpoint is of another run.
        MachineError: The disk has no room for the checkpoints to come.
    """
    sweep(folder / CHECKPOINTS)
    sweep(folder)
    found = newest_checkpoint(folder / CHECKPOINTS, identity)
    _rehearse(folder, adapter)
    if found is None:
        cut_back(folder / JOURNAL, 0)
        return State(), {}
    restore(adapter, found.weights)
    _set_moments(optimizer, found.moments)
    cut_back(folder / JOURNAL, found.state.step)
    return replace(found.state, resumed=found.state.resumed + 1), found.best


def _rehearse(folder: Path, adapter: Adapter) -> None:
    """Write a checkpoint of full size and delete it: a full disk is found before any compute."""
    rehearsal = folder / "rehearsal"
    shutil.rmtree(rehearsal, ignore_errors=True)
    try:
        now = snapshot(adapter)
        moments = {f"{k}.{name}": now[name].clone() for name in now for k in range(2)}
        saved = save_checkpoint(rehearsal, Checkpoint(State(), now, now, moments), {})
        size = sum(path.stat().st_size for path in saved.iterdir())
        # Two checkpoints are kept while a third is written; this one makes room again.
        missing = 2 * size - shutil.disk_usage(folder).free
    finally:
        shutil.rmtree(rehearsal, ignore_errors=True)
    if missing > 0:
        raise MachineError(
            f"{folder}: the disk has too little room for the checkpoints; free "
            f"{missing / 1e6:,.0f} MB more and run the same command again"
        )


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{index}.{name}": tensor.detach().cpu()
        for index, moment in optimizer.state_dict()["state"].items()
        for name, tensor in moment.items()
    }


def _set_moments(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
