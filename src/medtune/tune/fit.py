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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from medtune import __version__
from medtune.config import Run
from medtune.errors import TuneError
from medtune.llm.load import LanguageModel
from medtune.progress import progress
from medtune.records import Application, Example
from medtune.tune.batch import Batch, micro_batches, plan
from medtune.tune.journal import append
from medtune.tune.lesson import Lessons, render_lessons
from medtune.tune.lora import Adapter, attached, save_adapter, snapshot
from medtune.tune.loss import check_head, summed_loss
from medtune.tune.outcome import (
    ADAPTER,
    CHECKPOINTS,
    JOURNAL,
    Fit,
    finished,
    forget,
    peak_memory_gb,
    record,
)
from medtune.tune.resume import put_down, take_up
from medtune.tune.schedule import learning_rate
from medtune.tune.sft import sft
from medtune.tune.state import State, after_look, after_step
from medtune.tune.stop import stop_requested


@dataclass(frozen=True, slots=True)
class _Job:
    """All that a fit is asked to do."""

    run: Run
    lm: LanguageModel
    folder: Path
    what: str
    identity: dict[str, str]
    train: Lessons
    steps: list[list[int]]
    """For each optimizer step, the indices of its examples in `train`."""
    validation: list[Batch]


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
    """Tune a LoRA adapter into `folder`/adapter; `model` itself is left as it was.

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
    lessons = render_lessons(app, model, train, "train")
    checks = render_lessons(app, model, validation, "validation")
    whole = _identity(run, model, lessons, checks) | dict(identity)
    done = finished(folder, whole)
    if done is not None:
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        return done
    forget(folder)
    budget, pad_id, device = _grid(run, model)
    job = _Job(
        run=run,
        lm=model,
        folder=folder,
        what=what,
        identity=whole,
        train=lessons,
        steps=plan(
            lessons.ids,
            seed=run.seed,
            epochs=run.tune.epochs,
            examples_per_step=run.tune.examples_per_step,
        ),
        validation=micro_batches(checks.rendered, budget=budget, pad_id=pad_id, device=device),
    )
    check_head(model.model, job.validation[0])
    with (
        torch.random.fork_rng(),
        attached(model, run.tune, run.seed) as adapter,
        stop_requested() as stop,
    ):
        end = _train(job, adapter, stop)
        save_adapter(folder / ADAPTER, adapter, end.best, model)
        n_parameters = sum(weight.numel() for weight in adapter.weights.values())
    result = _result(job, end.state, n_parameters)
    record(folder, result, whole)
    return result


class _End(NamedTuple):
    """Where a training ended."""

    state: State
    best: dict[str, torch.Tensor]


def _train(job: _Job, adapter: Adapter, stop: Callable[[], bool]) -> _End:
    """Run the loop from wherever it was to its end."""
    tune = job.run.tune
    optimizer = torch.optim.AdamW(
        adapter.weights.values(), lr=0.0, weight_decay=tune.weight_decay, fused=True
    )
    state, best = take_up(job.folder, job.identity, adapter, optimizer)
    rate = partial(learning_rate, steps=len(job.steps), peak=tune.learning_rate, warmup=tune.warmup)

    logs = sft(
        adapter.model,
        optimizer,
        _steps(job, state.step),
        rate,
        max_grad_norm=tune.max_grad_norm,
        seed=job.run.seed,
    )
    with progress(job.what, _tokens_left(job, state), "tokens") as advance:
        while not _ended(job, state):
            log = next(logs)
            state = after_step(state, log)
            advance(log.n_tokens)
            is_look = log.step % tune.validate_every == 0 or log.step == len(job.steps)
            append(job.folder / JOURNAL, asdict(log))
            if is_look:
                state = _look(job, adapter, state)
                best = snapshot(adapter) if state.best_step == state.step else best
            stopping = stop()
            if is_look or stopping:
                put_down(job.folder, job.identity, state, adapter, optimizer, best)
            if stopping and not _ended(job, state):
                raise TuneError("stopped by signal; run the same command to go on")
    return _End(state, best)


def _look(job: _Job, adapter: Adapter, state: State) -> State:
    """Measure the validation loss and write it down."""
    started = time.perf_counter()
    total = 0.0
    with torch.no_grad():
        for batch in job.validation:
            total += summed_loss(adapter.model, batch).item()
    loss = total / sum(batch.n_supervised for batch in job.validation)
    if not math.isfinite(loss):
        raise TuneError(
            f"step {state.step}: the validation loss is {loss}; lower tune.learning_rate, or set "
            "model.numerics to float32"
        )
    seconds = time.perf_counter() - started
    row = {"step": state.step, "validation_loss": loss, "seconds": seconds}
    append(job.folder / JOURNAL, row)
    return after_look(state, loss, seconds)


def _steps(job: _Job, done: int) -> Iterator[tuple[int, list[Batch]]]:
    budget, pad_id, device = _grid(job.run, job.lm)
    for number, chosen in enumerate(job.steps[done:], start=done + 1):
        lessons = [job.train.rendered[index] for index in chosen]
        yield number, micro_batches(lessons, budget=budget, pad_id=pad_id, device=device)


def _grid(run: Run, lm: LanguageModel) -> tuple[int, int, torch.device]:
    return run.tune.micro_batch_tokens, lm.renderer.pad_id, lm.model.device


def _ended(job: _Job, state: State) -> bool:
    return state.step >= len(job.steps) or state.looks_without_gain >= job.run.tune.patience


def _tokens_left(job: _Job, state: State) -> int:
    ahead = job.steps[state.step :]
    return sum(len(job.train.rendered[index].ids) for chosen in ahead for index in chosen)


def _identity(run: Run, lm: LanguageModel, train: Lessons, validation: Lessons) -> dict[str, str]:
    """What must be equal to go on from a checkpoint.

    `micro_batch_tokens` is left out: it changes rounding only, and after running out of memory it
    is what one lowers.
    """
    settings = run.tune.model_dump(mode="json", exclude={"micro_batch_tokens"})
    return {f"tune.{name}": str(value) for name, value in settings.items()} | {
        "seed": str(run.seed),
        "base weights": lm.folder.sha256,
        "numerics": lm.numerics.dtype,
        "train": train.sha256,
        "validation": validation.sha256,
        "medtune": __version__,
    }


def _result(job: _Job, state: State, n_parameters: int) -> Fit:
    assert state.best_loss is not None, "the last step is followed by a look"
    assert state.train_loss is not None, "the last step is followed by a look"
    tune, all_done = job.run.tune, state.step == len(job.steps)
    return Fit(
        adapter=job.folder / ADAPTER,
        method=f"LoRA, rank {tune.rank}, alpha {tune.alpha:g}, all linear layers of the decoder",
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
        peak_memory_gb=peak_memory_gb(),
        resumed=state.resumed,
    )
