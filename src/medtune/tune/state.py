"""Where a training is, and how a step or a look at the validation loss moves it on."""

import math
from dataclasses import dataclass, replace

from medtune.tune.energy import Energy
from medtune.tune.loop import StepLog


@dataclass(frozen=True, slots=True)
class State:
    """The counters that the rest of a training depends on, or that its record needs."""

    step: int = 0
    """Optimizer steps done."""
    best_step: int = 0
    """The step that is kept: with the lowest validation loss, or the best metric where looks go by
    that, and of equal ones the one with the lower loss; 0 before the first look."""
    best_loss: float | None = None
    """Validation loss there, in nats per supervised token."""
    best_metric: float | None = None
    """The metric there, turned so that more is better; None where looks go by the loss."""
    looks_without_gain: int = 0
    train_loss: float | None = None
    """Mean of the steps between the last two looks, in nats per supervised token."""
    summed_loss: float = 0.0
    """In nats, over the steps since the last look."""
    summed_tokens: int = 0
    """Supervised tokens since the last look."""
    n_tokens: int = 0
    n_supervised: int = 0
    seconds: float = 0.0
    resumed: int = 0
    kwh: float = 0.0
    """Energy of the machine up to the last checkpoint, where it is estimated."""
    co2_kg: float = 0.0
    peak: int = 0
    """Most bytes that the processes held up to the last checkpoint, before interruptions too."""


def after_step(state: State, log: StepLog) -> State:
    """The state after one more optimizer step."""
    return replace(
        state,
        step=log.step,
        summed_loss=state.summed_loss + log.loss * log.n_supervised,
        summed_tokens=state.summed_tokens + log.n_supervised,
        n_tokens=state.n_tokens + log.n_tokens,
        n_supervised=state.n_supervised + log.n_supervised,
        seconds=state.seconds + log.seconds,
    )


def after_look(
    state: State, validation_loss: float, seconds: float, metric: float | None = None
) -> State:
    """The state after a look, which took `seconds`.

    Args:
        state: Before.
        validation_loss: What was seen.
        seconds: What it took.
        metric: More is better; None where looks go by the loss, or where it has no value, which is
            never better than a value.
    """
    gained = state.best_loss is None or _score(metric, validation_loss) > _score(
        state.best_metric, state.best_loss
    )
    return replace(
        state,
        best_step=state.step if gained else state.best_step,
        best_loss=validation_loss if gained else state.best_loss,
        best_metric=metric if gained else state.best_metric,
        looks_without_gain=0 if gained else state.looks_without_gain + 1,
        train_loss=state.summed_loss / state.summed_tokens,
        summed_loss=0.0,
        summed_tokens=0,
        seconds=state.seconds + seconds,
    )


def after_use(state: State, used: Energy, peak: int) -> State:
    """The state after this energy was used, and these bytes were held at most."""
    return replace(
        state,
        kwh=state.kwh + used.kwh,
        co2_kg=state.co2_kg + used.co2_kg,
        peak=max(state.peak, peak),
    )


def _score(metric: float | None, loss: float) -> tuple[float, float]:
    return (-math.inf if metric is None else metric, -loss)
