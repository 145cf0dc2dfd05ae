"""`medtune predict`: the records of a file, answered as the release is, and judged as it is served.

Where an application has rails, each line also says what may be told to a person: the fixed reply
of a rule, or the model's as the rails leave it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from medtune.artifacts import write_jsonl
from medtune.errors import GateError
from medtune.pipeline.job import Job
from medtune.pipeline.released import model_of, released
from medtune.pipeline.way import adapter_of, chosen_way
from medtune.records import Application, Example, Json, Message, Prediction


class _Row(NamedTuple):
    """One line of the answers."""

    answer: Json
    confidence: float | None
    told: str | None
    """None where the application has no rails."""


def predict(job: Job, source: Path, target: Path, *, unreleased: bool = False) -> int:
    """Answer every record of a file in the way of the run; return how many.

    `unreleased` asks what the decision and the tune left, whatever the release says; each line
    then names no release.

    Raises:
        GateError: There is no release, it was refused, or it is of another way than the run's.
        DataError: A record lacks a field, or the model was not tuned yet.
    """
    release = None if unreleased else released(job)
    chosen = chosen_way(job)
    if release is not None and release.way != chosen.way:
        raise GateError(
            f"release {release.id} is of the way {release.way.name}, and the run now of "
            f"{chosen.way.name}; run medtune release again"
        )
    examples = import_module("medtune.apps.unlabelled").read_unlabelled(job.run, job.app, source)
    fixed = _fixed(job.app, examples)
    asked = [one for one in examples if one.id not in fixed]
    found = {one: _Row(None, None, text) for one, text in fixed.items()}
    if asked:
        lm = job.load(adapter_of(job, chosen)) if release is None else model_of(job, release)
        heard = replace(chosen.app, parse=_with_text(chosen.app))
        answer = import_module("medtune.llm.predict").predict
        result = answer(lm, heard, asked, settings=job.run.evaluate, what="predict")
        told = _tells(job.app)
        for example, one in zip(asked, result.predictions, strict=True):
            found[example.id] = _row(one, example, told)
    name = None if release is None else release.id
    rows = [_line(one.id, found[one.id], name) for one in examples]
    write_jsonl(target, rows)
    return len(rows)


def _fixed(app: Application, examples: Sequence[Example]) -> dict[str, str]:
    """The replies by rule, of records that the model is not asked for; by id."""
    if app.read is not None or app.before is None:
        return {}
    judged = {one.id: app.before(_conversation(app, one)) for one in examples}
    return {name: text for name, text in judged.items() if isinstance(text, str)}


def _with_text(app: Application) -> Callable[[Example, str], Json]:
    return lambda example, text: [app.parse(example, text), text]


def _tells(app: Application) -> Callable[[Example, str], str] | None:
    """What is told of a reply; None where the application has no rails."""
    if app.read is not None:
        told_of = import_module("medtune.serve").told_of
        return lambda example, text: told_of(app, example, text)
    after = app.after
    if after is None:
        return None
    return lambda example, text: after(_conversation(app, example), text)


def _conversation(app: Application, example: Example) -> list[Message]:
    """The record as somebody would have written it to the server."""
    return [message for message in app.prompt(example) if message.role != "system"]


def _row(one: Prediction, example: Example, told: Callable[[Example, str], str] | None) -> _Row:
    assert isinstance(one.answer, list), "the answer and its text, by _with_text"
    answer, text = one.answer
    return _Row(answer, one.confidence, told(example, str(text)) if told is not None else None)


def _line(name: str, row: _Row, release: str | None) -> dict[str, Json]:
    line: dict[str, Json] = {"id": name, "answer": row.answer, "confidence": row.confidence}
    if row.told is not None:
        line["told"] = row.told
    return {**line, "release": release}
