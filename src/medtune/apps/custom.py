"""The user's own task, described in the run file alone.

Use       Whatever `task.intended_use` states.
Not for   Whatever `task.not_for` states.
Data      JSONL, CSV or Parquet files of the user. Only the columns that the task names are kept.
Split     By `task.group`, such as the patient; without it, by the input text.
Measures  By the kind of answer: macro-F1 for labels, accuracy for choices, numbers within a
          tolerance, F1 of spans, ROUGE-L for text, matching values for JSON.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from medtune.apps.kinds import (
    RowError,
    as_text,
    check_kind,
    choices_of,
    metrics_of,
    primary_of,
    read_options,
    read_reply,
    read_target,
    write_reply,
)
from medtune.artifacts import sha256_text
from medtune.config import Run, SourceSection, TaskSection
from medtune.data.readers import Row, rows, source_names
from medtune.data.shingles import input_text
from medtune.errors import ConfigError, DataError, did_you_mean
from medtune.records import REJECTED, Application, Example, Json, Message

BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
PLAIN_NAME = re.compile(r"[^{}.:!\[\]]+")
SHOWN_ROWS = 10


class BadRow(NamedTuple):
    """A row that cannot be used."""

    where: str
    id: str
    source: str
    reason: str
    detail: str


def build(run: Run) -> Application:
    """The application that `run.task` describes.

    Raises:
        ConfigError: The template, the labels, the schema or the metric cannot be used.
    """
    task = run.task
    if task is None:
        raise ConfigError("task: app: custom needs a task section")
    for answer in (task.target, task.rejected):
        if answer in template_columns(task.input):
            raise ConfigError(f"task.input: it shows the answer, {{{answer}}}; take that out")
    check_kind(task)
    metrics = metrics_of(task)
    return Application(
        name="custom",
        intended_use=task.intended_use,
        not_for=task.not_for,
        load=partial(_load, run, task),
        prompt=partial(_prompt, task),
        reply=partial(write_reply, task),
        parse=partial(read_reply, task),
        metrics=metrics,
        primary=primary_of(task, metrics),
        choices=partial(choices_of, task) if task.answer in ("label", "choice") else None,
        question=partial(_question, task),
        rejected=None if task.rejected is None else _rejected,
        left_out=partial(_left_out, run, task) if run.data.bad_rows == "drop" else None,
        data_note="The user's own data.",
    )


def example_from_row(task: TaskSection, values: Mapping[str, Json], id: str) -> Example:
    """An example without a target, to predict on.

    Raises:
        DataError: A column that the input needs is missing, or the input is empty.
    """
    try:
        fields = _fields(task, values)
    except RowError as error:
        raise DataError(f"record {id}: {_explained(error)}; mend the record") from None
    return Example(id=id, group=_group_of_input(fields), fields=fields, target=None)


def template_columns(template: str) -> list[str]:
    """The columns that an input template names, each once, in order.

    A template has plain `{column}` only: no attributes, no formats. A brace that stands for itself
    is doubled.

    Raises:
        ConfigError: It has a stray brace, anything but a plain name in braces, or no column.
    """
    names: dict[str, None] = {}
    for match in BRACES.finditer(template):
        if match[0] in ("{{", "}}"):
            continue
        name = match[1]
        if name is None or not PLAIN_NAME.fullmatch(name):
            raise ConfigError(
                f"task.input: {match[0]!r} at character {match.start() + 1} is not a plain "
                "{column}; a brace that stands for itself is written twice"
            )
        names[name] = None
    if not names:
        raise ConfigError("task.input: it names no column; write one in braces, such as {text}")
    return list(names)


def _prompt(task: TaskSection, example: Example) -> list[Message]:
    """The instruction, then the template in one pass: braces in a record mean nothing."""
    shown = dict(example.fields)
    if task.options in shown:
        shown[task.options] = "\n".join(f"- {option}" for option in choices_of(task, example))
    text = BRACES.sub(
        lambda match: match[0][0] if match[1] is None else shown[match[1]], task.input
    )
    return [Message("system", task.instruction), Message("user", text)]


def _question(task: TaskSection, example: Example) -> str:
    """The fields of the input, without the options."""
    options = task.options if task.answer == "choice" else None
    asked = (name for name in template_columns(task.input) if name != options)
    return "\n".join(example.fields[name] for name in asked)


def _rejected(example: Example) -> str:
    return example.fields[REJECTED]


def _load(run: Run, task: TaskSection, paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the examples, and say at the end what is wrong with all rows that cannot be used.

    Raises:
        ConfigError: The task names a column that a file does not have.
        DataError: A file cannot be read, or rows cannot be used and the run does not drop them.
    """
    first: list[BadRow] = []
    reasons: Counter[str] = Counter()
    total = 0
    for result in _read(run, task, paths):
        total += 1
        if isinstance(result, Example):
            yield result
        else:
            reasons[result.reason] += 1
            if len(first) < SHOWN_ROWS:
                first.append(result)
    if reasons and run.data.bad_rows == "refuse":
        raise DataError(_refusal(first, reasons, total))


def _left_out(run: Run, task: TaskSection, paths: Sequence[Path]) -> Mapping[str, Counter[str]]:
    """Rows that `_load` drops: their number by reason, by source."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in _read(run, task, paths):
        if isinstance(result, BadRow):
            counts[result.source][result.reason] += 1
    return counts


def _read(run: Run, task: TaskSection, paths: Sequence[Path]) -> Iterator[Example | BadRow]:
    names = source_names(paths)
    for name, path, source in zip(names, paths, run.data.sources, strict=True):
        for number, row in enumerate(rows(path, source.format), start=1):
            if number == 1:
                _check_columns(task, row, path)
            id = as_text(row.values.get(task.id)).strip() if task.id else f"{name}:{number}"
            try:
                yield _example(task, row, id, name, source)
            except RowError as error:
                yield BadRow(row.where, id, name, error.reason, error.detail)


def _example(task: TaskSection, row: Row, id: str, name: str, source: SourceSection) -> Example:
    if not id:
        raise RowError("no id", f"column {task.id!r} is empty")
    fields = _fields(task, row.values)
    options = json.loads(fields[task.options]) if task.options in fields else []
    values = row.values
    if task.rejected is not None:
        fields[REJECTED] = _named(task.rejected, values, "rejected answer")
    return Example(
        id=id,
        group=_named(task.group, values, "group") if task.group else _group_of_input(fields),
        fields=fields,
        target=read_target(task, values.get(task.target), options),
        split=source.split,
        subgroups={
            column: as_text(values[column])
            for column in task.subgroups
            if as_text(values.get(column)).strip()
        },
        time=_time(task.time, values) if task.time else None,
        source=name,
        licence=source.licence,
    )


def _fields(task: TaskSection, values: Mapping[str, Json]) -> dict[str, str]:
    """The columns of the input as text, and the options as a JSON list. An empty value is ""."""
    columns = template_columns(task.input)
    choice = task.options if task.answer == "choice" else None
    for column in [*columns, choice]:
        if column is not None and column not in values:
            raise RowError("a column is missing", f"{column!r}")
    fields = {column: as_text(values[column]) for column in columns}
    if not any(text.strip() for column, text in fields.items() if column != choice):
        raise RowError("no input", f"empty: {', '.join(columns)}")
    if choice is not None:
        fields[choice] = json.dumps(read_options(values[choice]), ensure_ascii=False)
    return fields


def _named(column: str, values: Mapping[str, Json], what: str) -> str:
    text = as_text(values.get(column)).strip()
    if not text:
        raise RowError(f"no {what}", f"column {column!r} is empty")
    return text


def _time(column: str, values: Mapping[str, Json]) -> str:
    text = _named(column, values, "time")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise RowError("time not in ISO 8601", f"column {column!r}: write 2024-05-31") from None
    return text


def _group_of_input(fields: Mapping[str, str]) -> str:
    """Without a group column, what has the same input is one group."""
    return sha256_text(input_text(fields))[:16]


def _check_columns(task: TaskSection, row: Row, path: Path) -> None:
    """Compare the columns that the task names with those of a file's first row."""
    wanted = [("input", column) for column in template_columns(task.input)]
    wanted += [("subgroups", column) for column in task.subgroups]
    single = {
        "target": task.target,
        "options": task.options if task.answer == "choice" else None,
        "id": task.id,
        "group": task.group,
        "time": task.time,
        "rejected": task.rejected,
    }
    wanted += [(key, column) for key, column in single.items() if column is not None]
    faults = [
        f"task.{key}: {path} has no column {column!r}{did_you_mean(column, row.values)}"
        for key, column in wanted
        if column not in row.values
    ]
    if faults:
        # The columns are not listed: where a header is missing, its place holds a patient's record.
        raise ConfigError(
            "\n  ".join([*faults, "correct the task, or name the column in the file"])
        )


def _refusal(first: Sequence[BadRow], reasons: Mapping[str, int], total: int) -> str:
    bad = sum(reasons.values())
    counts = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))
    lines = [
        f"  {b.where}: record {b.id}: {b.reason}" + (f": {b.detail}" if b.detail else "")
        for b in first
    ]
    more = [f"  and {bad - len(first):,} more"] if bad > len(first) else []
    head = (
        f"{bad:,} of {total:,} rows cannot be used ({counts}); mend them, "
        "or set data.bad_rows to 'drop':"
    )
    return "\n".join([head, *lines, *more])


def _explained(error: RowError) -> str:
    return f"{error.reason}: {error.detail}" if error.detail else error.reason
