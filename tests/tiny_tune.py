"""A two-layer random model, a byte renderer and a task, for the tests of `medtune.tune`."""

import hashlib
import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from medtune.config import DataSection, ModelSection, Run, SourceSection, TuneSection
from medtune.llm.load import LanguageModel
from medtune.llm.numerics import Numerics
from medtune.llm.render import Rendered
from medtune.llm.source import ModelFolder
from medtune.records import Application, Example, Message
from medtune.tune import Fit, fit

VOCABULARY = 64
END = 1


class ByteRenderer:
    """Letters become ids below 64; the reply and the end of turn are supervised."""

    pad_id = 0
    stop_ids = (END,)

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        return [2 + ord(letter) % 60 for message in messages for letter in message.content]

    def document(self, text: str) -> list[int]:
        return [END, *(2 + ord(letter) % 60 for letter in text), END]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(60 + token) for token in ids)

    def training(self, messages: Sequence[Message], reply: str) -> Rendered:
        prompt = [2 + ord(letter) % 60 for message in messages for letter in message.content]
        tail = [*(2 + ord(letter) % 60 for letter in reply), END]
        return Rendered(prompt + tail, [False] * len(prompt) + [True] * len(tail))


def tiny_model(dtype: torch.dtype = torch.float32) -> LlamaForCausalLM:
    with torch.random.fork_rng():
        torch.manual_seed(11)
        config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            initializer_range=0.3,
        )
        model = LlamaForCausalLM(config)
    return model.to(dtype).eval().requires_grad_(requires_grad=False)


def language_model(numerics: str = "float32") -> LanguageModel:
    return LanguageModel(
        model=tiny_model(getattr(torch, numerics)),
        renderer=ByteRenderer(),  # type: ignore[arg-type]
        folder=ModelFolder(Path("tiny"), "tiny", "0" * 64, "none"),
        numerics=Numerics(numerics, None, "the tests", None),
        context_tokens=128,
    )


def examples(n: int, name: str = "a") -> list[Example]:
    """Texts of different lengths whose answer depends on their first letter."""
    made: list[Example] = []
    for number in range(n):
        digest = hashlib.sha256(f"{name}{number}".encode()).hexdigest()
        text = digest[: 8 + int(digest[:2], 16) % 40]
        target = "yes" if text[0] < "8" else "no"
        made.append(Example(f"{name}{number}", f"{name}{number}", {"text": text}, target))
    return made


def nothing(paths: Sequence[Path]) -> Iterator[Example]:
    return iter(())


APP = Application(
    name="tiny",
    intended_use="tests",
    not_for="anything else",
    load=nothing,
    prompt=lambda example: [Message("user", example.fields["text"])],
    reply=lambda example: str(example.target),
    parse=lambda example, reply: reply,
    metrics={},
    primary="none",
)


def make_run(out: Path, tune: TuneSection | None = None) -> Run:
    return Run(
        app="tiny",
        goal="accuracy",
        out=out,
        model=ModelSection(source="path:tiny"),
        data=DataSection(sources=(SourceSection(source="path:none"),)),
        tune=tune or TuneSection(**SETTINGS),  # type: ignore[arg-type]
    )


SETTINGS = {
    "rank": 4,
    "alpha": 8.0,
    "learning_rate": 0.02,
    "epochs": 2,
    "examples_per_step": 4,
    "micro_batch_tokens": 96,
    "validate_every": 3,
    "patience": 100,
}
"""Sixteen steps, six looks."""


def settings(**changes: object) -> TuneSection:
    return TuneSection(**(SETTINGS | changes))  # type: ignore[arg-type]


def fit_in(folder: Path, tune: TuneSection | None = None, lm: LanguageModel | None = None) -> Fit:
    return fit(
        make_run(folder, tune),
        APP,
        lm or language_model(),
        examples(32),
        examples(8, "v"),
        folder=folder,
        what="tiny",
        identity={"data": "d"},
    )


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "tune.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def without_seconds(folder: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(folder)]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = (folder / "adapter").glob("*.safetensors")
    return load_file(path)


def assert_same_fit(folder: Path, reference: Path) -> None:
    ours, theirs = (weights_of(f) for f in (folder, reference))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert without_seconds(folder) == without_seconds(reference)
    assert not (folder / "checkpoints").exists()


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Send this process SIGTERM while the given step is under way."""
    real, calls = torch.optim.AdamW.step, []

    def counted(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == step:
            signal.raise_signal(signal.SIGTERM)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)
