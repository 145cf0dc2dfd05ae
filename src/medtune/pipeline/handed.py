"""What a stage is handed of another: functions and files that stages may not import themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from medtune.apps import find_app
from medtune.artifacts import (
    Agreement,
    Decision,
    Parity,
    TuneRecord,
    read_examples,
)
from medtune.config import Run
from medtune.errors import DataError
from medtune.features import shared_instruction
from medtune.pipeline.hashes import existing, files_of
from medtune.pipeline.job import Job
from medtune.pipeline.way import ENDPOINT, Chosen, adapter_of
from medtune.records import Application, ArmResult, Example, Message, Objective, Prediction

if TYPE_CHECKING:
    from medtune.evaluate import Setup, Subject
    from medtune.llm.load import LanguageModel


SMALL_BATTERY = 20


def tune_small(
    job: Job,
    base: "LanguageModel",
    app: Application,
    few: Sequence[Example],
    seed: int,
    folder: Path,
) -> "tuple[LanguageModel, float]":
    """Tune on few examples, a fifth of which only choose the step, never the validation split.

    Where the metric of `tune.stop_on` has no value on that fifth, the step is chosen by the loss.

    Returns:
        The tuned model, and the wall time of its training in seconds.
    """
    stage = import_module("medtune.tune")
    n_look = max(1, len(few) // 5)
    tune, objective = job.run.tune, looked_by(job)
    changed: dict[str, object] = {"epochs": tune.epochs_of_small(len(few) - n_look)}
    if objective and not stage.has_metric(job.run, app, few[:n_look], objective):
        changed["stop_on"] = "loss"
    done = stage.fit(
        job.run.model_copy(update={"seed": seed, "tune": tune.model_copy(update=changed)}),
        app,
        base,
        few[n_look:],
        few[:n_look],
        folder=folder,
        what=folder.name.replace("_", " "),
        identity={} if objective is None else {"looks go by": objective.name},
        objective=objective,
    )
    return job.load(folder / "adapter", base=base), done.seconds


def looked_by(job: Job) -> Objective | None:
    """What decides, where looks go by it; None where they go by the loss."""
    if job.run.tune.stop_on == "loss":
        return None
    validation = read_examples(job.run.out / "validation.jsonl")
    return import_module("medtune.decide").objective_on(job.run, job.app, validation)


def refuse_held_texts(run: Run) -> None:
    """Make sure that no document of `tune.texts` holds a record that is measured on.

    Raises:
        DataError: One does.
    """
    if not run.tune.texts:
        return
    overlap, read = import_module("medtune.data.overlap"), import_module("medtune.tune.text")
    items = [
        overlap.Item(split, example.id, overlap.record_texts(example))
        for split in ("validation", "test")
        for example in read_examples(run.out / f"{split}.jsonl")
    ]
    texts = ((name, [text]) for name, text in read.read_all(run.tune.texts))
    held = [one for one in overlap.find_overlaps(texts, items) if one.share >= overlap.HOLDS]
    if held:
        first = ", ".join(f"{one.id} holds {one.item} of {one.reference}" for one in held[:3])
        raise DataError(
            f"tune.texts: {len(held)} documents hold records that are measured on ({first}), so "
            "the result would be too good; take these documents out"
        )


def asked_of_small_tunes(run: Run) -> int:
    """Items of each area of medtune's own battery that `decide` asks: enough to show a large loss.

    The evaluation asks all of `evaluate.retention_items`, and the user's batteries.
    """
    return min(run.evaluate.retention_items, SMALL_BATTERY)


def retention_of(job: Job) -> "Callable[[LanguageModel], dict[str, list[Prediction]]] | None":
    """Asks a model what it should not forget; None where the run file asks for nothing."""
    n_each = asked_of_small_tunes(job.run)
    if not n_each:
        return None
    stage = import_module("medtune.evaluate")

    def ask(lm: "LanguageModel") -> dict[str, list[Prediction]]:
        return stage.retention_answers(stage.subject_of(lm, "retention", job.run.evaluate), n_each)

    return ask


def evaluation_setup(job: Job, chosen: Chosen) -> "Setup":
    """The models, and what the evaluation measures them on beside the test."""
    run, settings = job.run, job.run.evaluate
    stage = import_module("medtune.evaluate")
    lm, adapter = job.load(), adapter_of(job, chosen)
    base = stage.subject_of(lm, "base", settings)
    answering = lm if adapter is None else job.load(adapter, base=lm)

    def tune_on(name: str, few: Sequence[Example]) -> "Subject":
        folder = run.out / "evaluate" / "left_out" / name
        tuned, _ = tune_small(job, replace(lm, crew=None), chosen.app, few, run.seed, folder)
        return stage.subject_of(tuned, name, settings)

    judge = settings.judge
    return stage.Setup(
        tuned=stage.subject_of(answering, chosen.way.name, settings),
        base=base,
        baselines={
            name: arm for name, arm in baselines_of(job, lm).items() if name != chosen.way.name
        },
        way=chosen.way,
        plain=job.app,
        objective=decided_by(job),
        retention=files_of(job, settings.retention),
        transfer=transfer_sets(job),
        held=partial(held_by_train, run),
        dated=files_of(job, settings.dated_facts),
        judge=None if judge is None else stage.judge_of(judge, base, offline=job.offline),
        tune_on=tune_on,
    )


def decided_by(job: Job) -> Objective | None:
    """What the decision was about, where it is not the primary metric over all records."""
    if not Decision.load(job.run.out).objective:
        return None
    validation = read_examples(job.run.out / "validation.jsonl")
    return import_module("medtune.decide").objective_on(job.run, job.app, validation)


def baselines_of(
    job: Job, base: "LanguageModel"
) -> Mapping[str, Callable[[Sequence[Example]], ArmResult]]:
    """The arms of `decide`, with the prompts that it chose, but no outside model.

    The sealed test does not leave this machine: an outside model cannot be released anyway.
    """
    train = read_examples(job.run.out / "train.jsonl")
    stage = import_module("medtune.decide")
    desk = stage.Desk(job.run, job.app, train, base, job.documents, job.offline)
    recipes = Decision.load(job.run.out).recipes
    return stage.arms(desk, {name: one for name, one in recipes.items() if name != ENDPOINT})


def same_model(job: Job, chosen: Chosen) -> Parity | None:
    """Whether training and serving hold the same model; None where nothing was trained."""
    if not chosen.way.is_tuned:
        return None
    run = job.run
    settled = run.tune.model_copy(update=TuneRecord.load(run.out).chosen)
    base = job.load()
    return import_module("medtune.tune").parity(
        run.model_copy(update={"tune": settled}),
        chosen.app,
        base,
        job.adapter,
        job.load(job.adapter, base=base),
    )


def same_prompts(job: Job, chosen: Chosen) -> Agreement | None:
    """Whether the server puts validation records as the evaluation does, token by token.

    With the task's instruction, as the application writes a record, and without it, as a user of
    the server does. None where the application's own prompt is used.
    """
    if chosen.asking is None:
        return None
    renderer, asking = job.renderer, chosen.asking
    records = read_examples(job.run.out / "validation.jsonl")
    written = [job.app.prompt(one) for one in records]
    instruction = shared_instruction(written)

    def differs(one: Example, messages: Sequence[Message]) -> bool:
        sent = [messages]
        if instruction is not None:
            sent.append([message for message in messages if message.role != "system"])
        ids = renderer.prompt(chosen.app.prompt(one))
        served = (asking.conversation(each, instruction).messages for each in sent)
        return any(renderer.prompt(each) != ids for each in served)

    differ = [
        one.id for one, messages in zip(records, written, strict=True) if differs(one, messages)
    ]
    return Agreement(records=len(records), differ=differ)


def transfer_sets(job: Job) -> dict[str, list[Example]]:
    """The examples of each set of `evaluate.transfer`, read and cleaned as `data.sources` are.

    Raises:
        DataError: The key is missing that the training records were cleaned with.
    """
    found: dict[str, list[Example]] = {}
    section = job.run.data.deidentify
    if section is not None and job.run.evaluate.transfer:
        existing(section.key, "data.deidentify.key, which cleans evaluate.transfer, too")
    for number, source in enumerate(job.run.evaluate.transfer, start=1):
        alone = job.run.model_copy(
            update={"data": job.run.data.model_copy(update={"sources": (source,)})}
        )
        app: Application = find_app(alone)
        cleaner = import_module("medtune.deid.example").cleaner_for(alone, app)
        (path,) = files_of(job, [source])
        examples = app.load([path])
        found[f"{number}: {path.name}"] = list(
            map(cleaner.clean, examples) if cleaner else examples
        )
    return found


def held_by_train(run: Run, examples: Sequence[Example]) -> set[str]:
    """Ids of the examples that train holds, or nearly, or as a part of a record."""
    held_by = import_module("medtune.data.learnt").held_by
    return held_by(run.out / "train.jsonl", examples, run.data.near_duplicate)
