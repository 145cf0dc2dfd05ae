"""Fit an adapter: train, look at the validation loss, save, stop early, go on after a crash.

A folder of a fit holds `tune.jsonl` (a line per optimizer step and per look at the validation
loss), `checkpoints/` while it runs, and at the end `adapter/` and `fit.json`. A fit that was
interrupted and taken up again gives the same adapter, bit for bit on a CPU with as many threads,
and the same log but for the seconds. Work lost between the last checkpoint and a `kill -9` is done
again, and its seconds are not counted.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from medtune import __version__
from medtune.config import Run, TuneSection
from medtune.errors import TuneError
from medtune.llm.load import LanguageModel
from medtune.progress import progress
from medtune.records import Application, Example
from medtune.tune.job import Job, Ready, at_work, job
from medtune.tune.journal import append, rows
from medtune.tune.keep import steer
from medtune.tune.look import look, watched_before
from medtune.tune.loop import train as loop
from medtune.tune.lora import save_adapter
from medtune.tune.outcome import (
    ADAPTER,
    CHECKPOINTS,
    JOURNAL,
    Fit,
    finished,
    forget,
    record,
)
from medtune.tune.resume import Tuning, put_down, take_up
from medtune.tune.schedule import learning_rate
from medtune.tune.state import State, after_step
from medtune.tune.stop import stop_requested

NOT_COMPARED = {"micro_batch_tokens", "texts", "replay_file", "seeds", "sweep"}
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
    done = fit_until(asked, folder, what, identity, len(asked.steps))
    assert isinstance(done, Fit), "the last step ends a fit"
    return done


def fit_until(
    job: Job, folder: Path, what: str, identity: Mapping[str, str], step: int
) -> Fit | State:
    """As `fit`, but only up to a step: then the state, and a checkpoint from which to go on.

    A fit that paused at looks, and went on to its end, is the same as one that never did.

    Args:
        job: What to learn.
        folder: Where everything is written.
        what: A name for the progress line.
        identity: As in `fit`.
        step: A multiple of `tune.validate_every`, or the last step.
    """
    place = _Place(folder, what, _identity(job) | dict(identity))
    done = finished(folder, place.identity)
    if done is not None:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return done
    forget(folder)
    with stop_requested() as stop, at_work(job) as ready:
        end = _train(job, place, ready, stop, step)
        if not _ended(job, end.state):
            return end.state
        save_adapter(folder / ADAPTER, ready.adapter, end.best, job.lm)
        n_parameters = sum(weight.numel() for weight in ready.adapter.weights.values())
        peak = ready.team.peak()
    result = _result(job, place, end.state, n_parameters, peak)
    record(folder, result, place.identity)
    return result


def _train(job: Job, place: _Place, ready: Ready, stop: Callable[[], bool], until: int) -> Tuning:
    """Run the loop from wherever it was to its end, or to a step."""
    tune, (adapter, team) = job.run.tune, ready
    weights, journal = list(adapter.weights.values()), place.folder / JOURNAL
    optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=tune.weight_decay, fused=True)
    now = take_up(place.folder, place.identity, adapter, optimizer, averages=bool(tune.average))
    watched = watched_before(rows(journal))
    ahead = range(now.state.step + 1, until + 1)
    rate = partial(learning_rate, steps=len(job.steps), peak=tune.learning_rate, warmup=tune.warmup)
    logs = loop(weights, optimizer, ahead, team.gradient, rate, max_grad_norm=tune.max_grad_norm)
    with progress(place.what, sum(map(job.n_tokens, ahead)), "tokens") as advance:
        while now.state.step < until and not _ended(job, now.state):
            log = next(logs)
            steer(adapter, now.mean, tune, log)
            now = now._replace(state=after_step(now.state, log))
            advance(log.n_tokens)
            append(journal, {k: v for k, v in asdict(log).items() if v is not None})
            is_look = log.step % tune.validate_every == 0 or log.step == len(job.steps)
            if is_look:
                now, row, found = look(job, team, now, watched)
                append(journal, row)
                watched += [] if found is None else [found]
            stopping = stop()
            if is_look or stopping:
                put_down(place.folder, place.identity, now)
            if stopping and not _ended(job, now.state):
                raise TuneError("stopped by signal; run the same command to go on")
    return now


def _ended(job: Job, state: State) -> bool:
    return state.step >= len(job.steps) or state.looks_without_gain >= job.run.tune.patience


def _identity(job: Job) -> dict[str, str]:
    """What must be equal to go on from a checkpoint.

    `micro_batch_tokens` and the number of processes are left out: they change rounding only, and
    after running out of memory they are what one lowers. Files count by what was read of them.
    """
    settings = job.run.tune.model_dump(mode="json", exclude=NOT_COMPARED)
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
        validation_metric=state.best_metric,
        watched=next((one for one in _watched(place) if one["step"] == state.best_step), None),
    )


def _watched(place: _Place) -> list[dict[str, Any]]:
    return [one.model_dump() for one in watched_before(rows(place.folder / JOURNAL))]
