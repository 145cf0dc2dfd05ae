"""The gradient of a step whose passes are shared among the processes of torchrun or Ray.

Process r of n takes every n-th pass, as the forked processes of `tune.ranks` do; the loss of a pass
is divided by the units of the whole step, so summed gradients are the step's gradient. Sums over
replicated weights are formed here, in one message; weights that FSDP2 divides are summed by it.
"""

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from medtune.tune.batch import Batch
from medtune.tune.distributed import control
from medtune.tune.loop import Share
from medtune.tune.objective import Objective
from medtune.tune.outcome import peak_memory
from medtune.tune.ranks import STEPS_PER_SEED, Ranks


def shared(
    model: PreTrainedModel,
    weights: Sequence[nn.Parameter],
    objective: Objective,
    passes: Callable[[int], list[Batch]],
    validation: Sequence[Batch],
    *,
    seed: int,
) -> Ranks:
    """This process's part of the work; every process must ask for the same steps and looks.

    Args: as of `tune.ranks.ranks`.
    """
    rank, n = control.rank(), control.size()
    replicated = [weight for weight in weights if not isinstance(weight, DTensor)]

    def gradient(step: int) -> Share:
        torch.manual_seed((seed * STEPS_PER_SEED + step) * n + rank)
        for weight in weights:
            weight.grad = None
        batches = passes(step)
        n_units = sum(map(objective.units, batches))
        loss = 0.0
        for batch, counts in _share(batches, rank, n):
            part = objective.loss(model, batch) * counts
            (part / n_units).backward()
            loss += part.item()
        _add_gradients(replicated)
        return _together(loss, n_units, batches)

    @torch.no_grad()
    def look() -> Share:
        shares = _share(validation, rank, n)
        loss = sum(objective.loss(model, batch).item() * counts for batch, counts in shares)
        return _together(loss, sum(map(objective.units, validation)), validation)

    def peak() -> int:
        return int(control.added(torch.tensor(peak_memory())).item())

    return Ranks(gradient, look, peak)


def _share(batches: Sequence[Batch], rank: int, n: int) -> list[tuple[Batch, float]]:
    """This process's passes, and whether each counts.

    Weights that are divided are gathered by all processes at once: those with fewer passes than
    the others take one that does not count.
    """
    rounds = -(-len(batches) // n)
    mine = [(batch, 1.0) for batch in batches[rank::n]]
    return mine + [(batches[0], 0.0)] * (rounds - len(mine))


def _together(loss: float, n_units: int, batches: Sequence[Batch]) -> Share:
    total = control.added(torch.tensor(loss, dtype=torch.float64)).item()
    return Share(
        total / n_units,
        sum(batch.n_tokens for batch in batches),
        sum(batch.n_supervised for batch in batches),
    )


def _add_gradients(weights: Sequence[nn.Parameter]) -> None:
    """Replace each weight's gradient by the sum over the processes, in one message."""
    if not weights or control.size() == 1:
        return
    gradients = [_gradient(weight) for weight in weights]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    sizes = [gradient.numel() for gradient in gradients]
    for weight, part in zip(weights, flat.split(sizes), strict=True):
        weight.grad = part.view(weight.shape)


def _gradient(weight: nn.Parameter) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad
