"""The chain: what each stage depends on, when it may be skipped, and what it is handed.

Stages never import each other. Here their needs meet: each gets the settings, files and functions
of the others that it uses, and a key, the hash of all of them. A stage whose artifact has the same
key and whose outputs are intact is not run again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from medtune import __version__
from medtune.artifacts import (
    PLAIN_TUNE,
    Artifact,
    DataCard,
    Decision,
    Evaluation,
    Release,
    TuneRecord,
    Way,
    canonical_sha256,
    sha256_file,
    sha256_path,
    stage_key,
)
from medtune.config import DecideSection, Run
from medtune.errors import ConfigError, DataError
from medtune.pipeline.handed import (
    asked_of_small_tunes,
    evaluation_setup,
    looked_by,
    refuse_held_texts,
    retention_of,
    same_model,
    same_prompts,
    tune_small,
)
from medtune.pipeline.hashes import cleaner_hashes, learnt_hashes, score_hash, suite_hashes
from medtune.pipeline.job import Job
from medtune.pipeline.way import (
    chosen_way,
    subject_inputs,
    tunes,
    way_input,
)

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True)
class Step:
    """What came of one stage."""

    artifact: Artifact
    skipped: bool
    """Whether it was current, so that nothing was done."""


def data(job: Job) -> Step:
    """Run the data stage, unless it is current."""
    run = job.run
    named = import_module("medtune.data").source_names
    paths = [*job.sources, *job.references]
    hashes = {name: sha256_path(path) for name, path in zip(named(paths), paths, strict=True)}
    inputs = hashes | {"model": job.weights_sha256} | cleaner_hashes(run) | score_hash(run)

    def make(key: str) -> DataCard:
        prepare = import_module("medtune.data").prepare
        handed = {"key": key, "inputs": inputs, "spread": job.spread}
        return prepare(run, job.app, paths, job.renderer, **handed)

    settings = _settings(run, run.data) | {
        "context_tokens": str(run.model.context_tokens),
        "own_battery": str(run.evaluate.retention_items > 0),
    }
    return _step(job, DataCard, settings, inputs, make)


def decide(job: Job) -> Step:
    """Run the decide stage, unless it is current."""
    run = job.run
    documents = job.documents
    inputs = _splits(job, "train", "validation") | {
        f"document {path.name}": sha256_file(path) for path in documents
    }
    inputs |= learnt_hashes(run)

    def make(key: str) -> Decision:
        refuse_held_texts(run)
        model = job.load()
        stage = import_module("medtune.decide")
        handed = stage.Handed(
            small_tune=partial(tune_small, job, model),
            documents=documents,
            offline=job.offline,
            retention=retention_of(job),
        )
        keys = stage.Keys(key, stage_key(settings(run.decide.asked), inputs, __version__))
        return stage.decide(run, job.app, model, handed, keys=keys, inputs=inputs)

    def settings(section: DecideSection) -> dict[str, str]:
        return _settings(run, section, run.tune, run.evaluate.scoring) | {
            "goal": run.goal,
            "numerics": job.numerics.dtype,
            "retention_items": str(asked_of_small_tunes(run)),
        }

    return _step(job, Decision, settings(run.decide), inputs, make)


def tune(job: Job) -> Step:
    """Run the tune stage, unless it is current. The decision, and so the gates, come first.

    Raises:
        ConfigError: In the way of the run file nothing is tuned.
    """
    run = job.run
    decision = Decision.load(run.out).verified(run.out)
    if not tunes(run, decision):
        raise ConfigError("release.way: nothing is tuned in this way; go on with medtune evaluate")
    chosen = chosen_way(job)
    inputs = _splits(job, "train", "validation") | {"decision": decision.signature}
    inputs |= learnt_hashes(run) | way_input(chosen.way)

    def make(key: str) -> TuneRecord:
        refuse_held_texts(run)
        model = job.load()
        stage, objective = import_module("medtune.tune"), looked_by(job)
        return stage.tune(run, chosen.app, model, key=key, inputs=inputs, objective=objective)

    scored_by = [run.evaluate.scoring] if run.tune.stop_on == "metric" else []
    settings = _settings(run, run.tune, run.compute, *scored_by) | {"numerics": job.numerics.dtype}
    return _step(job, TuneRecord, settings, inputs, make)


def evaluate(job: Job) -> Step:
    """Run the evaluate stage, unless it is current."""
    run = job.run
    decision = Decision.load(run.out).verified(run.out)
    chosen = chosen_way(job)
    inputs = _splits(job, "train", "validation", "test") | {
        **subject_inputs(job, chosen),
        "decision": decision.signature,
        **suite_hashes(job),
    }

    def make(key: str) -> Evaluation:
        stage = import_module("medtune.evaluate")
        setup = evaluation_setup(job, chosen)
        return stage.evaluate(run, chosen.app, setup, key=key, inputs=inputs)

    settings = _settings(run, run.evaluate, run.decide) | {
        "numerics": job.numerics.dtype,
        "canaries": str(run.tune.canaries),
    }
    return _step(job, Evaluation, settings, inputs, make)


def release(job: Job) -> Step:
    """Run the release stage, unless it is current.

    Raises:
        GateError: The evidence does not allow a release.
        DataError: The evidence is of other data or another way than what is there now.
    """
    run = job.run
    chosen = chosen_way(job)
    refuse_stale(run.out, chosen.way)
    tuned = (TuneRecord,) if chosen.way.is_tuned else ()
    made = (DataCard, Decision, *tuned, Evaluation)
    inputs = {one.file: one.load(run.out).key for one in made} | {"model": job.weights_sha256}
    if chosen.way.prompt:
        inputs["way"] = chosen.way.named("")
    shown = {"copy_documents": str(run.release.copy_documents)} if chosen.documents else {}

    def make(key: str) -> Release:
        import_module("medtune.decide").refuse_unsound(run.out, Decision.load(run.out))
        stage = import_module("medtune.release")
        what = stage.Shown(
            way=chosen.way,
            prompt=chosen.prompt,
            agreement=same_prompts(job, chosen),
            parity=same_model(job, chosen),
            documents=chosen.documents if run.release.copy_documents else (),
        )
        return stage.release(run, job.app, key=key, inputs=inputs, base=job.folder, shown=what)

    return _step(job, Release, _settings(run, run.serve) | shown, inputs, make)


CHAIN: dict[str, Callable[[Job], Step]] = {
    "data": data,
    "decide": decide,
    "tune": tune,
    "evaluate": evaluate,
    "release": release,
}
"""The stages that `medtune run` goes through, in order."""


def refuse_stale(out: Path, way: Way = PLAIN_TUNE) -> None:
    """Make sure that each artifact was made from what the ones before it are now.

    Raises:
        DataError: One is older than a change before it, so it says nothing of what is there now.
    """
    card, decision = DataCard.load(out), Decision.load(out).verified(out)
    evaluation, adapter = Evaluation.load(out), ""
    links: list[tuple[str, Artifact, str, str | None]] = [
        ("decide", decision, "train", card.outputs["train.jsonl"]),
        ("decide", decision, "validation", card.outputs["validation.jsonl"]),
    ]
    if way.is_tuned:
        record = TuneRecord.load(out)
        adapter = canonical_sha256(record.outputs)
        links += [
            ("tune", record, "train", card.outputs["train.jsonl"]),
            ("tune", record, "decision", decision.signature),
            ("tune", record, "way", way_input(way).get("way")),
        ]
    else:
        links.append(("evaluate", evaluation, "decision", decision.signature))
    links += [
        ("evaluate", evaluation, "test", card.outputs["test.jsonl"]),
        ("evaluate", evaluation, "adapter", adapter or None),
        ("evaluate", evaluation, "way", way.named(adapter) if way.prompt else None),
    ]
    for verb, artifact, name, now in links:
        if artifact.inputs.get(name) != now:
            raise DataError(
                f"{out / artifact.file}: made from another {name} than the one that is there now; "
                f"run medtune {verb} again"
            )


def _step(
    job: Job,
    kind: type[A],
    settings: Mapping[str, str],
    inputs: Mapping[str, str],
    make: Callable[[str], A],
) -> Step:
    key = stage_key(settings, inputs, __version__)
    found = kind.current(job.run.out, key)
    return Step(found, skipped=True) if found else Step(make(key), skipped=False)


def _settings(run: Run, *sections: BaseModel) -> dict[str, str]:
    task = [] if run.task is None else [run.task]
    named = {type(one).__name__: canonical_sha256(one.model_dump(mode="json")) for one in sections}
    own = {type(one).__name__: canonical_sha256(one.model_dump(mode="json")) for one in task}
    return named | own | {"app": run.app, "seed": str(run.seed)}


def _splits(job: Job, *names: str) -> dict[str, str]:
    """The hashes of splits, as the data card has them, and the model's.

    Raises:
        DataError: The data stage has not run.
    """
    card = DataCard.load(job.run.out)
    return {name: card.outputs[f"{name}.jsonl"] for name in names} | {"model": job.weights_sha256}
