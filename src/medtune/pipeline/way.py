"""Which way is released, and the task as it is asked in that way.

One function makes it for every stage that comes after the decision, so that what is tuned,
evaluated, released, served and predicted with is the same.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medtune.artifacts import (
    PLAIN_TUNE,
    TUNED,
    TUNED_RETRIEVAL,
    Decision,
    Prompt,
    Release,
    TuneRecord,
    Way,
    canonical_sha256,
    read_examples,
    sha256_file,
)
from medtune.config import Run
from medtune.errors import ConfigError, DataError
from medtune.features import BUNDLE, DOCUMENTS, Reference
from medtune.pipeline.job import Job
from medtune.records import Application, Example, Message

if TYPE_CHECKING:
    from medtune.ways import Asking, Put

    Hear = Callable[[Sequence[Message]], Put]

RECOMMENDED = "recommended"
RETRIEVAL, TUNE_RETRIEVAL, ENDPOINT = "retrieval", "tune_retrieval", "endpoint"
WORTH = ("tune", "tune_retrieve", "prompt", "retrieve")
"""Recommendations after which a prompt is worth to be tried on the sealed test."""
HOW_TO = (
    "To evaluate, release and serve what is recommended ({advice}: {best}), set release.way to "
    "recommended and run the same again"
)
TRAIN = "train.jsonl"


class Chosen(NamedTuple):
    """A way at work."""

    way: Way
    app: Application
    """The task as it is asked."""
    asking: "Asking | None"
    """None for the plain tune, which is asked as the application writes its prompt."""
    documents: Sequence[Path]
    """The files that are searched."""

    @property
    def prompt(self) -> Prompt | None:
        """What the bundle must hold of it."""
        return None if self.asking is None else self.asking.prompt


def recommended(decision: Decision) -> str | None:
    """The `release.way` that a decision recommends; None if it is nothing that can be released."""
    found = {
        "tune": TUNED,
        "tune_retrieve": TUNE_RETRIEVAL,
        "prompt": decision.winner,
        "retrieve": decision.winner,
    }.get(decision.recommendation)
    return None if found == ENDPOINT else found


def asked_way(run: Run, decision: Decision) -> str:
    """The `release.way` of the run file, by its own name.

    Raises:
        ConfigError: It is the recommended one, and nothing that can be released is recommended.
    """
    if run.release.way != RECOMMENDED:
        return run.release.way
    found = recommended(decision)
    if found is None:
        raise ConfigError(
            f"release.way: the decision recommends nothing that can be released "
            f"({_plain(decision)}); name another way, or act on what it says"
        )
    return found


def ends_here(run: Run, decision: Decision) -> str:
    """Why nothing follows after a decision; empty if something does."""
    asked, best = run.release.way, recommended(decision)
    if asked == RECOMMENDED:
        outside = "an outside model" if decision.winner == ENDPOINT else _plain(decision)
        return "" if best else f"what is recommended is nothing to release ({outside})"
    if asked == best or (decision.recommendation in WORTH and not _tunes(asked)):
        return ""
    if not _tunes(asked):
        return f"no way is shown to be worth a release ({_plain(decision)})"
    retrieves = best == TUNE_RETRIEVAL and asked == TUNED
    why = (
        "the tune that is recommended retrieves" if retrieves else "the evidence is not for tuning"
    )
    return why if best is None else f"{why}. {HOW_TO.format(advice=_plain(decision), best=best)}"


def tunes(run: Run, decision: Decision) -> bool:
    """Whether weights are changed in the way of this run."""
    return _tunes(asked_way(run, decision))


def chosen_way(job: Job) -> Chosen:
    """The way of this run, with all that it needs but the weights.

    Raises:
        ConfigError: The decision has no such way.
        DataError: The decision was changed, or what is searched is not what it searched.
    """
    decision = Decision.load(job.run.out).verified(job.run.out)
    name = asked_way(job.run, decision)
    if name == TUNED:
        return Chosen(PLAIN_TUNE, job.app, None, ())
    arm = RETRIEVAL if name == TUNE_RETRIEVAL else name
    if arm not in decision.recipes or (name == TUNE_RETRIEVAL and not job.documents):
        raise ConfigError(
            f"release.way: the decision has no prompt for {name}; see decide.passages, "
            "decide.shots and decide.documents, and run medtune decide again"
        )
    ways = import_module("medtune.ways")
    train = _train_of(job, decision)
    own = job.run.decide.instructions
    prompt: Prompt = ways.prompt_of(job.app, train, decision.recipes[arm], own)
    documents: Sequence[Path] = ()
    found = None
    if prompt.passages:
        documents = job.documents or (job.run.out / TRAIN,)
        searched = _searched(job, decision, documents)
        found = ways.library(job.app, train, job.documents)
        update = {
            "searched": searched,
            "of_documents": found.of_documents,
            "frame": ways.frame_of(found, train),
        }
        prompt = prompt.model_copy(update=update)
    asking = ways.Asking(job.app, prompt, found, _room(job))
    way = Way(
        name=TUNED_RETRIEVAL if name == TUNE_RETRIEVAL else name,
        prompt=prompt.sha256,
        shots=len(prompt.shots),
        passages=prompt.passages,
        of_documents=prompt.of_documents,
        searched=prompt.searched,
    )
    return Chosen(way, asking.task, asking, documents)


def heard_by(job: Job, release: Release) -> "Hear | None":
    """How the server of a release puts a conversation; None where it is the application's prompt.

    Raises:
        DataError: What the release searches was changed since.
    """
    if not release.way.prompt:
        return None
    ways = import_module("medtune.ways")
    bundle = job.run.out / BUNDLE
    prompt, found = Prompt.load(bundle), None
    if prompt.passages:
        files = _found_again(job, bundle, prompt)
        train = [] if prompt.of_documents else read_examples(files[0])
        found = ways.library(job.app, train, files if prompt.of_documents else ())
    asking = ways.Asking(job.app, prompt, found, _room(job))
    return partial(asking.conversation, instruction=Reference.load(bundle).instruction)


def _found_again(job: Job, bundle: Path, prompt: Prompt) -> list[Path]:
    """The files that a release searches: of its bundle, or where they were.

    Raises:
        DataError: One is not there, or is not what it was.
    """
    copied = [bundle / DOCUMENTS / name for name in prompt.searched]
    if all(path.is_file() for path in copied):
        return copied
    files = job.documents if prompt.of_documents else [job.run.out / TRAIN]
    there = {path.name: path for path in files if path.is_file()}
    changed = [
        name
        for name, digest in prompt.searched.items()
        if name not in there or sha256_file(there[name]) != digest
    ]
    if changed or len(there) > len(prompt.searched):
        raise DataError(
            f"{', '.join(changed) or 'decide.documents'}: changed or lost after the release, so it "
            "is not served; put back what was released, or run the chain again"
        )
    return [there[name] for name in prompt.searched]


def adapter_of(job: Job, chosen: Chosen) -> Path | None:
    """The folder of the adapter that the way answers with; None for the base model.

    Raises:
        DataError: The model was not tuned yet, or was tuned on other prompts.
    """
    if not chosen.way.is_tuned:
        return None
    tuned_for(job, chosen)
    return job.adapter


def tuned_for(job: Job, chosen: Chosen) -> TuneRecord:
    """The record of the tune.

    Raises:
        DataError: The model was not tuned yet, or was tuned on other prompts.
    """
    record = TuneRecord.load(job.run.out)
    if record.inputs.get("way") != way_input(chosen.way).get("way"):
        raise DataError(
            f"{job.run.out / TuneRecord.file}: tuned on other prompts than those of release.way; "
            "run medtune tune again"
        )
    return record


def way_input(way: Way) -> dict[str, str]:
    """What a tune depends on beyond the splits; nothing where the task's own prompt is used."""
    return {"way": way.named("")} if way.prompt else {}


def subject_inputs(job: Job, chosen: Chosen) -> dict[str, str]:
    """What names the way that is evaluated: its adapter, and its prompt."""
    adapter = ""
    if chosen.way.is_tuned:
        adapter = canonical_sha256(tuned_for(job, chosen).outputs)
    named = {"adapter": adapter} if adapter else {}
    return named | ({"way": chosen.way.named(adapter)} if chosen.way.prompt else {})


def _train_of(job: Job, decision: Decision) -> list[Example]:
    """The training examples that the decision chose its prompts from.

    Raises:
        DataError: They are others now.
    """
    path = job.run.out / TRAIN
    if sha256_file(path) != decision.inputs.get("train"):
        raise DataError(
            f"{path}: not what the decision chose its prompts from; run medtune decide again"
        )
    return read_examples(path)


def _searched(job: Job, decision: Decision, files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of what is searched, if it is what the decision searched."""
    hashes = {path.name: sha256_file(path) for path in files}
    if len(hashes) < len(files):
        raise ConfigError("decide.documents: two files have one name; rename one")
    if job.documents:
        known = {
            name.removeprefix("document "): value
            for name, value in decision.inputs.items()
            if name.startswith("document ")
        }
    else:
        known = {TRAIN: decision.inputs["train"]}
    changed = sorted(name for name in {*hashes, *known} if hashes.get(name) != known.get(name))
    if changed:
        raise DataError(
            f"{', '.join(changed)}: not what the decision searched; put the file back, or run "
            "medtune decide again"
        )
    return hashes


def _room(job: Job) -> Callable[[Sequence[Message]], bool]:
    """Whether a prompt leaves room for a reply, by the rule of the decision."""
    renderer = job.renderer
    most = job.run.model.context_tokens - job.run.evaluate.max_new_tokens
    return lambda messages: len(renderer.prompt(messages)) <= most


def _plain(decision: Decision) -> str:
    return decision.recommendation.replace("_", " ")


def _tunes(name: str) -> bool:
    return name in (TUNED, TUNE_RETRIEVAL)
