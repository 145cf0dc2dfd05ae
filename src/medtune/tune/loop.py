"""The training loop, read from top to bottom: gradient, clip, step, log.

What is learnt, and in how many processes, is up to the function that gives the gradient. The
caller's `for` decides when to print, validate, save or stop.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from medtune.errors import TuneError


class Share(NamedTuple):
    """What the gradient of a step was formed from."""

    loss: float
    """Per unit of the objective: in nats per supervised token for cross-entropy."""
    n_tokens: int
    n_supervised: int
    replay_loss: float | None = None
    """Of what was replayed beside it, in nats per token."""


@dataclass(frozen=True, slots=True)
class StepLog:
    """What one optimizer step did."""

    step: int
    """From 1."""
    loss: float
    """Before the step, per unit of the objective: in nats per supervised token, or per pair."""
    grad_norm: float
    """Before clipping."""
    learning_rate: float
    n_tokens: int
    n_supervised: int
    seconds: float
    replay_loss: float | None
    """Of the general text replayed in this step, in nats per token; None without replay."""


def train(
    weights: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    steps: Iterable[int],
    gradient: Callable[[int], Share],
    learning_rate: Callable[[int], float],
    *,
    max_grad_norm: float,
) -> Iterator[StepLog]:
    """Train, yielding a log after each optimizer step.

    Args:
        weights: What is trained.
        optimizer: Over `weights`.
        steps: The numbers of the steps to take, from 1.
        gradient: Puts the gradient of a step into `weights`, in place of the one before.
        learning_rate: Of a step.
        max_grad_norm: The gradient's norm is cut to this.

    Raises:
        TuneError: The loss or the gradient is not finite. The weights are left as they were.
    """
    for step in steps:
        started = time.perf_counter()
        share = gradient(step)
        grad_norm = _clip(weights, max_grad_norm)
        if not (math.isfinite(share.loss) and math.isfinite(grad_norm)):
            raise TuneError(
                f"step {step}: loss {share.loss} with gradient norm {grad_norm} is not finite; "
                "the weights are as they were before this step; lower tune.learning_rate, or set "
                "model.numerics to float32"
            )
        rate = learning_rate(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        seconds = time.perf_counter() - started
        n_tokens, n_supervised = share.n_tokens, share.n_supervised
        yield StepLog(
            step, share.loss, grad_norm, rate, n_tokens, n_supervised, seconds, share.replay_loss
        )


def _clip(weights: Sequence[nn.Parameter], most: float) -> float:
    """Cut the gradient's norm; return what it was. Divided weights give the norm of the whole."""
    norm = nn.utils.clip_grad_norm_(weights, most)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
