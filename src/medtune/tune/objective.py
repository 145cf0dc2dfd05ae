"""What is minimised, over the same passes and by the same loop.

Shapes: S supervised tokens, P pairs.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel

from medtune.config import TuneSection
from medtune.tune.batch import Batch
from medtune.tune.loss import token_losses


class Objective(NamedTuple):
    """A sum over a batch, and what it is divided by.

    Of a step that replays, the loss is (1 - `replay`) times the mean over its own units plus
    `replay` times the mean cross-entropy over the replayed tokens.
    """

    each: Callable[[PreTrainedModel, Batch], Tensor]
    """Of each lesson, summed over its units."""
    sizes: Callable[[Batch], Tensor]
    """Units of each lesson. A step's loss is divided by those of all its passes together."""
    replay: float = 0.0
    """Share of a step's loss that is replay, in [0, 1)."""

    def loss(self, model: PreTrainedModel, batch: Batch) -> Tensor:
        """Summed over the batch, which may be replay."""
        each = _cross_entropy if batch.is_replay else self.each
        return each(model, batch).sum()

    def units(self, batch: Batch) -> int:
        """Units of the batch."""
        return int(self.sizes(batch).sum())

    def factors(self, batches: Sequence[Batch]) -> tuple[float, float]:
        """By what the summed loss of an own pass of a step is multiplied, and of a replayed one."""
        n_units = sum(self.units(batch) for batch in batches if not batch.is_replay)
        n_replayed = sum(batch.n_supervised for batch in batches if batch.is_replay)
        if not n_replayed:
            return 1 / n_units, 0.0
        return (1 - self.replay) / n_units, self.replay / n_replayed


def objective(
    tune: TuneSection, as_base: Callable[[], AbstractContextManager[None]] | None = None
) -> Objective:
    """The objective that `tune.objective` names.

    Args:
        tune: The settings.
        as_base: Lets the model compute as the base model does; `dpo` needs it.
    """
    if tune.objective in ("sft", "cpt"):
        return Objective(_cross_entropy, _n_supervised, tune.replay)
    if tune.objective == "simpo":
        return Objective(partial(_preference, partial(_simpo, tune)), _n_pairs, tune.replay)
    assert as_base is not None, "dpo compares with the base model"
    score = partial(_dpo, tune, as_base)
    return Objective(partial(_preference, score), _n_pairs, tune.replay)


def _n_supervised(batch: Batch) -> Tensor:
    return torch.bincount(batch.sequences_S, minlength=batch.n_sequences)


def _n_pairs(batch: Batch) -> Tensor:
    return batch.sequences_S.new_ones(batch.n_sequences // 2)


def _cross_entropy(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Next-token cross-entropy in nats, summed over the supervised tokens of each sequence."""
    return -_log_p(model, batch)


def _preference(
    score: Callable[[PreTrainedModel, Batch], Tensor], model: PreTrainedModel, batch: Batch
) -> Tensor:
    """Minus the log-probability that the better reply is preferred, of each pair."""
    return -F.logsigmoid(score(model, batch))


def _dpo(
    tune: TuneSection,
    as_base: Callable[[], AbstractContextManager[None]],
    model: PreTrainedModel,
    batch: Batch,
) -> Tensor:
    """How much more than the base model the model prefers the better reply: P numbers.

    Source: Rafailov et al. 2023, arXiv:2305.18290, equation 7.
    """
    with torch.no_grad(), as_base():
        base_better_P, base_worse_P = _log_p(model, batch).view(-1, 2).unbind(1)
    better_P, worse_P = _log_p(model, batch).view(-1, 2).unbind(1)
    return tune.beta * ((better_P - worse_P) - (base_better_P - base_worse_P))


def _simpo(tune: TuneSection, model: PreTrainedModel, batch: Batch) -> Tensor:
    """By how much more than a margin the model prefers the better reply, per token: P numbers.

    Source: Meng et al. 2024, arXiv:2405.14734, equation 6.
    """
    better_P, worse_P = (_log_p(model, batch) / _n_supervised(batch)).view(-1, 2).unbind(1)
    return tune.beta * (better_P - worse_P) - tune.preference_margin


def _log_p(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Log-probability in nats of each sequence's supervised tokens."""
    losses_S = token_losses(model, batch)
    return losses_S.new_zeros(batch.n_sequences).index_add(0, batch.sequences_S, -losses_S)
