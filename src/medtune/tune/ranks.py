"""The gradient of an optimizer step, its passes shared among processes.

Process r of n takes every n-th pass. Weights and gradients lie in memory that all of them see; each
sums its passes into a gradient of its own, and these are added in the order of the processes, so a
step gives the same bits every time. The loss of a pass is divided by the units (for cross-entropy
the supervised tokens) of the whole step: the gradient depends neither on the cut nor on the number
of processes, but for rounding.

Shapes: n processes, P trained numbers.
"""

import mmap
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psutil
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from medtune.llm.memory import most_held
from medtune.llm.workers import workers
from medtune.tune.batch import Batch
from medtune.tune.loop import Share
from medtune.tune.objective import Objective

STEPS_PER_SEED = 1_000_003
"""More steps than a run has, so that two runs never share the seed of a step."""


class Seen(NamedTuple):
    """What a look found of a set of lessons."""

    sums: list[float]
    """Of each lesson, its loss summed over its units, in no certain order."""
    sizes: list[int]
    """Its units."""

    @property
    def loss(self) -> float:
        """Per unit of the objective."""
        return sum(self.sums) / sum(self.sizes)

    @property
    def means(self) -> list[float]:
        """Of each lesson, per unit."""
        return [total / size for total, size in zip(self.sums, self.sizes, strict=True)]


class _Request(NamedTuple):
    """A share of a step, or of a look where `step` is None."""

    rank: int
    step: int | None


class _Part(NamedTuple):
    """What a process found in its share."""

    loss: float
    """Summed over its units; of its own, not of what is replayed."""
    n_units: int
    replay_loss: float
    """Summed over the replayed tokens."""
    n_replayed: int
    n_tokens: int
    n_supervised: int
    """Of its own."""
    peak: int
    """Most bytes that this process has held at once."""


class _Looked(NamedTuple):
    """What a process found in its share of a look."""

    seen: dict[str, Seen]
    peak: int


class Ranks(NamedTuple):
    """What the processes do on request."""

    gradient: Callable[[int], Share]
    """Form the gradient of a step in the weights' `grad`."""
    look: Callable[[], dict[str, Seen]]
    """The losses of what a look goes through, by the name of the set."""
    peak: Callable[[], int]
    """Most bytes that all processes have held, what they have in common once; on GPUs, of the
    fullest one."""


@contextmanager
def ranks(  # noqa: PLR0913
    model: PreTrainedModel,
    weights: Sequence[nn.Parameter],
    objective: Objective,
    passes: Callable[[int], list[Batch]],
    looks: Mapping[str, Sequence[Batch]],
    *,
    n: int,
    seed: int,
) -> Generator[Ranks]:
    """Start `n` processes that share each step's work while the block runs.

    Args:
        model: With the trained weights in place.
        weights: What is trained. Their memory is moved.
        objective: What is minimised.
        passes: The passes of a step, by its number: the same in every process.
        looks: The passes of a look, by the name of the set.
        n: Processes; 1 computes here.
        seed: Torch is seeded anew for each step, so a step depends on the weights and its number
            only, and not on how the run got there.
    """
    _shared_in_place(weights)
    gradients_nP = _shared(weights, n).view(n, -1)

    def work(request: _Request) -> _Part | _Looked:
        if request.step is None:
            mine = {name: batches[request.rank :: n] for name, batches in looks.items()}
            return _look(model, objective, mine)
        batches = passes(request.step)
        torch.manual_seed((seed * STEPS_PER_SEED + request.step) * n + request.rank)
        _aim(weights, gradients_nP[request.rank].zero_())
        factors = objective.factors(batches)
        own = batches[request.rank :: n]
        losses = [
            _accumulate(objective.loss(model, batch), factors[batch.is_replay]) for batch in own
        ]
        return _part(objective, own, losses)

    before, own, held = _memory(), dict[int, int](), [0]
    with workers(work, n) as ask:

        def asked(step: int | None) -> list[_Part | _Looked]:
            found = dict(ask([_Request(rank, step) for rank in range(n)]))
            own.update({rank: part.peak - before for rank, part in found.items()})
            held[0] = max(held[0], _memory())
            return [found[rank] for rank in range(n)]

        def look() -> dict[str, Seen]:
            parts = [part.seen for part in asked(None) if isinstance(part, _Looked)]
            return {
                name: Seen(
                    [one for part in parts for one in part[name].sums],
                    [one for part in parts for one in part[name].sizes],
                )
                for name in looks
            }

        def gradient(step: int) -> Share:
            parts = [part for part in asked(step) if isinstance(part, _Part)]
            for other in range(1, n):
                gradients_nP[0] += gradients_nP[other]
            _aim(weights, gradients_nP[0])
            n_units = sum(part.n_units for part in parts)
            n_replayed = sum(part.n_replayed for part in parts)
            assert n_units > 0, "fit refuses examples with nothing to learn"
            return Share(
                sum(part.loss for part in parts) / n_units,
                sum(part.n_tokens for part in parts),
                sum(part.n_supervised for part in parts),
                sum(part.replay_loss for part in parts) / n_replayed if n_replayed else None,
            )

        def peak() -> int:
            # This process holds the optimizer, and what it saves; the others only their share.
            return most_held() if n == 1 else max(held[0], _memory()) + sum(own.values())

        yield Ranks(gradient, look, peak)


def _memory() -> int:
    """Main memory that this process holds now, in bytes."""
    return psutil.Process().memory_info().rss


def _part(objective: Objective, mine: Sequence[Batch], losses: Sequence[float]) -> _Part:
    both = list(zip(mine, losses, strict=True))
    return _Part(
        sum(loss for batch, loss in both if not batch.is_replay),
        sum(objective.units(batch) for batch in mine if not batch.is_replay),
        sum(loss for batch, loss in both if batch.is_replay),
        sum(batch.n_supervised for batch in mine if batch.is_replay),
        sum(batch.n_tokens for batch in mine),
        sum(batch.n_supervised for batch in mine if not batch.is_replay),
        most_held(),
    )


@torch.no_grad()
def _look(
    model: PreTrainedModel, objective: Objective, mine: Mapping[str, Sequence[Batch]]
) -> _Looked:
    seen: dict[str, Seen] = {}
    for name, batches in mine.items():
        sums = [one for batch in batches for one in objective.each(model, batch).tolist()]
        sizes = [one for batch in batches for one in objective.sizes(batch).tolist()]
        seen[name] = Seen(sums, sizes)
    return _Looked(seen, most_held())


def _accumulate(loss: Tensor, factor: float) -> float:
    """Add a pass's share to the gradient; its summed loss."""
    (loss * factor).backward()
    return loss.item()


def _shared_in_place(weights: Sequence[nn.Parameter]) -> None:
    """Move the weights into one stretch of memory that forked processes see."""
    values_P = _shared(weights, 1)
    with torch.no_grad():
        for weight, part in _parts(weights, values_P):
            part.copy_(weight)
            weight.data = part


def _aim(weights: Sequence[nn.Parameter], gradient_P: Tensor) -> None:
    """Let the weights' gradients be views of `gradient_P`."""
    for weight, part in _parts(weights, gradient_P):
        weight.grad = part


def _parts(weights: Sequence[nn.Parameter], values_P: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
    pieces = values_P.split([weight.numel() for weight in weights])
    return [
        (weight, piece.view(weight.shape)) for weight, piece in zip(weights, pieces, strict=True)
    ]


def _shared(weights: Sequence[nn.Parameter], n: int) -> Tensor:
    """Zeros, `n` for each trained number, in memory that is shared with processes forked later.

    Not in /dev/shm, which containers keep small.
    """
    size = n * sum(weight.numel() for weight in weights)
    dtype, device = weights[0].dtype, weights[0].device
    if device.type != "cpu":
        return torch.zeros(size, dtype=dtype, device=device)
    return torch.frombuffer(mmap.mmap(-1, dtype.itemsize * size), dtype=dtype)
