"""The gradient of a step whose passes are shared among the processes of torchrun or Ray.

Process r of n takes every n-th pass, as the forked processes of `tune.ranks` do; the loss of a pass
is divided by the units of the whole step, so summed gradients are the step's gradient. Sums over
replicated weights are formed here, in one message; weights that FSDP2 divides are summed by it.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from medtune.llm.memory import most_held, on_gpu
from medtune.tune.batch import Batch
from medtune.tune.distributed import control
from medtune.tune.loop import Share
from medtune.tune.objective import Objective
from medtune.tune.ranks import STEPS_PER_SEED, Ranks, Seen


def shared(
    model: PreTrainedModel,
    weights: Sequence[nn.Parameter],
    objective: Objective,
    passes: Callable[[int], list[Batch]],
    looks: Mapping[str, Sequence[Batch]],
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
        factors, losses = objective.factors(batches), [0.0, 0.0]
        for at, counts in _share(len(batches), rank, n):
            part = objective.loss(model, batches[at]) * counts
            (part * factors[batches[at].is_replay]).backward()
            losses[batches[at].is_replay] += part.item()
        _add_gradients(replicated)
        return _together(objective, losses, batches)

    @torch.no_grad()
    def look() -> dict[str, Seen]:
        return {name: _seen(model, objective, batches) for name, batches in looks.items()}

    def peak() -> int:
        # Each GPU has a memory of its own; processes without share the machine's.
        together = control.largest if on_gpu() else control.added
        return int(together(torch.tensor(most_held())).item())

    return Ranks(gradient, look, peak)


def _seen(model: PreTrainedModel, objective: Objective, batches: Sequence[Batch]) -> Seen:
    """What all processes together see of a set."""
    sizes = [objective.sizes(batch).tolist() for batch in batches]
    sums = [torch.zeros(len(some), dtype=torch.float64) for some in sizes]
    for at, counts in _share(len(batches), control.rank(), control.size()):
        sums[at] += objective.each(model, batches[at]).double().cpu() * counts
    total = control.added(torch.cat(sums))
    return Seen(total.tolist(), [size for some in sizes for size in some])


def _share(n_passes: int, rank: int, n: int) -> list[tuple[int, float]]:
    """This process's passes by number, and whether each counts.

    Weights that are divided are gathered by all processes at once: those with fewer passes than
    the others take one that does not count.
    """
    rounds = -(-n_passes // n)
    mine = [(at, 1.0) for at in range(rank, n_passes, n)]
    return mine + [(0, 0.0)] * (rounds - len(mine))


def _together(objective: Objective, losses: Sequence[float], batches: Sequence[Batch]) -> Share:
    own, again = control.added(torch.tensor(losses, dtype=torch.float64)).tolist()
    n_replayed = sum(batch.n_supervised for batch in batches if batch.is_replay)
    return Share(
        own / sum(objective.units(batch) for batch in batches if not batch.is_replay),
        sum(batch.n_tokens for batch in batches),
        sum(batch.n_supervised for batch in batches if not batch.is_replay),
        again / n_replayed if n_replayed else None,
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
