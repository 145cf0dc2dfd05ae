"""Batteries of short questions with options: what a model could do before it was tuned.

medtune's own is `items.json`: general, medical and safety items, written for it (CC0). A user adds
others as JSONL with `id`, `area`, `question`, `options` and `answer` (its text). The question is
the prompt and each option a reply whose probability is computed: small models can do that long
before they can choose a letter.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from medtune.artifacts import read_jsonl
from medtune.errors import DataError
from medtune.metrics import accuracy
from medtune.records import Application, Example, Json, Message

AREA = "area"
OWN = "medtune"
FEWEST_OPTIONS = 2


@dataclass(frozen=True, slots=True)
class Battery:
    """Questions from one source."""

    source: str
    examples: tuple[Example, ...]

    @property
    def areas(self) -> list[str]:
        """The areas, each once, in order."""
        return list(dict.fromkeys(example.subgroups[AREA] for example in self.examples))


def _nothing(paths: Sequence[Path]) -> Iterator[Example]:  # noqa: ARG001  its items are given
    return iter(())


APP = Application(
    name="battery",
    intended_use="measuring what a model could do before it was tuned",
    not_for="comparing models",
    load=_nothing,
    prompt=lambda example: [Message("user", example.fields["question"])],
    reply=lambda example: str(example.target),
    parse=lambda example, text: text if text in options(example) else None,
    choices=lambda example: options(example),
    metrics={"accuracy": accuracy},
    primary="accuracy",
)


def options(example: Example) -> list[str]:
    """The options of an item."""
    return json.loads(example.fields["options"])


def chance(examples: Sequence[Example]) -> float:
    """The accuracy of guessing."""
    return sum(1 / len(options(example)) for example in examples) / len(examples)


def own_battery(n_each: int) -> Battery:
    """The first `n_each` items of each area of medtune's own."""
    text = (files("medtune.evaluate") / "items.json").read_text(encoding="utf-8")
    rows: list[dict[str, Json]] = json.loads(text)["items"]
    seen: dict[Json, int] = {}
    kept: list[Example] = []
    for row in rows:
        seen[row[AREA]] = seen.get(row[AREA], 0) + 1
        if seen[row[AREA]] <= n_each:
            kept.append(_example(row, "items.json"))
    return Battery(OWN, tuple(kept))


def read_battery(path: Path) -> Battery:
    """A battery of the user.

    Raises:
        DataError: A row lacks something, its answer is not among its options, or an id is there
            twice, or there is no row.
    """
    examples = tuple(_example(row, str(path)) for row in read_jsonl(path))
    ids = [example.id for example in examples]
    if not ids:
        raise DataError(f"{path}: no items; one JSON object per line")
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise DataError(f"{path}: {len(twice)} ids are there twice (first: {twice[0]})")
    return Battery(path.name, examples)


def _example(row: Mapping[str, Json], where: str) -> Example:
    id, area, question = (row.get(name) for name in ("id", AREA, "question"))
    answer, listed = row.get("answer"), row.get("options")
    texts = [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
    named = isinstance(id, str) and isinstance(area, str) and isinstance(question, str)
    if not named or len(set(texts)) < FEWEST_OPTIONS or answer not in texts:
        raise DataError(
            f"{where}: item {id!r}: it needs the texts id, area and question, two or more options "
            "that differ, and an answer that is one of them"
        )
    return Example(
        id=str(id),
        group=str(id),
        fields={"question": str(question), "options": json.dumps(texts, ensure_ascii=False)},
        target=answer,
        subgroups={AREA: str(area)},
        source=where,
    )
