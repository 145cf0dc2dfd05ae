"""What a person would look at of one record, drawn by its application as one HTML page.

The page holds the record's text and is to be kept like the record. A record of the sealed test is
drawn only once the test has been opened by the evaluation.
"""

import json
from pathlib import Path

from medtune.artifacts import (
    DataCard,
    Evaluation,
    read_examples,
    read_jsonl,
    read_predictions,
    write_text,
)
from medtune.errors import ConfigError, DataError, did_you_mean
from medtune.pipeline.job import Job
from medtune.records import Example, Json, View


def draw(job: Job, target: Path, *, record: str | None, own: Path | None) -> str:
    """Write the page of a record; return the record's id.

    Args:
        job: The run.
        target: The page.
        record: Id of the record; None takes the first of the test, or of validation before that is
            opened, or of the user's own.
        own: The user's own records as JSON lines; None takes the run's.

    Raises:
        ConfigError: The application draws nothing.
        DataError: There is no such record, or the data stage has not run.
    """
    if job.app.picture is None:
        raise ConfigError(f"app: {job.app.name} has no picture; the eight of `medtune apps` have")
    is_open = own is None and _is_open(job.run.out)
    records = _of_run(job.run.out, with_test=is_open) if own is None else _own(own)
    answers = (
        {p.id: p.answer for p in read_predictions(job.run.out / "predictions.jsonl")}
        if is_open
        else {}
    )
    chosen = records[0] if record is None else _named(records, record, sealed=not is_open)
    view = View(chosen, records, answers, sources=lambda: job.sources)
    write_text(target, job.app.picture(view))
    return chosen.id


def _is_open(out: Path) -> bool:
    """Whether the test that is there now is the one that was evaluated."""
    found = Evaluation.find(out)
    return found is not None and found.inputs["test"] == DataCard.load(out).outputs["test.jsonl"]


def _of_run(out: Path, *, with_test: bool) -> list[Example]:
    """The records that may be looked at, the test first."""
    DataCard.load(out)
    splits = ("test", "validation", "train") if with_test else ("validation", "train")
    return [one for split in splits for one in read_examples(out / f"{split}.jsonl")]


def _own(path: Path) -> list[Example]:
    records = [_record(row, number) for number, row in enumerate(read_jsonl(path), start=1)]
    if not records:
        raise DataError(f"{path}: no records; write one JSON object per line")
    return records


def _record(row: dict[str, Json], number: int) -> Example:
    """A row as a record; lists and objects stay JSON."""
    fields = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in row.items()
        if name not in ("id", "group") and value is not None
    }
    one = str(row.get("id", number))
    return Example(id=one, group=str(row.get("group", one)), fields=fields, target=None)


def _named(records: list[Example], name: str, *, sealed: bool) -> Example:
    for one in records:
        if one.id == name:
            return one
    close = did_you_mean(name, [one.id for one in records])
    seal = "; those of the sealed test are drawn after `medtune evaluate`" if sealed else ""
    raise DataError(f"record {name!r} is not among the {len(records)} records{close}{seal}")
