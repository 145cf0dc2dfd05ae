"""A rehearsal of the training: the largest step forward and backward, a save, and the speed."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from medtune.config import Run, TuneSection
from medtune.llm.load import LanguageModel
from medtune.records import Application, Example
from medtune.tune.job import at_work, job
from medtune.tune.lora import save_adapter, snapshot
from medtune.tune.outcome import ADAPTER

N_TIMED = 3
"""Steps that are timed: the one with the fewest tokens, the median, the one with the most."""
N_LOOK = 16
"""Examples that are passed without gradients."""


class Rehearsal(NamedTuple):
    """What one process saw of the training to come."""

    tokens: int
    """Of one fit: all epochs, replayed text and documents among them."""
    searched_tokens: int
    """Of further fits: other seeds, and the sweep's budget."""
    longest_tokens: int
    """Of the longest example, prompt and reply."""
    train_rates: list[float]
    """Tokens per second forward and backward, slowest first."""
    forward_rate: float
    """Tokens per second without gradients."""
    weights_gb: float
    """Of the base model."""
    peak_memory_gb: float
    """Of all processes, what they have in common once; on GPUs of the fullest one."""
    adapter_bytes: int


def rehearse(
    run: Run, app: Application, model: LanguageModel, train: Sequence[Example], folder: Path
) -> Rehearsal:
    """Try what training will do, and leave the result in `folder`/adapter.

    Raises:
        DataError: An example cannot be trained on.
        TuneError: The model cannot be trained by this loop.
        MachineError: The disk is full.
    """
    by_loss = run.model_copy(update={"tune": run.tune.model_copy(update={"stop_on": "loss"})})
    asked = job(by_loss, app, model, train, train[:N_LOOK])
    tokens = [asked.n_tokens(number) for number in range(1, len(asked.steps) + 1)]
    order = sorted(range(1, len(tokens) + 1), key=lambda number: tokens[number - 1])
    timed = [order[at * (len(order) - 1) // (N_TIMED - 1)] for at in range(N_TIMED)]
    with at_work(asked) as ready:
        ready.team.gradient(timed[-1])  # the first pass of a process is slower
        rates = sorted(
            _rate(asked.n_tokens(number), partial(ready.team.gradient, number)) for number in timed
        )
        n_looked = sum(batch.n_tokens for some in asked.look().values() for batch in some)
        forward = _rate(n_looked, ready.team.look)
        save_adapter(folder / ADAPTER, ready.adapter, snapshot(ready.adapter), model)
        peak = ready.team.peak()
    return Rehearsal(
        tokens=sum(tokens),
        searched_tokens=_searched(run.tune, tokens),
        longest_tokens=max(len(one.ids) for lesson in asked.train.rendered for one in lesson),
        train_rates=rates,
        forward_rate=forward,
        weights_gb=model.model.get_memory_footprint() / 1e9,
        peak_memory_gb=peak / 1e9,
        adapter_bytes=sum(path.stat().st_size for path in (folder / ADAPTER).iterdir()),
    )


def _searched(tune: TuneSection, tokens: Sequence[int]) -> int:
    budget = 0 if tune.sweep is None else tune.sweep.steps
    return (tune.seeds - 1) * sum(tokens) + budget * sum(tokens) // len(tokens)


def _rate(n_tokens: int, compute: Callable[[], object]) -> float:
    started = time.perf_counter()
    compute()
    return n_tokens / (time.perf_counter() - started)
