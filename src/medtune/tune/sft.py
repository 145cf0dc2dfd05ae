"""Supervised fine-tuning: one loop, read from top to bottom.

The caller's `for` decides when to print, validate, save or stop.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from medtune.errors import TuneError
from medtune.tune.batch import Batch
from medtune.tune.loss import summed_loss

STEPS_PER_SEED = 1_000_003
"""More steps than a run has, so that two runs never share the seed of a step."""


@dataclass(frozen=True, slots=True)
class StepLog:
    """What one optimizer step did."""

    step: int
    """From 1."""
    loss: float
    """Before the step, in nats per supervised token."""
    grad_norm: float
    """Before clipping."""
    learning_rate: float
    n_tokens: int
    n_supervised: int
    seconds: float


def sft(
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    steps: Iterable[tuple[int, Sequence[Batch]]],
    learning_rate: Callable[[int], float],
    *,
    max_grad_norm: float,
    seed: int,
) -> Iterator[StepLog]:
    """Train, yielding a log after each optimizer step.

    Each item of `steps` is the number of an optimizer step and its micro-batches. The loss is
    divided by the supervised tokens of the whole step, so the gradient does not depend on the cut.
    Torch is seeded anew for each step, so a step depends on the weights, the optimizer and its
    number only, and not on how the run got there.

    Raises:
        TuneError: The loss or the gradient is not finite. The weights are left as they were.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    for step, batches in steps:
        started = time.perf_counter()
        torch.manual_seed(seed * STEPS_PER_SEED + step)
        n_supervised = sum(batch.n_supervised for batch in batches)
        assert n_supervised > 0, "fit refuses examples with nothing to learn"

        loss = torch.zeros((), device=parameters[0].device)
        for batch in batches:
            share = summed_loss(model, batch) / n_supervised
            share.backward()
            loss += share.detach()
        grad_norm = float(nn.utils.clip_grad_norm_(parameters, max_grad_norm))
        if not (math.isfinite(loss.item()) and math.isfinite(grad_norm)):
            optimizer.zero_grad(set_to_none=True)
            raise TuneError(
                f"step {step}: loss {loss.item()} with gradient norm {grad_norm} is not finite; "
                "the weights are as they were before this step; lower tune.learning_rate, or set "
                "model.numerics to float32"
            )

        rate = learning_rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds = time.perf_counter() - started
        n_tokens = sum(batch.n_tokens for batch in batches)
        yield StepLog(step, loss.item(), grad_norm, rate, n_tokens, n_supervised, seconds)
