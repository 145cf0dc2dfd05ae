"""Full tuning: all weights learn, the model is saved whole, and every reader of it agrees."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_tune_preference import PAIRED, PAIRS, log_p
from tiny_llm import write_model
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
    stop_at,
    tiny_model,
)
from transformers import AutoModelForCausalLM

from medtune.artifacts import write_examples
from medtune.errors import DataError, TuneError
from medtune.llm import half
from medtune.llm.load import load_model
from medtune.llm.numerics import Numerics
from medtune.llm.source import ModelFolder
from medtune.release.gate import judge_parity
from medtune.tune import fit, parity
from medtune.tune.batch import lay
from medtune.tune.job import at_work, job
from medtune.tune.objective import objective

FULL = settings(adapter="full", learning_rate=2e-3)
FLOAT32 = Numerics("float32", None, "the tests", None)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    fit_in(folder, FULL)
    return folder


def test_it_learns_and_changes_every_weight(uninterrupted: Path) -> None:
    losses = [row["loss"] for row in rows(uninterrupted) if "loss" in row]
    assert losses[-1] < 0.7 * losses[0]
    saved, before = load_file(uninterrupted / "adapter/model.safetensors"), tiny_model()
    assert saved.keys() == dict(before.named_parameters()).keys()
    assert not any(torch.equal(saved[name], old) for name, old in before.named_parameters())
    outcome = json.loads((uninterrupted / "fit.json").read_text())["fit"]
    assert outcome["method"] == "all weights of the model; SFT"
    assert outcome["trainable_parameters"] == sum(p.numel() for p in before.parameters())


def test_the_step_is_that_of_plain_torch(out: Path) -> None:
    """The gradient of all weights, the output layer's and the embedding's among them."""
    lm, tune = language_model(), settings(adapter="full", max_grad_norm=1e9)
    asked = job(make_run(out, tune), APP, lm, examples(6), examples(2, "v"))
    lessons = [asked.train.rendered[i][0] for i in asked.steps[0]]
    with at_work(asked) as ready:
        share = ready.team.gradient(1)
        ours = {name: weight.grad.clone() for name, weight in ready.adapter.weights.items()}
    plain = tiny_model(torch.float64).requires_grad_(requires_grad=True)
    n = sum(sum(one.supervised) for one in lessons)
    loss = -sum(_log_p(plain, one) for one in lessons) / n
    loss.backward()
    assert share.loss == pytest.approx(loss.item(), rel=1e-5)
    for name, weight in plain.named_parameters():
        assert torch.allclose(ours[name].double(), weight.grad, rtol=1e-3, atol=1e-6), name


def _log_p(model, sequence) -> torch.Tensor:
    logits_TV = model(input_ids=torch.tensor([sequence.ids])).logits[0].log_softmax(-1)
    at = [i for i, learnt in enumerate(sequence.supervised) if learnt]
    return sum(logits_TV[i - 1, sequence.ids[i]] for i in at)


def test_stopped_and_taken_up_again_is_as_if_never_stopped(
    out: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 8)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(out, FULL)
    assert fit_in(out, FULL).resumed == 1
    assert_same_fit(out, uninterrupted)


def test_the_model_is_left_as_it_was_also_after_a_fault(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = language_model()
    before = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    fit_in(out / "1", settings(adapter="full", epochs=1), lm)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(TuneError):
            fit_in(out / "2", settings(adapter="full", epochs=1), lm)
    assert all(torch.equal(before[name], now) for name, now in lm.model.state_dict().items())
    assert not any(weight.requires_grad for weight in lm.model.parameters())


def test_two_processes_learn_what_one_does(out: Path, uninterrupted: Path) -> None:
    lm = language_model()
    object.__setattr__(lm, "processes", 2)
    fit_in(out, FULL.model_copy(update={"examples_per_step": 8}), lm)
    one = language_model()
    fit_in(out / "one", FULL.model_copy(update={"examples_per_step": 8}), one)
    for at, row in enumerate(rows(out)):
        other = rows(out / "one")[at]
        key = "loss" if "loss" in row else "validation_loss"
        assert row[key] == pytest.approx(other[key], rel=1e-3)


def test_in_bfloat16_the_weights_are_float32_and_small_updates_add_up(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)  # its bfloat16 kills some machines
    wide = fit_in(out / "wide", settings(adapter="full", epochs=1, learning_rate=1e-4))
    lm = language_model()
    half.halve(lm.model)
    object.__setattr__(lm, "numerics", Numerics("bfloat16", None, "the tests", None))
    narrow = fit_in(out / "narrow", settings(adapter="full", epochs=1, learning_rate=1e-4), lm)
    assert narrow.validation_loss == pytest.approx(wide.validation_loss, abs=0.1)
    saved = load_file(narrow.adapter / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    name = "model.layers.0.mlp.up_proj.weight"
    start = dict(lm.model.named_parameters())[name]
    assert start.dtype == torch.bfloat16
    change = (saved[name] - start.float()).abs()
    # In bfloat16, nearly all of these steps of 1e-4 would round to none at all.
    assert float((change > 0).float().mean()) > 0.9
    assert float(change.max()) < 2e-3


def test_dpo_compares_with_the_weights_as_they_were() -> None:
    tune = settings(adapter="full", objective="dpo", beta=0.3)
    lm = language_model()
    asked = job(make_run(Path("unused"), tune), PAIRED, lm, examples(8), examples(4, "v"))
    batch = lay(PAIRS, torch.device("cpu"))
    with torch.no_grad():
        base = [log_p(lm.model, one) for lesson in PAIRS for one in lesson]
    with at_work(asked) as ready:
        assert ready.team.look()["validation"].loss == pytest.approx(0.6931, abs=1e-4)
        with torch.no_grad():
            for weight in ready.adapter.weights.values():
                weight.add_(0.02)
        loss = objective(tune, ready.adapter.as_base).loss(lm.model, batch)
        loss.backward()
        assert all(weight.grad is not None for weight in ready.adapter.weights.values())
        now = {name: weight.detach().clone() for name, weight in ready.adapter.weights.items()}
    moved = tiny_model()
    moved.load_state_dict(now)
    with torch.no_grad():
        tuned = [log_p(moved, one) for lesson in PAIRS for one in lesson]
    margins = [0.3 * ((tuned[i] - tuned[i + 1]) - (base[i] - base[i + 1])) for i in (0, 2)]
    expected = sum(float(torch.tensor(-m).exp().log1p()) for m in margins)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelFolder, Path]:
    """A model on disk with its tokenizer, tied output layer and all, tuned in full."""
    folder = tmp_path_factory.mktemp("real")
    base = ModelFolder(write_model(folder / "base"), "tiny", "0" * 64, "none")
    lm = load_model(base, FLOAT32, context_tokens=256)
    run = make_run(folder / "run", settings(adapter="full", epochs=1))
    fit(run, APP, lm, examples(16), examples(8, "v"), folder=run.out, what="tiny", identity={})
    write_examples(run.out / "validation.jsonl", examples(8, "v"))
    return base, run.out


def test_what_is_loaded_is_what_was_trained(tuned: tuple[ModelFolder, Path]) -> None:
    base, out = tuned
    served = load_model(base, FLOAT32, context_tokens=256, adapter=out / "adapter")
    run = make_run(out, settings(adapter="full", epochs=1))
    lm = load_model(base, FLOAT32, context_tokens=256)
    found = parity(run, APP, lm, out / "adapter", served)
    assert found.tuned < 1e-4
    assert found.effect > 0.01
    assert judge_parity(found) is None
    assert "no effect" in (judge_parity(parity(run, APP, lm, out / "adapter", lm)) or "") or (
        "differ" in (judge_parity(parity(run, APP, lm, out / "adapter", lm)) or "")
    )


def test_the_folder_is_a_model_that_transformers_reads(tuned: tuple[ModelFolder, Path]) -> None:
    base, out = tuned
    ours = load_model(base, FLOAT32, context_tokens=256, adapter=out / "adapter").model
    theirs = AutoModelForCausalLM.from_pretrained(out / "adapter", local_files_only=True)
    for name, weight in theirs.named_parameters():
        assert torch.equal(weight, dict(ours.named_parameters())[name]), name
    assert (out / "adapter/chat_template.jinja").exists()


def test_weights_of_another_model_are_refused(tuned: tuple[ModelFolder, Path], out: Path) -> None:
    base, run = tuned
    other = ModelFolder(base.path, "other", "1" * 64, "none")
    with pytest.raises(DataError, match="trained on base model 000"):
        load_model(other, FLOAT32, context_tokens=256, adapter=run / "adapter")
    wider = write_model(out / "wider", extra={"intermediate_size": 48})
    with pytest.raises(DataError, match="its weights are not those of the model"):
        load_model(
            ModelFolder(wider, "tiny", "0" * 64, "none"),
            FLOAT32,
            context_tokens=256,
            adapter=run / "adapter",
        )
