"""Vision-language models of a hub: four families, each against its own processor and forward."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_eyes import FAMILIES, ImagesOnly, write_seeing_model
from tiny_llm import one_thread
from tiny_tune import nothing, stop_at
from tiny_vision import spot
from transformers import AutoProcessor

from medtune.artifacts import write_examples
from medtune.config import (
    DataSection,
    EvaluateSection,
    ModelSection,
    Run,
    SourceSection,
    TuneSection,
)
from medtune.decide.baselines import classical
from medtune.errors import ConfigError, DataError, TuneError
from medtune.images.mark import image_mark
from medtune.images.store import keep_image, kept_image
from medtune.llm import Numerics, find_model, load_model, load_renderer
from medtune.llm.generate import generate, stream
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.llm.score import score_replies
from medtune.llm.vision import eyes as eyes_module
from medtune.metrics import accuracy
from medtune.pipeline import Job
from medtune.plan import plan
from medtune.records import Application, Example, Message
from medtune.tune import fit
from medtune.tune.batch import micro_batches
from medtune.tune.job import at_work, job
from medtune.tune.loss import token_losses
from medtune.tune.parity import parity

LABELS = ("bright", "dark")


def prompt(example: Example) -> list[Message]:
    return [Message("user", f"{image_mark(example.fields['image'])}\nSpot?")]


APP = Application(
    name="spot",
    intended_use="tests",
    not_for="anything else",
    load=nothing,
    prompt=prompt,
    reply=lambda example: str(example.target),
    parse=lambda _, text: text if text in LABELS else None,
    choices=lambda _: LABELS,
    metrics={"accuracy": accuracy},
    primary="accuracy",
)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setenv("MEDTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", params=list(FAMILIES))
def weights(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp(request.param)
    processor = write_seeing_model(folder, request.param)
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(processor, ImagesOnly):
            real = AutoProcessor.from_pretrained
            known = lambda path, **_: processor if path == folder else real(path)  # noqa: E731
            patch.setattr(eyes_module, "AutoProcessor", SimpleNamespace(from_pretrained=known))
        yield folder


@pytest.fixture(scope="module")
def lm(weights: Path) -> LanguageModel:
    return sees(weights)


def sees(weights: Path, adapter: Path | None = None, dtype: Any = "float32") -> LanguageModel:
    return load_model(
        find_model(ModelSection(source=f"path:{weights}"), offline=True),
        Numerics(dtype, None, "the tests", None),
        context_tokens=512,
        adapter=adapter,
    )


def spots(n: int, name: str = "a") -> list[Example]:
    """Half of the images are bright; the question is the same for all."""
    made: list[Example] = []
    for number in range(n):
        digest = hashlib.sha256(f"{name}{number}".encode()).digest()
        pixels = spot(digest[1] % 7, digest[0] % 7, seed=digest[2])
        image = keep_image(255 - pixels // 4 if number % 2 else pixels // 4)
        target = LABELS[number % 2 == 0]
        made.append(Example(f"{name}{number}", f"{name}{number}", {"image": image}, target))
    return made


def run_of(out: Path, **tune: object) -> Run:
    settings = {
        "rank": 4,
        "learning_rate": 1e-2,
        "epochs": 4,
        "examples_per_step": 4,
        "validate_every": 6,
        "micro_batch_tokens": 256,
        **tune,
    }
    return Run(
        app="imaging",
        goal="accuracy",
        out=out,
        model=ModelSection(source="path:x"),
        data=DataSection(sources=(SourceSection(source="path:x"),)),
        tune=TuneSection.model_validate(settings),
        evaluate=EvaluateSection(batch_tokens=2048),
    )


def talk(*images: str) -> list[Message]:
    shown = "".join(image_mark(image) for image in images)
    return [Message("system", "Look."), Message("user", f"{shown}Spot?")]


def theirs(lm: LanguageModel, messages: Sequence[Message], reply: str | None) -> dict[str, Any]:
    """The conversation by the processor alone, as its documentation has it."""
    eyes = lm.renderer.eyes
    assert eyes is not None
    said = [*messages] if reply is None else [*messages, Message("assistant", reply)]
    turns = [{"role": one.role, "content": eyes.content(one.content)} for one in said]
    text = eyes.tokenizer.apply_chat_template(
        turns, tokenize=False, add_generation_prompt=reply is None
    )
    names = [
        piece for one in said for piece in one.content.split("\N{OBJECT REPLACEMENT CHARACTER}")
    ]
    images = [Image.fromarray(kept_image(name)).convert("RGB") for name in names if len(name) == 64]
    return dict(
        eyes.processor(text=[text], images=images, add_special_tokens=False, return_tensors="pt")
    )


def log_p(lm: LanguageModel, messages: Sequence[Message], reply: str) -> float:
    """A reply's log-probability by the model's own forward on the processor's own inputs."""
    given = theirs(lm, messages, reply)
    ids = given["input_ids"][0]
    n = len(lm.renderer.reply_ids(messages, reply))
    end = len(lm.renderer.training(messages, reply).ids)
    with torch.no_grad():
        shares = lm.model(**given).logits[0].double().log_softmax(-1)
    return sum(float(shares[at - 1, ids[at]]) for at in range(end - n, end))


def pair() -> tuple[str, str]:
    return keep_image(255 - spot(0, 0) // 4), keep_image(spot(6, 6) // 4)


def test_ids_are_the_processors_with_the_images_own_in_their_places(lm: LanguageModel):
    eyes = lm.renderer.eyes
    assert eyes is not None
    first, second = pair()
    ours = lm.renderer.prompt(talk(first, second))
    own = [token for token in ours if token >= eyes.n_words]
    plain = [eyes.token if token >= eyes.n_words else token for token in ours]
    assert plain == theirs(lm, talk(first, second), None)["input_ids"][0].tolist()
    assert len(own) == len(set(own))
    assert max(own) < 2**63
    assert lm.renderer.prompt(talk(second, first)) != ours


def test_the_prompt_is_a_prefix_and_the_reply_with_its_end_is_supervised(lm: LanguageModel):
    messages = talk(pair()[0])
    start = lm.renderer.prompt(messages)
    rendered = lm.renderer.training(messages, "bright")
    assert rendered.ids[: len(start)] == start
    assert rendered.supervised == [False] * len(start) + [True] * (len(rendered.ids) - len(start))
    assert rendered.ids[-1] == lm.renderer.end_of_turn


def test_a_text_cannot_forge_an_image(lm: LanguageModel):
    eyes = lm.renderer.eyes
    assert eyes is not None
    with pytest.raises(DataError, match="forge"):
        lm.renderer.prompt([Message("user", f"one {eyes.processor.image_token} two")])


def test_scores_are_those_of_the_models_own_forward_and_tell_images_apart(lm: LanguageModel):
    first, second = pair()
    items = [(messages, LABELS) for messages in (talk(first), talk(second), talk(first, second))]
    scores = score_replies(lm, items, batch_tokens=4096, advance=lambda _: None)
    for (messages, replies), found in zip(items, scores, strict=True):
        plain = [log_p(lm, messages, reply) for reply in replies]
        assert found == pytest.approx(plain, abs=1e-3)
    assert scores[0] != pytest.approx(scores[1], abs=1e-3)


def test_replies_are_those_of_the_models_own_generate(lm: LanguageModel):
    first, second = pair()
    asked = [talk(first), talk(second), [Message("user", "No image, what now?")], talk(first)]
    ours = generate(lm, asked, max_new_tokens=8, batch_tokens=4096, advance=lambda _: None)
    for messages, reply in zip(asked, ours, strict=True):
        given = (
            theirs(lm, messages, None)
            if messages[0].role == "system"
            else {"input_ids": torch.tensor([lm.renderer.prompt(messages)])}
        )
        with torch.no_grad():
            row = lm.model.generate(  # type: ignore[operator]
                **given, max_new_tokens=8, do_sample=False, eos_token_id=[2], pad_token_id=0
            )
        written = row[0, given["input_ids"].shape[1] :].tolist()
        assert reply.text == lm.renderer.decode(written)
        assert "".join(stream(lm, messages, max_new_tokens=8)) == reply.text
    assert ours[0] == ours[3]


def test_the_loss_is_the_models_own_and_only_the_adapter_learns(lm: LanguageModel, tmp_path: Path):
    some = spots(4)
    run = run_of(tmp_path)
    plain = -sum(log_p(lm, prompt(one), str(one.target)) for one in some)
    asked = job(run, APP, lm, some, some)
    with at_work(asked) as ready:
        (batch,) = micro_batches(asked.train.rendered, budget=4096, device=lm.device)
        losses = token_losses(lm.model, batch)
        assert losses.sum().item() == pytest.approx(plain, abs=2e-3)
        losses.sum().backward()
        moved = {name for name, one in lm.model.named_parameters() if one.grad is not None}
        eyes_of = [name for name in ready.adapter.weights if "vision" in name or "visual" in name]
        assert len(moved) == len(ready.adapter.weights)
        assert not eyes_of
        assert all(weight.grad is not None for weight in ready.adapter.weights.values())


def test_an_image_given_twice_in_a_pass_counts_twice(lm: LanguageModel, tmp_path: Path):
    """Rows of one length are a batch of their own, so images must keep to their rows."""
    some = spots(6)
    asked = job(run_of(tmp_path), APP, lm, [*some[:3], *some[:3], *some[3:]], some)
    with at_work(asked), torch.no_grad():
        (whole,) = micro_batches(asked.train.rendered, budget=10**6, device=lm.device)
        alone = micro_batches(asked.train.rendered, budget=1, device=lm.device)
        together = token_losses(lm.model, whole).sum()
        apart = sum(token_losses(lm.model, batch).sum() for batch in alone)
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-3)


def fitted(lm: LanguageModel, folder: Path, **tune: object) -> Any:
    ask = {"folder": folder, "what": "t", "identity": {}}
    return fit(run_of(folder, **tune), APP, lm, spots(24), spots(8, "v"), **ask)


def test_it_learns_from_images_and_is_served_the_same(weights: Path, tmp_path: Path):
    lm, whole = sees(weights), tmp_path
    done = fitted(lm, whole)
    tuned = sees(weights, done.adapter)
    answers = predict(tuned, APP, spots(20, "t"), settings=EvaluateSection(), what="test")
    assert accuracy(answers.predictions) >= 0.9, "what tells the answers apart is in the image only"
    write_examples(whole / "validation.jsonl", iter(spots(6, "v")))
    found = parity(run_of(whole), APP, lm, done.adapter, tuned)
    assert found.effect > 0.01
    assert found.tuned <= max(2 * found.base, 1e-4)


def test_an_interrupted_fit_goes_on_to_the_same_adapter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_seeing_model(tmp_path / "model", "llava")
    lm, whole, cut = sees(tmp_path / "model"), tmp_path / "whole", tmp_path / "cut"
    done = fitted(lm, whole, epochs=2)
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        with pytest.raises(TuneError, match="stopped by signal"):
            fitted(lm, cut, epochs=2)
    again = fitted(lm, cut, epochs=2)
    assert again.resumed == 1
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (again.adapter / name).read_bytes() == (done.adapter / name).read_bytes()


def test_products_in_bfloat16_stay_near(lm: LanguageModel, weights: Path):
    half = sees(weights, dtype="bfloat16")
    items = [(talk(pair()[0]), LABELS)]
    ask = {"batch_tokens": 4096, "advance": lambda _: None}
    assert score_replies(half, items, **ask)[0] == pytest.approx(
        score_replies(lm, items, **ask)[0], rel=0.1
    )


def test_an_upload_is_seen_and_never_written(lm: LanguageModel):
    eyes = lm.renderer.eyes
    assert eyes is not None
    pixels = spot(3, 3, seed=crc32(lm.folder.name.encode()))
    name = eyes.admit(pixels)
    found = score_replies(lm, [(talk(name), LABELS)], batch_tokens=4096, advance=lambda _: None)
    with pytest.raises(DataError, match="not in the cache"):
        kept_image(name)
    assert keep_image(pixels) == name
    assert found[0] == pytest.approx([log_p(lm, talk(name), one) for one in LABELS], abs=1e-3)


def test_images_are_part_of_what_a_model_is(weights: Path, tmp_path: Path):
    section = ModelSection(source=f"path:{weights}")
    before = find_model(section, offline=True).sha256
    (path,) = [weights / "processor_config.json"]
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(json.dumps(json.loads(text) | {"note": 1}), encoding="utf-8")
        assert find_model(section, offline=True).sha256 != before
    finally:
        path.write_text(text, encoding="utf-8")


def test_what_is_not_built_for_such_a_model_is_refused(lm: LanguageModel, tmp_path: Path):
    folder = lm.folder
    with pytest.raises(ConfigError, match="eyes of its own"):
        load_renderer(folder, lambda _: [0])
    for settings in ({"objective": "cpt"}, {"adapter": "full"}):
        with pytest.raises(ConfigError, match="not built for vision-language"):
            job(run_of(tmp_path, **settings), APP, lm, spots(2), spots(2))


def test_a_processor_that_joins_images_otherwise_is_refused(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
):
    eyes = eyes_module.load_eyes.__wrapped__(lm.folder)
    real = type(eyes)._ask

    def padded(self: Any, text: str, images: Sequence[np.ndarray]) -> dict[str, Any]:
        out = dict(real(self, text, images))
        if len(images) > 1:
            out["pixel_values"] = torch.cat([out["pixel_values"], out["pixel_values"][:1]])
        return out

    monkeypatch.setattr(type(eyes), "_ask", padded)
    with pytest.raises(ConfigError, match="cannot be joined"):
        eyes.check()


def test_a_run_with_images_is_planned_and_learnt_from_the_data_on(tmp_path: Path):
    write_seeing_model(tmp_path / "model", "idefics3")
    rows: list[str] = []
    for number in range(40):
        pixels = spot(number % 7, number // 7, seed=number)
        Image.fromarray(pixels + 40 if number % 2 else pixels // 4).save(tmp_path / f"{number}.png")
        row = {"image": f"{number}.png", "finding": "mass" if number % 2 else None}
        rows.append(json.dumps(row | {"patient": f"p{number}"}))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    run = Run.model_validate(
        {
            "app": "imaging",
            "goal": "accuracy",
            "out": tmp_path / "out",
            "model": {
                "source": f"path:{tmp_path / 'model'}",
                "numerics": "float32",
                "context_tokens": 256,
                "processes": 1,
            },
            "data": {"sources": [{"source": f"path:{tmp_path / 'rows.jsonl'}"}]},
        }
    )
    lines: list[str] = []
    assert plan(Job(run, offline=True), lines.append) == 0, lines
    assert "shown on a terminal only: it is your data" in "\n".join(lines)


def test_the_classical_arm_reads_the_features_that_the_model_reads(lm: LanguageModel):
    assert lm.eyes is not None
    arm = classical(APP, spots(16), lm.eyes)
    assert accuracy(arm(spots(10, "t")).predictions) >= 0.9
