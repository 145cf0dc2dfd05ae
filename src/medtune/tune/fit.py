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

import torch

from medtune import __version__
from medtune.artifacts import Watched, canonical_sha256
from medtune.config import Run, TuneSection
from medtune.errors import TuneError
from medtune.llm.load import LanguageModel
from medtune.progress import progress
from medtune.records import Application, Example, Objective
from medtune.tune.budget import is_spent
from medtune.tune.checkpoint import newest_whole
from medtune.tune.distributed.control import agreed, any_of, leads, on_lead
from medtune.tune.distributed.parts import whole
from medtune.tune.energy import energy
from medtune.tune.job import Job, Ready, at_work, job
from medtune.tune.journal import append, rows
from medtune.tune.keep import steer
from medtune.tune.look import Row, look, watched_before
from medtune.tune.loop import train as loop
from medtune.tune.lora import save_adapter
from medtune.tune.outcome import (
    ADAPTER,
    CHECKPOINTS,
    JOURNAL,
    OUTCOME,
    SPENT,
    Fit,
    finished,
    forget,
    is_cut_short,
    record,
)
from medtune.tune.resume import Tuning, put_down, take_up
from medtune.tune.schedule import learning_rate
from medtune.tune.state import State, after_step, after_use
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
    objective: Objective | None = None,
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
            weights, the numerics and the version, which are always compared: the inputs of the
            stage, by names of their own.
        objective: As in `job`.

    Raises:
        DataError: No examples, or some that are too long or have nothing to learn.
        TuneError: The loss is not finite, a checkpoint is of another run, or a signal came.
        MachineError: The disk is full, which is tried before anything is computed.
    """
    asked = job(run, app, model, train, validation, objective=objective)
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

    Raises:
        TuneError: As `fit`; also where the signal came during the last look, and the fit is saved.
    """
    inputs = {f"input {name}": value for name, value in identity.items()}
    place = _Place(folder, what, _identity(job) | inputs)
    done = on_lead(lambda: _done(job, place))
    if done is not None:
        return done
    with stop_requested() as stop, at_work(job) as ready:
        end = _train(job, place, ready, stop, step)
        if not _ended(job, end.state):
            return end.state
        best = {name: whole(tensor) for name, tensor in end.best.items()}
        on_lead(lambda: save_adapter(folder / ADAPTER, ready.adapter, best, job.lm))
        n_parameters = sum(weight.numel() for weight in ready.adapter.weights.values())
        result = _result(job, place, end.state, n_parameters, ready.team.peak())
        on_lead(lambda: record(folder, result, place.identity))
        if any_of(stop()):
            raise TuneError("stopped by signal; this fit is saved; run the same command to go on")
    return result


def _done(job: Job, place: _Place) -> Fit | None:
    """The fit, if it is finished; else what is left of others is cleared away.

    Raises:
        TuneError: A budget ended the fit that is there, and it is of another run.
    """
    done = finished(place.folder, place.identity)
    if done is None and is_cut_short(place.folder) and _goes_on(place):
        (place.folder / OUTCOME).unlink()  # its adapter is damaged, and is written again
    elif done is None:
        forget(place.folder)
    elif done.stopped != SPENT:
        shutil.rmtree(place.folder / CHECKPOINTS, ignore_errors=True)
    elif not is_spent(job, done.steps, done.tokens_seen, done.seconds):
        (place.folder / OUTCOME).unlink()
        done = None
    return done


def _goes_on(place: _Place) -> bool:
    return newest_whole(place.folder / CHECKPOINTS, place.identity) is not None


def _train(job: Job, place: _Place, ready: Ready, stop: Callable[[], bool], until: int) -> Tuning:
    """Run the loop from wherever it was to its end, or to a step."""
    tune, (adapter, team) = job.run.tune, ready
    weights = list(adapter.weights.values())
    optimizer = torch.optim.AdamW(weights, lr=0.0, weight_decay=tune.weight_decay, fused=True)
    now = take_up(place.folder, place.identity, adapter, optimizer, averages=bool(tune.average))
    watched = _watched(place)
    ahead = range(now.state.step + 1, until + 1)
    rate = partial(learning_rate, steps=len(job.steps), peak=tune.learning_rate, warmup=tune.warmup)
    logs = loop(weights, optimizer, ahead, team.gradient, rate, max_grad_norm=tune.max_grad_norm)
    left = sum(map(job.n_tokens, ahead))
    with progress(place.what, left, "tokens") as advance, energy(_country(job)) as used:
        while now.state.step < until and not _ended(job, now.state):
            log = next(logs)
            steer(adapter, now.mean, tune, log)
            now = now._replace(state=after_step(now.state, log))
            advance(log.n_tokens)
            is_look = log.step % tune.validate_every == 0 or log.step == len(job.steps)
            _write(place, {k: v for k, v in asdict(log).items() if v is not None})
            if is_look:
                now, row, found = look(job, team, now, watched)
                _write(place, row)
                watched += [] if found is None else [found]
            stopping = any_of(stop())
            if is_look or stopping:
                now = now._replace(state=agreed(after_use(now.state, used(), team.peak())))
                put_down(place.folder, place.identity, now)
            if stopping and not _ended(job, now.state):
                raise TuneError("stopped by signal; run the same command to go on")
    return now


def _watched(place: _Place) -> list[Watched]:
    """What the looks so far showed."""
    return watched_before(on_lead(lambda: rows(place.folder / JOURNAL)))


def _write(place: _Place, row: Row) -> None:
    on_lead(lambda: append(place.folder / JOURNAL, row))


def _country(job: Job) -> str | None:
    """Where energy is estimated: in the leading process, whose machine is measured."""
    return job.run.compute.country if leads() else None


def _ended(job: Job, state: State) -> bool:
    return _why(job, state) is not None


def _why(job: Job, state: State) -> str | None:
    """Why the training ends here; None if it goes on."""
    if state.step >= len(job.steps):
        return "all epochs"
    if state.looks_without_gain >= job.run.tune.patience:
        return "no improvement"
    is_look = state.step > 0 and state.summed_tokens == 0
    spent = is_look and is_spent(job, state.step, state.n_tokens, state.seconds)
    return SPENT if spent else None


def _identity(job: Job) -> dict[str, str]:
    """What must be equal to go on from a checkpoint.

    `micro_batch_tokens` and the number of processes are left out: they change rounding only, and
    after running out of memory they are what one lowers. Files count by what was read of them.
    """
    settings = job.run.tune.model_dump(mode="json", exclude=NOT_COMPARED)
    gallery = job.lm.gallery
    eyes = {} if gallery is None else {"encoder": gallery.encoder.sha256}
    packed = {} if job.lm.quantize is None else {"quantize": job.lm.quantize}
    return {f"tune.{name}": str(value) for name, value in settings.items()} | {
        "seed": str(job.run.seed),
        "base weights": job.lm.folder.sha256,
        "numerics": job.lm.numerics.dtype,
        "train": job.train.sha256,
        "validation": job.validation.sha256,
        "replay": job.replay.sha256,
        "medtune": __version__,
        **eyes,
        **packed,
        **(_what_is_measured(job.run) if job.run.tune.stop_on == "metric" else {}),
    }


def _what_is_measured(run: Run) -> dict[str, str]:
    """What the metric of a look depends on, beside the validation split."""
    task = {} if run.task is None else {"task": canonical_sha256(run.task.model_dump(mode="json"))}
    return {"evaluate.max_new_tokens": str(run.evaluate.max_new_tokens)} | task


def _what_learns(tune: TuneSection) -> str:
    if tune.adapter == "full":
        return "all weights of the model"
    return (
        f"{_ADAPTERS[tune.adapter]}, rank {tune.rank}, alpha {tune.alpha:g}, all linear layers of "
        "the decoder"
    )


def _packed(lm: LanguageModel) -> str:
    return "" if lm.quantize is None else ", over frozen weights of 4 bits (NF4)"


def _result(job: Job, place: _Place, state: State, n_parameters: int, peak: int) -> Fit:
    assert state.best_loss is not None, "the last step is followed by a look"
    assert state.train_loss is not None, "the last step is followed by a look"
    why = _why(job, state)
    assert why is not None, "only then is there a result"
    tune, estimated = job.run.tune, job.run.compute.country is not None
    seen = _watched(place)
    return Fit(
        adapter=place.folder / ADAPTER,
        method=f"{_what_learns(tune)}{_packed(job.lm)}; {tune.objective.upper()}",
        numerics=job.lm.numerics.dtype,
        steps=state.step,
        best_step=state.best_step,
        stopped=why,
        trainable_parameters=n_parameters,
        train_loss=state.train_loss,
        validation_loss=state.best_loss,
        tokens_seen=state.n_tokens,
        supervised_seen=state.n_supervised,
        seconds=state.seconds,
        peak_memory_gb=max(state.peak, peak) / 1e9,
        resumed=state.resumed,
        energy_kwh=state.kwh if estimated else None,
        co2_kg=state.co2_kg if estimated else None,
        validation_metric=state.best_metric,
        watched=next((one.model_dump() for one in seen if one.step == state.best_step), None),
    )
