"""Put a training down and take it up again where it was."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from medtune.errors import MachineError
from medtune.tune.checkpoint import Checkpoint, newest_checkpoint, save_checkpoint
from medtune.tune.disk import sweep
from medtune.tune.journal import cut_back, flush
from medtune.tune.lora import Adapter, restore, snapshot
from medtune.tune.outcome import CHECKPOINTS, JOURNAL
from medtune.tune.state import State


class Tuning(NamedTuple):
    """All that a training is at one moment."""

    adapter: Adapter
    optimizer: torch.optim.Optimizer
    state: State
    best: dict[str, Tensor]
    """The weights of `state.best_step`, on the CPU; empty before the first look."""
    mean: dict[str, Tensor]
    """The running mean of the weights; empty where none is kept, and before the first step."""


def put_down(folder: Path, identity: Mapping[str, str], tuning: Tuning) -> None:
    """Save a checkpoint, and before it the journal up to the same step.

    Raises:
        MachineError: The disk is full.
    """
    flush(folder / JOURNAL)
    mean = {name: weight.cpu() for name, weight in tuning.mean.items()}
    moments = _moments(tuning.optimizer)
    now = Checkpoint(tuning.state, snapshot(tuning.adapter), tuning.best, moments, mean)
    save_checkpoint(folder / CHECKPOINTS, now, identity)


def take_up(
    folder: Path,
    identity: Mapping[str, str],
    adapter: Adapter,
    optimizer: torch.optim.Optimizer,
    *,
    averages: bool,
) -> Tuning:
    """Put weights, optimizer and journal where the newest checkpoint has them.

    Args:
        folder: Of the fit.
        identity: What a checkpoint must agree on.
        adapter: What is trained.
        optimizer: Over it.
        averages: Whether a running mean of the weights is kept.

    Raises:
        TuneError: The newest checkpoint is of another run.
        MachineError: The disk has no room for the checkpoints to come.
    """
    sweep(folder / CHECKPOINTS)
    sweep(folder)
    found = newest_checkpoint(folder / CHECKPOINTS, identity)
    _rehearse(folder, adapter, averages=averages)
    if found is None:
        cut_back(folder / JOURNAL, 0)
        return Tuning(adapter, optimizer, State(), {}, {})
    restore(adapter, found.weights)
    _set_moments(optimizer, found.moments)
    cut_back(folder / JOURNAL, found.state.step)
    device = adapter.model.device
    mean = {name: weight.to(device) for name, weight in found.mean.items()}
    state = replace(found.state, resumed=found.state.resumed + 1)
    return Tuning(adapter, optimizer, state, found.best, mean)


def _rehearse(folder: Path, adapter: Adapter, *, averages: bool) -> None:
    """Write a checkpoint of full size and delete it: a full disk is found before any compute."""
    rehearsal = folder / "rehearsal"
    shutil.rmtree(rehearsal, ignore_errors=True)
    try:
        now = snapshot(adapter)
        moments = {f"{k}.{name}": now[name].clone() for name in now for k in range(2)}
        whole = Checkpoint(State(), now, now, moments, now if averages else {})
        saved = save_checkpoint(rehearsal, whole, {})
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
