"""The items that training must not have seen: those of every evaluation set in use.

These are the sets of `data.check_against`, the batteries of `evaluate.retention`, the facts of
`evaluate.dated_facts`, and medtune's own battery. (What train holds of a set of `evaluate.transfer`
is left out of that set when it is asked.) An item is looked for by runs of 13 words, and as a whole
input: what a record may be equal or near to is each text of five words or more, the item's columns
of the names that the records' fields have, and a question with and without its options.
"""

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from medtune.config import Run
from medtune.data.duplicates import WORDS
from medtune.data.overlap import Item, is_long_enough, item_of, texts_of
from medtune.data.readers import rows, source_names
from medtune.data.row import Row
from medtune.data.shingles import input_text, normalised, words_of
from medtune.records import REJECTED, Json

OWN = "medtune's own battery"
ASKED = ("question", "options", "answer", "superseded", "other")
"""What of a battery's item or a dated fact may be learnt; its source and area are no secret."""


class Reference(NamedTuple):
    """One item of an evaluation set."""

    item: Item
    inputs: Sequence[str]
    """Normalised texts, of which an input of a record may be none, nor near to one."""

    @property
    def is_comparable(self) -> bool:
        """Whether there is something to find it by."""
        return bool(self.inputs) or is_long_enough(self.item)


def read_references(run: Run, paths: Sequence[Path], fields: Set[str]) -> Iterator[Reference]:
    """Yield the items of the evaluation sets in use.

    Args:
        run: The run.
        paths: The files of `run.evaluation_sets`, in their order.
        fields: The names of the records' fields.

    Raises:
        ConfigError: Nothing tells what a file is.
        DataError: A file cannot be read.
    """
    names = source_names(paths)
    n_plain = len(run.data.check_against)
    for name, path, section in zip(
        names[:n_plain], paths[:n_plain], run.data.check_against, strict=True
    ):
        for row in rows(path, section.format):
            yield Reference(item_of(name, row), _inputs(row.values, fields))
    for name, path in zip(names[n_plain:], paths[n_plain:], strict=True):
        for row in rows(path, "jsonl"):
            yield _asked(name, row)
    if run.evaluate.retention_items:
        for row in _own():
            yield _asked(OWN, row)


def _inputs(values: Mapping[str, Json], fields: Set[str]) -> list[str]:
    """The whole inputs that a row of any file stands for."""
    names = fields - {REJECTED}
    same = {name: " ".join(texts_of(values[name])) for name in names if name in values}
    whole = [input_text(same)] if same.keys() == names else []
    texts = map(normalised, texts_of(dict(values)))
    return [*whole, *(text for text in texts if len(words_of(text)) >= WORDS)]


def _asked(name: str, row: Row) -> Reference:
    """An item of a battery, or a dated fact."""
    asked = {key: row.values.get(key) for key in ASKED}
    question = " ".join(texts_of(asked["question"]))
    offered = asked["options"] or [asked[key] for key in ("answer", "superseded", "other")]
    options = " ".join(texts_of(offered))
    inputs = [question, f"{question} {options}"] if question else []
    return Reference(item_of(name, Row(asked, row.where)), list(map(normalised, inputs)))


def _own() -> Iterator[Row]:
    text = (files("medtune") / "evaluate" / "items.json").read_text(encoding="utf-8")
    listed: list[dict[str, Json]] = json.loads(text)["items"]
    yield from (Row(values, f"items.json:{values['id']}") for values in listed)
