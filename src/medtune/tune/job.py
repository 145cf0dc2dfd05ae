"""What a fit has to do, and the model and processes made ready to do it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from medtune.canary import FIELD
from medtune.config import Run, TuneSection
from medtune.errors import ConfigError
from medtune.llm.flat import flat, is_decoder, is_exact
from medtune.llm.lean import lean
from medtune.llm.load import LanguageModel
from medtune.progress import say
from medtune.records import Application, Example, Objective
from medtune.tune.batch import Batch, Lesson, micro_batches, n_tokens, plan
from medtune.tune.distributed import control
from medtune.tune.distributed.ranks import shared
from medtune.tune.distributed.shard import sharded
from medtune.tune.energy import refuse_unknown
from medtune.tune.lesson import NONE, Lessons, drawn_few, render_lessons
from medtune.tune.lora import Adapter, attached
from medtune.tune.loss import check_head
from medtune.tune.metric import metric_of
from medtune.tune.objective import objective
from medtune.tune.ranks import Ranks, ranks
from medtune.tune.recompute import recomputed
from medtune.tune.replay import drawn, replay_lessons
from medtune.tune.text import render_split
from medtune.tune.watch import CANARIES, TRAIN, VALIDATION

WORTH_IT = 8
"""Examples of a step that are shared among processes; fewer are computed by the threads of one."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that a fit is asked to learn."""

    run: Run
    lm: LanguageModel
    train: Lessons
    validation: Lessons
    steps: list[list[int]]
    """For each optimizer step, the indices of its examples in `train`."""
    replay: Lessons = NONE
    """General text or instructions against forgetting."""
    replayed: Sequence[Sequence[int]] = ()
    """For each optimizer step, the indices of what it replays in `replay`; empty without."""
    probe: Lessons = NONE
    """Training examples that a look compares with validation's."""
    canaries: Lessons = NONE
    """Planted secrets among `train`."""
    metric: Callable[[], float | None] | None = None
    """Answers validation examples with the model as it is; more is better, None where it has no
    value. None where looks go by the loss."""

    @property
    def processes(self) -> int:
        """How many share a step: each has one thread, and no more of them than examples."""
        if control.is_shared():
            return control.size()
        n_examples = self.run.tune.examples_per_step
        return 1 if n_examples < WORTH_IT else min(self.lm.processes, n_examples)

    def step(self, number: int) -> list[Batch]:
        """The passes of an optimizer step, by its number, from 1."""
        own, again = self._lessons(number)
        return self._passes(own) + [batch._replace(is_replay=True) for batch in self._passes(again)]

    def look(self) -> dict[str, list[Batch]]:
        """The passes of a look, by the name of what it goes through."""
        sets = {VALIDATION: self.validation, TRAIN: self.probe, CANARIES: self.canaries}
        return {name: self._passes(one.rendered) for name, one in sets.items() if one.ids}

    def n_tokens(self, number: int) -> int:
        """Tokens of an optimizer step."""
        own, again = self._lessons(number)
        return sum(map(n_tokens, own + again))

    def _lessons(self, number: int) -> tuple[list[Lesson], list[Lesson]]:
        """The examples of a step, and what it replays."""
        own = [self.train.rendered[index] for index in self.steps[number - 1]]
        again = self.replayed[number - 1] if self.replayed else ()
        return own, [self.replay.rendered[index] for index in again]

    def _passes(self, lessons: Sequence[Lesson]) -> list[Batch]:
        if not lessons:
            return []
        return micro_batches(
            lessons,
            budget=self.run.tune.micro_batch_tokens,
            device=self.lm.device,
            share=self.processes,
        )


class Ready(NamedTuple):
    """A model with an adapter to train, and the processes that share the work."""

    adapter: Adapter
    team: Ranks


def job(
    run: Run,
    app: Application,
    lm: LanguageModel,
    train: Sequence[Example],
    validation: Sequence[Example],
    *,
    objective: Objective | None = None,
) -> Job:
    """Render the examples and lay out the steps.

    Args:
        run: Its `tune` section and its seed are used.
        app: Makes prompt and reply of an example.
        lm: The base model.
        train: To learn from.
        validation: To choose the step by.
        objective: What looks go by for `stop_on: metric`; None is the primary metric over all.

    Raises:
        ConfigError: The objective needs pairs, and the application has none, or what is asked for
            is not built for a model that sees by its own code, or energy cannot be estimated.
        DataError: No examples, or some that are too long or have nothing to learn, or on which the
            metric that looks go by has no value.
    """
    tune = run.tune
    control.on_lead(lambda: refuse_unknown(run.compute.country))
    if not is_decoder(lm.model):
        _refuse_with_eyes(run)
    if tune.objective == "cpt":
        lessons = render_split(app, lm, train, "train", tune.texts)
        checks = render_split(app, lm, validation, "validation")
    else:
        pairs = tune.objective in ("dpo", "simpo")
        lessons = render_lessons(app, lm, train, "train", pairs=pairs)
        checks = render_lessons(app, lm, validation, "validation", pairs=pairs)
    replay = replay_lessons(run, lm)
    steps = plan(
        lessons.ids,
        seed=run.seed,
        epochs=tune.epochs,
        examples_per_step=tune.examples_per_step,
    )
    again = drawn(replay.ids, list(map(len, steps)), share=tune.replay, seed=run.seed)
    planted = {one.id for one in train if FIELD in one.fields}
    records = {one.id for one in train} - planted
    # Documents are left out: validation has none to compare them with.
    own = [name for name in lessons.ids if {name, name.rpartition("#")[0]} & records]
    return Job(
        run,
        lm,
        lessons,
        checks,
        steps,
        replay=replay,
        replayed=again,
        probe=lessons.only(drawn_few(own, tune.probe_examples)),
        canaries=lessons.only(planted) if tune.probe_examples else NONE,
        metric=None if tune.stop_on == "loss" else metric_of(run, app, lm, validation, objective),
    )


def _refuse_with_eyes(run: Run) -> None:
    asked = {
        "tune.objective: cpt": run.tune.objective == "cpt",
        "tune.adapter: full": run.tune.adapter == "full",
        "compute.shard": run.compute.shard,
    }
    if named := [name for name, is_asked in asked.items() if is_asked]:
        raise ConfigError(
            f"{', '.join(named)}: not built for vision-language models; leave it out, or take a "
            "model of text"
        )


@contextmanager
def at_work(job: Job) -> Generator[Ready]:
    """Attach a new adapter and start the processes; afterwards the model is as it was.

    After training with `compute.shard` in several processes the model is of no more use.

    Raises:
        TuneError: The model cannot be trained by this loop.
    """
    run, model = job.run, job.lm.model
    with (
        torch.random.fork_rng(),
        attached(job.lm, run.tune, run.seed) as attached_whole,
        lean(model),
        recomputed(model, on=run.compute.recompute),
    ):
        adapter = attached_whole
        if run.compute.shard and control.is_shared():
            refuse_divided(run.tune)
            adapter = sharded(attached_whole)
        with flattened(model, job.step(1)[0]), _team(job, adapter) as team:
            yield Ready(adapter, team)


def refuse_divided(tune: TuneSection) -> None:
    """Make sure that all that is asked for works on divided weights.

    Raises:
        ConfigError: Something does not.
    """
    asked = {
        "adapter: full": tune.adapter == "full",
        "towards_start": tune.towards_start > 0,
        "average": tune.average > 0,
        "interpolate": tune.interpolate < 1,
        "stop_on: metric": tune.stop_on == "metric",
    }
    named = [f"tune.{name}" for name, is_asked in asked.items() if is_asked]
    if named:
        raise ConfigError(
            f"compute.shard: {', '.join(named)} is not built for weights that are divided among "
            "processes; leave it out, or leave compute.shard out"
        )


def _team(job: Job, adapter: Adapter) -> AbstractContextManager[Ranks]:
    """Those who share the work: the processes of torchrun or Ray, or copies of this one."""
    model, weights = job.lm.model, list(adapter.weights.values())
    made = objective(job.run.tune, adapter.as_base)
    asked = (model, weights, made, job.step, job.look())
    if control.is_shared():
        return nullcontext(shared(*asked, seed=job.run.seed))
    return ranks(*asked, n=job.processes, seed=job.run.seed)


@contextmanager
def fastest(model: PreTrainedModel, batch: Batch) -> Generator[None]:
    """Compute in the fastest way that is exact for this architecture."""
    with lean(model), flattened(model, batch):
        yield


@contextmanager
def flattened(model: PreTrainedModel, batch: Batch) -> Generator[None]:
    """Compute sequences end to end, where that is exact for this architecture.

    Raises:
        TuneError: The model cannot be trained by this loop.
    """
    check_head(model, batch)
    with ExitStack() as stack:
        if is_exact(model):
            stack.enter_context(flat(model))
        else:
            name = type(model).__name__
            say(f"{name} attends in a way of its own: lengths are computed one by one")
        yield
