"""A task of three labels, its splits on disk, and a tiny random model, for decide and evaluate."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tiny_llm import write_model

from medtune.artifacts import DataCard, TokenCount, write_examples
from medtune.config import (
    DataSection,
    DecideSection,
    EvaluateSection,
    ModelSection,
    Run,
    SourceSection,
)
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.source import ModelFolder
from medtune.metrics import accuracy, macro_f1
from medtune.records import Application, ArmResult, Example, Gate, Message, Prediction

LABELS = ("yes", "no", "maybe")
NO_PARTS = {
    "validation_examples": 0,
    "retention_items": 0,
    "robustness_examples": 0,
    "membership_examples": 0,
}
"""Leaves out what the evaluation measures beside the test."""
WORDS = {"yes": "causes pain", "no": "increases aspirin", "maybe": "decreases tumour"}


def nothing(paths: Sequence[Path]) -> Iterator[Example]:
    return iter(())


APP = Application(
    name="tiny",
    intended_use="tests",
    not_for="anything else",
    load=nothing,
    prompt=lambda example: [
        Message("system", "Answer: yes, no or maybe."),
        Message("user", example.fields["text"]),
    ],
    reply=lambda example: str(example.target),
    parse=lambda example, text: text if text in LABELS else None,
    choices=lambda example: LABELS,
    metrics={"macro_f1": macro_f1(LABELS), "accuracy": accuracy},
    primary="macro_f1",
    gates=(Gate("accuracy", at_least=0.1),),
)


def examples(n: int, name: str) -> list[Example]:
    """The text gives the target away; two examples share a group; half are "yes"."""
    made: list[Example] = []
    for i in range(n):
        target = "yes" if i % 2 else LABELS[1 + i // 2 % 2]
        made.append(
            Example(
                id=f"{name}{i:03d}",
                group=f"{name}-g{i // 2:03d}",
                fields={"text": f"The patient {WORDS[target]} {i}"},
                target=target,
                subgroups={"site": "A" if i % 3 else "B"},
            )
        )
    return made


def study(out: Path, *, margin: float = 0.0, longest: int = 60, shots: int = 3) -> Run:
    """A run whose data stage is done."""
    splits = {"train": 60, "validation": 24, "test": 120}
    for name, n in splits.items():
        write_examples(out / f"{name}.jsonl", examples(n, name))
    counts = {
        name: TokenCount(rows=n, kept=n, dropped={}, tokens=n, supervised=n, longest=longest)
        for name, n in splits.items()
    }
    DataCard(
        key="data",
        inputs={},
        outputs={},
        medtune_version="0",
        created="2026-01-01T00:00:00+00:00",
        app="tiny",
        sources=[],
        note="",
        splits=counts,
        receipt={},
        groups={},
        labels={},
        subgroups={},
        exact_duplicates=0,
        near_duplicate_pairs=0,
        conflicts=[],
        leaks=[],
        first_example=[],
    ).save(out)
    return Run(
        app="tiny",
        goal="accuracy",
        out=out,
        model=ModelSection(source="path:tiny", context_tokens=512),
        data=DataSection(sources=(SourceSection(source="path:none.jsonl"),)),
        decide=DecideSection(
            shots=shots, tune_examples=20, margin=margin, search_examples=8, prompt_budget=2
        ),
        evaluate=EvaluateSection(resamples=200, max_new_tokens=8, **NO_PARTS),
    )


def tiny_model(folder: Path, seed: int = 0) -> LanguageModel:
    """Random weights, of which each seed gives others."""
    made = ModelFolder(write_model(folder, seed=seed), "tiny", "0" * 64, "none")
    return load_model(made, Numerics("float32", None, "the tests", None), context_tokens=512)


def answering(name: str, share: float, confidence: float | None = None):
    """An arm that is right for the first `share` of every ten examples."""

    def arm(asked: Sequence[Example]) -> ArmResult:
        predictions = [
            Prediction(
                id=example.id,
                group=example.group,
                target=example.target,
                answer=example.target if i % 10 < 10 * share else "no such label",
                confidence=confidence,
                subgroups=example.subgroups,
            )
            for i, example in enumerate(asked)
        ]
        return ArmResult(name, f"{name}, made up", predictions, 1.5, 30)

    return arm
