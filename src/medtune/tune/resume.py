"""Put a training down and take it up again where it was."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from medtune.errors import MachineError
from medtune.tune.checkpoint import (
    KEEP,
    Checkpoint,
    newest_whole,
    read_checkpoint,
    save_checkpoint,
    save_whole,
)
from medtune.tune.disk import sweep
from medtune.tune.distributed import checkpoint as divided
from medtune.tune.distributed.control import agreed, leads, on_lead
from medtune.tune.distributed.parts import copy_of, like
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
    on_lead(lambda: flush(folder / JOURNAL))
    mean = {name: weight.cpu() for name, weight in tuning.mean.items()}
    moments = _moments(tuning.optimizer)
    now = Checkpoint(tuning.state, snapshot(tuning.adapter), tuning.best, moments, mean)
    _save(folder / CHECKPOINTS, now, identity)


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
    if leads():
        sweep(folder / CHECKPOINTS)
        sweep(folder)
    where = on_lead(lambda: newest_whole(folder / CHECKPOINTS, identity))
    _rehearse(folder, adapter, averages=averages)
    if where is None:
        on_lead(lambda: cut_back(folder / JOURNAL, 0))
        return Tuning(adapter, optimizer, State(), {}, {})
    found = _read(*where, adapter)
    restore(adapter, found.weights)
    _set_moments(optimizer, found.moments, list(adapter.weights.values()))
    on_lead(lambda: cut_back(folder / JOURNAL, found.state.step))
    best = {name: like(adapter.weights[name], tensor) for name, tensor in found.best.items()}
    device = adapter.model.device
    mean = {name: weight.to(device) for name, weight in found.mean.items()}
    state = replace(found.state, resumed=found.state.resumed + 1)
    return Tuning(adapter, optimizer, state, best, mean)


def _save(folder: Path, now: Checkpoint, identity: Mapping[str, str]) -> int:
    """Write a checkpoint: the leader all of it, or of divided weights every process its part.

    Returns:
        Its bytes.
    """
    if not any(isinstance(tensor, DTensor) for tensor in now.weights.values()):
        return on_lead(lambda: _size(save_checkpoint(folder, now, identity)))
    assert not now.mean, "no mean is kept of divided weights"
    tensors = divided.Tensors(now.weights, now.best, now.moments)

    def together(part: Path | None) -> None:
        folder = agreed(part)
        assert folder is not None, "the leader made one"
        divided.write(folder, tensors)

    if leads():
        size = _size(save_whole(folder, now.state, identity, together))
    else:
        size = together(None) or 0
    return agreed(size)


def _read(path: Path, state: State, adapter: Adapter) -> Checkpoint:
    if (path / divided.METADATA).exists():
        return Checkpoint(state, *divided.read(path, adapter), mean={})
    return on_lead(lambda: read_checkpoint(path, state))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _rehearse(folder: Path, adapter: Adapter, *, averages: bool) -> None:
    """Write a checkpoint of full size and delete it: a full disk is found before any compute."""
    rehearsal = folder / "rehearsal"
    if leads():
        shutil.rmtree(rehearsal, ignore_errors=True)
    try:
        now = snapshot(adapter)
        names = dict(enumerate(now))
        moments = {f"{at}.{k}": now[names[at]].clone() for at in names for k in range(2)}
        whole = Checkpoint(State(), now, now, moments, now if averages else {})
        size = _save(rehearsal, whole, {})
        # Two checkpoints are kept while a third is written; this one makes room again.
        there = len(list((folder / CHECKPOINTS).glob("step-*")))
        missing = max(0, KEEP - there) * size - shutil.disk_usage(folder).free
    finally:
        if leads():
            shutil.rmtree(rehearsal, ignore_errors=True)
    if agreed(missing) > 0:
        raise MachineError(
            f"{folder}: the disk has too little room for the checkpoints; free "
            f"{missing / 1e6:,.0f} MB more and run the same command again"
        )


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{index}.{name}": copy_of(tensor)
        for index, moment in optimizer.state_dict()["state"].items()
        for name, tensor in moment.items()
    }


def _set_moments(
    optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor], weights: list[Tensor]
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        index, _, name = key.partition(".")
        moment = like(weights[int(index)], tensor) if tensor.ndim else tensor
        state.setdefault(int(index), {})[name] = moment
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
