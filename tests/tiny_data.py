"""A small data set, its run file and a renderer without a tokenizer, for the data stage."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from medtune.apps.custom import build
from medtune.artifacts import DataCard
from medtune.config import Run
from medtune.data import prepare
from medtune.data.gather import Spread
from medtune.errors import DataError
from medtune.records import Application, Message

SECRET = "Hopper"


class Rendered(NamedTuple):
    ids: list[int]
    supervised: list[bool]


class WordTokenizer:
    def decode(self, ids: list[int]) -> str:
        return f"<{ids[0]}>"


class WordRenderer:
    """One token a word: its length. The reply ends with token 0."""

    tokenizer = WordTokenizer()

    def of_model(self, ids: list[int]) -> list[int]:
        return ids

    def training(self, messages: list[Message], reply: str) -> Rendered:
        if "<|end|>" in messages[-1].content:
            raise DataError("a user message contains the control token '<|end|>'")
        prompt = [len(word) for message in messages for word in message.content.split()]
        tail = [*(len(word) for word in reply.split()), 0]
        return Rendered(prompt + tail, [False] * len(prompt) + [True] * len(tail))


def note(n: int) -> str:
    return " ".join(f"finding{n}x{k}" for k in range(6))


def rows(n: int = 60) -> list[dict]:
    return [
        {
            "id": f"r{i}",
            "patient": f"p{i // 2}",
            "note": note(i),
            "label": ("yes", "no")[i % 2],
            "sex": "f" if i % 3 else "m",
        }
        for i in range(n)
    ]


def saved(folder: Path, name: str, records: list[dict]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def make_run(out: Path, paths: list[Path], sources=None, task=None, context=512, **data) -> Run:
    sections = sources or [{} for _ in paths]
    return Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": out,
            "model": {"source": "path:model", "context_tokens": context},
            "data": {
                "sources": [
                    {"source": f"path:{p}", **s} for p, s in zip(paths, sections, strict=True)
                ],
                "validation": 0.2,
                "test": 0.2,
                **data,
            },
            "task": {
                "instruction": "Is it so?",
                "input": "{note}",
                "answer": "label",
                "labels": ["yes", "no"],
                "id": "id",
                "group": "patient",
                "subgroups": ["sex"],
                **(task or {}),
            },
        }
    )


def prepared(
    run: Run, paths: list[Path], app: Application | None = None, spread: Spread | None = None
) -> DataCard:
    return prepare(
        run,
        app or build(run),
        paths,
        WordRenderer(),
        key="k",
        inputs={"a": "b"},  # type: ignore
        spread=spread,
    )


def refused(run: Run, paths: list[Path], error: type[Exception] = DataError) -> str:
    """The message of a refusal that wrote nothing and shows no text."""
    with pytest.raises(error) as caught:
        prepared(run, paths)
    assert not list(run.out.iterdir())
    assert SECRET not in str(caught.value)
    return str(caught.value)
