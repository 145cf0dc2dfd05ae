"""Fit an adapter: train, look at the validation loss, save, stop early, go on after a crash.

A folder of a fit holds `tune.jsonl` (a line per optimizer step and per look at the validation
loss), `checkpoints/` while it runs, and at the end `adapter/` and `fit.json`. A fit that was
interrupted and taken up again gives the same adapter, bit for bit on a CPU with as many threads,
and the same log but for the seconds. Work lost between the last checkpoint and a `kill -9` is done
again, and its seconds are not counted.
"""

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from medtune import __version__
from medtune.config import Run, TuneSection
from medtune.errors import TuneError
from medtune.llm.load import LanguageModel
from medtune.progress import progress
from medtune.records import Application, Example
from medtune.tune.job import Job, Ready, at_work, job
from medtune.tune.journal import append
from medtune.tune.loop import train as loop
from medtune.tune.lora import save_adapter, snapshot
from medtune.tune.outcome import (
    ADAPTER,
    CHECKPOINTS,
    JOURNAL,
    Fit,
    finished,
    forget,
    record,
)
from medtune.tune.ranks import Ranks
from medtune.tune.resume import put_down, take_up
from medtune.tune.schedule import learning_rate
from medtune.tune.state import State, after_look, after_step
from medtune.tune.stop import stop_requested

_ADAPTERS = {"lora": "LoRA", "rslora": "rank-stabilised LoRA", "dora": "DoRA"}
"""Those of `tune.adapter` that have a rank."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a fit writes, and as what."""

    folder: Path
    what: str
    identity: dict[str, str]


def fit(  # noqa: PLR0913  what to learn, from what, where to put it
    run: Run,
    app: Application,
    model: LanguageModel,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    folder: Path,
    what: str,
    identity: Mapping[str, str],
) -> Fit:
    """Tune an adapter, or all weights, into `folder`/adapter; `model` is left as it was.

    Called again after an interruption it goes on from the newest checkpoint; called again after
    the end it returns at once.

    Args:
        run: Its `tune` section and its seed are used.
        app: Makes prompt and reply of an example.
        model: The base model.
        train: To learn from.
        validation: To choose the step by; never learnt from.
        folder: Where everything is written.
        what: A name for the progress line.
        identity: What a checkpoint must agree on besides the settings, the rendered data, the base
            weights, the numerics and the version, which are always compared.

    Raises:
        DataError: No examples, or some that are too long or have nothing to learn.
        TuneError: The loss is not finite, a checkpoint is of another run, or a signal came.
        MachineError: The disk is full, which is tried before anything is computed.
    """
    asked = job(run, app, model, train, validation)
    place = _Place(folder, what, _identity(asked) | dict(identity))
    done = finished(folder, place.identity)
    if done is not None:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return done
    forget(folder)
    with stop_requested() as stop, at_work(asked) as ready:
        end = _train(asked, place, ready, stop)
        save_adapter(folder / ADAPTER, ready.adapter, end.best, model)
        n_parameters = sum(weight.numel() for weight in ready.adapter.weights.values())
        peak = ready.team.peak()
    result = _result(asked, place, end.state, n_parameters, peak)
    record(folder, result, place.identity)
    return result


class _End(NamedTuple):
    """Where a training ended."""

    state: State
    best: dict[str, torch.Tensor]


def _train(job: Job, place: _Place, ready: Ready, stop: Callable[[], bool]) -> _End:
    """Run the loop from wherever it was to its end."""
    tune, (adapter, team) = job.run.tune, ready
    weights = list(adapter.weights.values())
    optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=tune.weight_decay, fused=True)
    state, best = take_up(place.folder, place.identity, adapter, optimizer)
    ahead = range(state.step + 1, len(job.steps) + 1)
    rate = partial(learning_rate, steps=len(job.steps), peak=tune.learning_rate, warmup=tune.warmup)
    logs = loop(weights, optimizer, ahead, team.gradient, rate, max_grad_norm=tune.max_grad_norm)
    with progress(place.what, sum(map(job.n_tokens, ahead)), "tokens") as advance:
        while not _ended(job, state):
            log = next(logs)
            state = after_step(state, log)
            advance(log.n_tokens)
            is_look = log.step % tune.validate_every == 0 or log.step == len(job.steps)
            append(place.folder / JOURNAL, {k: v for k, v in asdict(log).items() if v is not None})
            if is_look:
                state = _look(place, team, state)
                best = snapshot(adapter) if state.best_step == state.step else best
            stopping = stop()
            if is_look or stopping:
                put_down(place.folder, place.identity, state, adapter, optimizer, best)
            if stopping and not _ended(job, state):
                raise TuneError("stopped by signal; run the same command to go on")
    return _End(state, best)


def _look(place: _Place, team: Ranks, state: State) -> State:
    """Measure the validation loss and write it down."""
    started = time.perf_counter()
    loss = team.look().loss
    if not math.isfinite(loss):
        raise TuneError(
            f"step {state.step}: the validation loss is {loss}; lower tune.learning_rate, or set "
            "model.numerics to float32"
        )
    seconds = time.perf_counter() - started
    row = {"step": state.step, "validation_loss": loss, "seconds": seconds}
    append(place.folder / JOURNAL, row)
    return after_look(state, loss, seconds)


def _ended(job: Job, state: State) -> bool:
    return state.step >= len(job.steps) or state.looks_without_gain >= job.run.tune.patience


def _identity(job: Job) -> dict[str, str]:
    """What must be equal to go on from a checkpoint.

    `micro_batch_tokens` and the number of processes are left out: they change rounding only, and
    after running out of memory they are what one lowers.
    """
    settings = job.run.tune.model_dump(mode="json", exclude={"micro_batch_tokens"})
    return {f"tune.{name}": str(value) for name, value in settings.items()} | {
        "seed": str(job.run.seed),
        "base weights": job.lm.folder.sha256,
        "numerics": job.lm.numerics.dtype,
        "train": job.train.sha256,
        "validation": job.validation.sha256,
        "replay": job.replay.sha256,
        "medtune": __version__,
    }


def _what_learns(tune: TuneSection) -> str:
    if tune.adapter == "full":
        return "all weights of the model"
    return (
        f"{_ADAPTERS[tune.adapter]}, rank {tune.rank}, alpha {tune.alpha:g}, all linear layers of "
        "the decoder"
    )


def _result(job: Job, place: _Place, state: State, n_parameters: int, peak: int) -> Fit:
    assert state.best_loss is not None, "the last step is followed by a look"
    assert state.train_loss is not None, "the last step is followed by a look"
    tune, all_done = job.run.tune, state.step == len(job.steps)
    return Fit(
        adapter=place.folder / ADAPTER,
        method=f"{_what_learns(tune)}; {tune.objective.upper()}",
        numerics=job.lm.numerics.dtype,
        steps=state.step,
        best_step=state.best_step,
        stopped="all epochs" if all_done else "no improvement",
        trainable_parameters=n_parameters,
        train_loss=state.train_loss,
        validation_loss=state.best_loss,
        tokens_seen=state.n_tokens,
        supervised_seen=state.n_supervised,
        seconds=state.seconds,
        peak_memory_gb=peak / 1e9,
        resumed=state.resumed,
    )
