"""What the processes agree on. In a process that is alone, each function does nothing more.

Objects travel between processes pickled, over gloo, also where the weights are on GPUs.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from medtune.errors import MedtuneError

T = TypeVar("T")

CPU = torch.device("cpu")
WAIT_H = 12
"""Hours that a process waits for the others. torch's own half hour is too short where the first
process alone lets a large model write what is replayed, on its CPU."""


def size() -> int:
    """How many processes share the work."""
    return dist.get_world_size() if is_shared() else 1


def is_shared() -> bool:
    """Whether this process was started as one of several, be it the only one of them."""
    return dist.is_initialized()


def rank() -> int:
    """The number of this process among them, from 0."""
    return dist.get_rank() if is_shared() else 0


def leads() -> bool:
    """Whether this process is the one that decides and writes."""
    return rank() == 0


@contextmanager
def process_group() -> Generator[None]:
    """Join the processes that torchrun started, while the block runs: one for each GPU, if any."""
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group(backend(on_gpus=on_gpus), timeout=timedelta(hours=WAIT_H))
    try:
        yield
    finally:
        dist.destroy_process_group()


def backend(*, on_gpus: bool) -> str:
    """Messages between CPUs go by gloo, between GPUs by NCCL."""
    return "cpu:gloo,cuda:nccl" if on_gpus else "gloo"


def agreed(value: T) -> T:
    """The leader's value, in every process."""
    if size() == 1:
        return value
    box: list[T] = [value]
    dist.broadcast_object_list(box, src=0, device=CPU)
    return box[0]


def on_lead(act: Callable[[], T]) -> T:
    """Let the leader act; every process gets what came of it.

    Raises:
        MedtuneError: What the leader's act raised, in every process.
    """
    if size() == 1:
        return act()
    found: T | MedtuneError | None = None
    if leads():
        try:
            found = act()
        except MedtuneError as error:
            found = error
    told = agreed(found)
    if isinstance(told, MedtuneError):
        raise told
    return told  # pyright: ignore[reportReturnType]  the leader set it


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return added(torch.tensor(int(flag))).item() > 0


def added(values: torch.Tensor) -> torch.Tensor:
    """The sum over the processes, in place, in each of them."""
    if size() > 1:
        dist.all_reduce(values)
    return values


def largest(values: torch.Tensor) -> torch.Tensor:
    """The largest over the processes, in place, in each of them."""
    if size() > 1:
        dist.all_reduce(values, dist.ReduceOp.MAX)
    return values
