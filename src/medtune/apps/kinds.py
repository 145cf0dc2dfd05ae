"""The six kinds of answer of a custom task: read the target, write the reply, read it back, score.

label   one of `task.labels`, as text.
choice  one of the record's options. The target may be the option's text, its index from 0, or its
        letter from A, tried in that order; the reply is the option's text.
number  a number, or text that is one.
spans   a list of strings; in a CSV file, a JSON list. The reply is a JSON list.
text    any text.
json    an object that meets `task.json_schema`; in a CSV file, as JSON.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import cast

from jsonschema import Draft202012Validator, SchemaError

from medtune.answers import find_json, find_label, find_number, find_spans
from medtune.config import TaskSection
from medtune.errors import ConfigError, did_you_mean
from medtune.metrics import (
    accuracy,
    auprc,
    auroc,
    exact_match,
    json_match,
    macro_f1,
    negative_predictive_value,
    number_within,
    positive_predictive_value,
    rouge_l,
    rouge_n,
    sensitivity,
    span_f1,
    span_overlap_f1,
    span_precision,
    span_recall,
    specificity,
)
from medtune.records import Example, Json, Metric

UNDECIDED = ("ppv", "npv", "auroc", "auprc")
"""Metrics without a value for some arms: those without probabilities, or with one answer."""


class RowError(Exception):
    """A row cannot be used. Its caller knows the row's place and makes it a DataError."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        """A few words that are counted, such as "no answer"."""
        self.detail = detail
        """What helps to mend it; never text of the record."""


def check_kind(task: TaskSection) -> None:
    """Check what can be checked before any record is read.

    Raises:
        ConfigError: Two labels cannot be told apart in a reply, or the schema is not one.
    """
    for label in task.labels:
        found = find_label(label, task.labels)
        if label != label.strip() or found != label:
            raise ConfigError(
                f"task.labels: {label!r} cannot be told apart from {found!r} in a reply; "
                "labels must differ by more than case and outer punctuation or white space"
            )
    if task.json_schema is not None:
        try:
            Draft202012Validator.check_schema(task.json_schema)
        except SchemaError as error:
            raise ConfigError(f"task.json_schema: not a JSON schema: {error.message}") from None


def metrics_of(task: TaskSection) -> dict[str, Metric]:
    """The metrics of the kind of answer; the first is the usual one."""
    available: Mapping[str, dict[str, Metric]] = {
        "label": {
            "macro_f1": macro_f1(task.labels),
            "accuracy": accuracy,
            **({} if task.positive is None else _detection(task.positive)),
        },
        "choice": {"accuracy": accuracy},
        "number": {"number_within": number_within(task.tolerance), "exact_match": exact_match},
        "spans": {
            "span_f1": span_f1,
            "span_overlap_f1": span_overlap_f1,
            "span_recall": span_recall,
            "span_precision": span_precision,
        },
        "text": {
            "rouge_l": rouge_l,
            "rouge_1": rouge_n(1),
            "rouge_2": rouge_n(2),
            "exact_match": exact_match,
        },
        "json": {"json_match": json_match},
    }
    return available[task.answer]


def primary_of(task: TaskSection, metrics: Mapping[str, Metric]) -> str:
    """The metric that decides.

    Raises:
        ConfigError: It does not measure this kind of answer, or has no value for some arms.
    """
    usable = [name for name in metrics if name not in UNDECIDED]
    primary = task.metric or usable[0]
    if primary in usable:
        return primary
    why = f"does not measure answer: {task.answer}"
    if primary in metrics:
        why = (
            "is reported, but cannot decide: it has no value for an arm without probabilities, or "
            "for one that gives every record the same answer"
        )
    raise ConfigError(f"task.metric: {primary!r} {why}; choose one of {', '.join(usable)}")


def _detection(positive: str) -> dict[str, Metric]:
    """The metrics of finding one label."""
    return {
        "sensitivity": sensitivity(positive),
        "specificity": specificity(positive),
        "ppv": positive_predictive_value(positive),
        "npv": negative_predictive_value(positive),
        "auroc": auroc(positive),
        "auprc": auprc(positive),
    }


def read_options(value: Json) -> list[str]:
    """The options of a record: a list, or a JSON list as text.

    Raises:
        RowError: They are no list of two or more texts that differ.
    """
    items = _parsed(value)
    if not isinstance(items, list):
        raise RowError("no options", "write a list, in CSV as a JSON list")
    options = [as_text(item).strip() for item in items]
    if len(options) < 2 or "" in options:  # noqa: PLR2004  one option is no choice
        raise RowError("no options", "a choice needs two or more, none of them empty")
    if any(find_label(option, options) != option for option in options):
        raise RowError("options that cannot be told apart", "they differ by case or marks only")
    return options


def read_target(task: TaskSection, value: Json, options: Sequence[str]) -> Json:
    """The target, in the form that predictions are compared in.

    Args:
        task: The task.
        value: What stands in the target's column.
        options: Of the record, for a choice.

    Raises:
        RowError: There is no target, or not one of this kind.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise RowError("no answer", f"column {task.target!r} is empty")
    match task.answer:
        case "label":
            target = _label(as_text(value).strip(), task.labels)
        case "choice":
            target = _option(value, options)
        case "number":
            target = _number(value)
        case "spans":
            target = _spans(value)
        case "text":
            target = as_text(value).strip()
        case "json":
            target = _object(value, task.json_schema or {})
    return target


def write_reply(task: TaskSection, example: Example) -> str:
    """The target as the model should write it."""
    if task.answer in ("spans", "json"):
        return json.dumps(example.target, ensure_ascii=False)
    return as_text(example.target)


def read_reply(task: TaskSection, example: Example, text: str) -> Json:
    """The answer that a reply states, or None."""
    answer: Json
    match task.answer:
        case "label" | "choice":
            answer = find_label(text, choices_of(task, example))
        case "number":
            answer = find_number(text)
        case "spans":
            answer = cast("list[Json] | None", find_spans(text))
        case "text":
            answer = text.strip() or None
        case "json":
            answer = find_json(text, task.json_schema or {})
    return answer


def choices_of(task: TaskSection, example: Example) -> Sequence[str]:
    """The replies to choose from, for a label or a choice."""
    if task.options is not None and task.answer == "choice":
        return json.loads(example.fields[task.options])
    return task.labels


def as_text(value: Json) -> str:
    """A value of a column as text: lists and objects as JSON, a whole number without ".0"."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _parsed(value: Json) -> Json:
    """The value, or what a text holds as JSON; None if it holds none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _label(label: str, labels: Sequence[str]) -> str:
    if label not in labels:
        raise RowError("unknown label", did_you_mean(label, labels).removeprefix("; "))
    return label


def _option(value: Json, options: Sequence[str]) -> str:
    text = as_text(value).strip()
    if text in options:
        return text
    if text.isdecimal():
        index = int(text)
    elif len(text) == 1 and text.isascii() and text.isalpha():
        index = ord(text.upper()) - ord("A")
    else:
        index = len(options)
    if index >= len(options):
        raise RowError("answer not among the options", "give its text, index from 0, or letter")
    return options[index]


def _number(value: Json) -> float:
    number = _parsed(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise RowError("answer not a number", "write it with a point and without a unit")
    if not math.isfinite(number):
        raise RowError("answer not a number", "infinity and NaN are none")
    return number


def _spans(value: Json) -> Json:
    spans = _parsed(value)
    if not isinstance(spans, list) or not all(isinstance(s, str) and s.strip() for s in spans):
        raise RowError("answer not a list of texts", "in CSV, write a JSON list")
    return spans


def _object(value: Json, schema: Mapping[str, object]) -> Json:
    found = _parsed(value)
    if not isinstance(found, dict):
        raise RowError("answer not an object", "in CSV, write a JSON object")
    if find_json(json.dumps(found), schema) is None:
        raise RowError("answer breaks task.json_schema")
    return found
