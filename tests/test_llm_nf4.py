"""Weights of four bits: what they hold, what they cost, and that a tuning over them is exact."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from tiny_llm import one_thread, write_model
from tiny_tune import (
    APP,
    SETTINGS,
    assert_same_fit,
    examples,
    fit_in,
    make_run,
    rows,
    settings,
    stop_at,
    weights_of,
)
from torch import nn

from medtune.artifacts import write_examples
from medtune.config import ComputeSection, ModelSection, TuneSection
from medtune.errors import ConfigError, DataError, TuneError
from medtune.llm import nf4
from medtune.llm.generate import generate_ids
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.merge import merge
from medtune.llm.numerics import Numerics
from medtune.llm.score import score_replies
from medtune.llm.source import ModelFolder, find_model
from medtune.records import Message
from medtune.release import export as stage
from medtune.release.gate import judge_parity
from medtune.tune import parity

needs_bitsandbytes = pytest.mark.skipif(
    nf4.find_spec("bitsandbytes") is None, reason="the extra `qlora` is not installed"
)
FLOAT32 = Numerics("float32", None, "the tests", None)
BFLOAT16 = Numerics("bfloat16", None, "the tests", None)
IDS = torch.tensor([[1, 50, 60, 70, 80, 90, 5, 2]])
WIDE = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
LEVELS = (
    *(-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
)
"""NF4's numbers: Dettmers et al. 2023, arXiv:2305.14314, appendix E."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    folder = write_model(tmp_path_factory.mktemp("base") / "m", extra=WIDE)
    return find_model(ModelSection(source=f"path:{folder}"), offline=True)


def load(base: ModelFolder, numerics: Numerics = FLOAT32, adapter: Path | None = None, n: int = 1):
    return load_model(
        base, numerics, context_tokens=256, adapter=adapter, processes=n, quantize="nf4"
    )


def packed(lm: LanguageModel) -> list[nf4.FourBitLinear]:
    return [one for one in lm.model.modules() if isinstance(one, nf4.FourBitLinear)]


@needs_bitsandbytes
def test_weights_are_the_16_numbers_of_nf4_times_a_scale_for_each_block():
    torch.manual_seed(0)
    layer = nn.Linear(128, 96, bias=False)
    ours = nf4.FourBitLinear(layer, torch.float32, torch.device("cpu")).weight.view(-1, 64)
    scale = ours.abs().max(dim=1, keepdim=True).values
    true = layer.weight.detach().view(-1, 64).abs().max(dim=1, keepdim=True).values
    torch.testing.assert_close(scale, true, rtol=0.02, atol=0.0)  # scales have 8 bits
    distance = (ours / scale - torch.tensor(LEVELS)[:, None, None]).abs().amin(dim=0)
    assert float(distance.max()) < 1e-6
    nearest = torch.tensor(LEVELS).sub((layer.weight.detach().view(-1, 64) / true)[..., None])
    best = torch.tensor(LEVELS)[nearest.abs().argmin(dim=-1)]
    assert float((best - ours / scale).abs().max()) < 1e-5


@needs_bitsandbytes
def test_packed_weights_take_about_a_quarter_of_bfloat16_and_the_rest_stays_float32(base):
    lm = load(base, BFLOAT16)
    layers = packed(lm)
    assert len(layers) == 14
    numbers = sum(one.in_features * one.out_features for one in layers)
    share = sum(one.nbytes for one in layers) / (2 * numbers)
    assert share == pytest.approx((4 + 8 / 64 + 32 / (64 * 256)) / 16, rel=0.01)
    assert all(one.packed.dtype == torch.uint8 for one in layers)
    assert {weight.dtype for weight in lm.model.parameters()} == {torch.float32}


@needs_bitsandbytes
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_a_packed_layer_multiplies_as_its_unpacked_one_does_and_so_do_its_gradients(dtype):
    torch.manual_seed(1)
    ours = nf4.FourBitLinear(nn.Linear(64, 32), dtype, torch.device("cpu"))
    theirs = ours.plain().to(dtype)
    with torch.no_grad():
        ours(torch.randn(3, 64))  # bitsandbytes' own layer repacks here
    x = torch.randn(2, 5, 64, requires_grad=True)
    again = x.detach().to(dtype).requires_grad_()
    y, expected = ours(x), theirs(again)
    assert y.dtype == torch.float32
    assert torch.equal(y, expected.float())
    g = torch.randn_like(y)
    y.backward(g)
    expected.backward(g.to(dtype))
    close = 1e-6 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(x.grad, again.grad.float(), atol=close, rtol=close)


@needs_bitsandbytes
@pytest.mark.parametrize(
    ("kind", "numerics"), [("lora", FLOAT32), ("dora", FLOAT32), ("rslora", BFLOAT16)]
)
def test_a_tuning_over_packed_weights_is_the_one_that_is_served_and_merged(
    base: ModelFolder, tmp_path: Path, kind: str, numerics: Numerics
) -> None:
    lm, asked = load(base, numerics), settings(adapter=kind, epochs=1, validate_every=8)
    before = [one.packed.clone() for one in packed(lm)]
    done = fit_in(tmp_path, asked, lm)
    losses = [row["loss"] for row in rows(tmp_path) if "loss" in row]
    assert sum(losses[-2:]) < 0.7 * sum(losses[:2])
    assert "4 bits" in done.method
    assert all(
        torch.equal(*pair) for pair in zip(before, [one.packed for one in packed(lm)], strict=True)
    )
    seconds = [one for name, one in weights_of(tmp_path).items() if "lora_B" in name]
    assert len(seconds) == 14
    assert all(float(one.abs().max()) > 0 for one in seconds)

    served = load(base, numerics, tmp_path / "adapter")
    write_examples(tmp_path / "validation.jsonl", examples(8, "v"))
    seen = parity(make_run(tmp_path, asked), APP, load(base, numerics), done.adapter, served)
    assert judge_parity(seen) is None, seen
    with torch.no_grad():
        logits = served.model(IDS).logits
        merge(served.model)
        merged = served.model(IDS).logits
    assert not packed(served)
    close = 1e-4 if numerics is FLOAT32 else 0.05
    assert float((merged - logits).abs().max()) <= close * float(logits.abs().max())


@needs_bitsandbytes
def test_an_interrupted_tuning_over_packed_weights_ends_the_same_in_two_processes_too(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = settings(epochs=1, examples_per_step=8, validate_every=4)
    fit_in(tmp_path / "whole", asked, load(base, n=2))
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(tmp_path / "cut", asked, load(base, n=2))
    fit_in(tmp_path / "cut", asked, load(base, n=2))
    assert_same_fit(tmp_path / "cut", tmp_path / "whole")


@needs_bitsandbytes
def test_packed_weights_score_and_generate_as_unpacked_ones_do(base: ModelFolder) -> None:
    prompts = [[Message("user", f"patient {n} takes aspirin")] for n in range(4)]
    items = [(prompt, ["yes", "no"]) for prompt in prompts]

    def answers(lm: LanguageModel) -> tuple[list[list[float]], list[str]]:
        ids = [lm.renderer.prompt(prompt) for prompt in prompts]
        scores = score_replies(lm, items, batch_tokens=256, advance=lambda _: None)
        replies = generate_ids(lm, ids, max_new_tokens=6, batch_tokens=256, advance=lambda _: None)
        return scores, [reply.text for reply in replies]

    lm = load(base)
    scores, replies = answers(lm)
    nf4.unpack(lm.model)
    expected, same = answers(lm)
    torch.testing.assert_close(torch.tensor(scores), torch.tensor(expected))
    assert replies == same
    plain = answers(load_model(base, FLOAT32, context_tokens=256))[0]
    assert not torch.allclose(torch.tensor(scores), torch.tensor(plain), rtol=1e-3)


@needs_bitsandbytes
@pytest.mark.parametrize("form", ["safetensors", "gguf"])
def test_an_export_unpacks_merges_and_is_scored_again(
    base: ModelFolder, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    fit_in(out, settings(epochs=1, validate_every=8), load(base))
    (out / "adapter").rename(tmp_path / "adapter")
    (tmp_path / "model_card.md").write_text("# Model card\n", encoding="utf-8")
    write_examples(out / "validation.jsonl", examples(8, "v"))
    run = make_run(out).model_copy(
        update={
            "model": ModelSection(source=f"path:{base.path}", context_tokens=256, quantize="nf4")
        }
    )
    release = SimpleNamespace(id="0123456789abcdef")
    tuned = stage.Tuned(release, base, tmp_path / "adapter", lambda one: load(base, adapter=one))  # type: ignore[arg-type]
    found = stage.export(run, APP, tuned, stage.Ask(form, "float32", tmp_path / "x"))  # type: ignore[arg-type]
    assert found.exported
    assert found.parity.tuned < 1e-4 < found.parity.effect
    assert "unpacked" in found.merged


@needs_bitsandbytes
def test_an_adapter_serves_on_the_weights_that_it_was_trained_on_only(
    base: ModelFolder, tmp_path: Path
) -> None:
    fit_in(tmp_path, settings(epochs=1, examples_per_step=32), load(base))
    with pytest.raises(DataError, match=r"trained with model\.quantize: nf4, and it is null now"):
        load_model(base, FLOAT32, context_tokens=256, adapter=tmp_path / "adapter")


def test_without_bitsandbytes_it_is_refused(
    base: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nf4, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\[qlora\]"):
        load(base)


@pytest.mark.parametrize(
    "change",
    [
        {"tune": TuneSection(**(SETTINGS | {"adapter": "full"}))},  # type: ignore[arg-type]
        {"compute": ComputeSection(shard=True)},
    ],
)
def test_packed_weights_are_neither_trained_nor_divided(change: dict[str, object]) -> None:
    run = make_run(Path("out"))
    asked = dict(run) | {"model": ModelSection(source="path:x", quantize="nf4")} | change
    with pytest.raises(ValidationError, match="neither be trained nor divided"):
        type(run).model_validate(asked)
