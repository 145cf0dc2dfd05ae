"""A fit learns, stops when it should, and an interruption changes nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
    tiny_model,
)

from medtune import __version__
from medtune.artifacts import TuneRecord, write_examples
from medtune.canary import plant_canaries, with_canaries
from medtune.errors import DataError
from medtune.records import Example
from medtune.tune import fit, tune
from medtune.tune.job import job


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    fit_in(folder)
    return folder


def test_it_learns_and_logs_every_step(uninterrupted: Path) -> None:
    steps = [row for row in rows(uninterrupted) if "loss" in row]
    looks = [row for row in rows(uninterrupted) if "validation_loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 17))
    assert [row["step"] for row in looks] == [3, 6, 9, 12, 15, 16]
    assert steps[-1]["loss"] < 0.5 * steps[0]["loss"]
    assert looks[-1]["validation_loss"] < 0.7 * steps[0]["loss"]
    assert steps[0].keys() == {
        "step",
        "loss",
        "grad_norm",
        "learning_rate",
        "n_tokens",
        "n_supervised",
        "seconds",
    }


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT's, not ours
def test_the_adapter_is_the_best_step_and_peft_reads_it(uninterrupted: Path) -> None:
    looks = [row for row in rows(uninterrupted) if "validation_loss" in row]
    best = min(looks, key=lambda row: row["validation_loss"])
    outcome = json.loads((uninterrupted / "fit.json").read_text())["fit"]
    assert outcome["best_step"] == best["step"]
    assert outcome["validation_loss"] == best["validation_loss"]

    lm = language_model()
    adapted = PeftModel.from_pretrained(tiny_model(), uninterrupted / "adapter").eval()
    total, n = 0.0, 0
    for example in examples(8, "v"):
        lesson = lm.renderer.training(APP.prompt(example), APP.reply(example))
        logits = adapted(input_ids=torch.tensor([lesson.ids])).logits[0].log_softmax(-1)
        at = [i for i, learnt in enumerate(lesson.supervised) if learnt]
        total -= sum(float(logits[i - 1, lesson.ids[i]]) for i in at)
        n += len(at)
    assert total / n == pytest.approx(best["validation_loss"], rel=1e-5)
    mark = json.loads((uninterrupted / "adapter/medtune.json").read_text())
    assert mark == {
        "base_sha256": "0" * 64,
        "medtune_version": __version__,
        "numerics": "float32",
    }


def test_every_linear_layer_of_the_decoder_has_an_adapter_and_the_head_has_none(
    uninterrupted: Path,
) -> None:
    names = load_file(uninterrupted / "adapter/adapter_model.safetensors")
    linear = {n for n, m in tiny_model().named_modules() if isinstance(m, torch.nn.Linear)}
    expected = {
        f"base_model.model.{name}.lora_{side}.weight"
        for name in linear - {"lm_head"}
        for side in "AB"
    }
    assert set(names) == expected
    assert {tensor.dtype for tensor in names.values()} == {torch.float32}


def test_the_model_is_left_as_it_was(out: Path) -> None:
    lm = language_model()
    before = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    generator = torch.get_rng_state()
    first = fit_in(out / "1", settings(epochs=1), lm)
    after = lm.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(generator, torch.get_rng_state())
    second = fit_in(out / "2", settings(epochs=1), lm)
    assert first.validation_loss == second.validation_loss


def test_it_stops_when_validation_no_longer_improves(out: Path) -> None:
    done = fit_in(out, settings(learning_rate=0.5, patience=2, epochs=10))
    assert done.stopped == "no improvement"
    assert done.steps == done.best_step + 2 * 3
    assert done.steps < 80
    assert done.train_loss > 0


def test_a_finished_fit_returns_at_once_and_another_begins_anew(
    out: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(uninterrupted, out, dirs_exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim, "AdamW", None)
        assert fit_in(out).adapter == out / "adapter"
    (out / "adapter/adapter_model.safetensors").write_bytes(b"damaged")
    fit_in(out)
    assert_same_fit(out, uninterrupted)
    changed = fit_in(out, settings(epochs=1))
    assert changed.steps == 8
    assert rows(out)[-1]["step"] == 8


def test_bfloat16_trains_float32_adapters_close_to_float32(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = settings(epochs=1, learning_rate=0.002)
    wide = fit_in(out / "wide", tune)
    with monkeypatch.context() as patch:
        patch.setattr(torch.backends.mkldnn, "enabled", False)  # its bfloat16 kills some machines
        narrow = fit_in(out / "narrow", tune, language_model("bfloat16"))
    assert narrow.validation_loss == pytest.approx(wide.validation_loss, abs=0.03)
    saved = load_file(narrow.adapter / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    for at, row in enumerate(rows(out / "narrow")[:3]):
        assert row["loss"] == pytest.approx(rows(out / "wide")[at]["loss"], abs=0.03)


@pytest.mark.parametrize(
    ("train", "fault"),
    [
        ([], r"train\.jsonl: no examples"),
        (
            [Example("r7", "g", {"text": "t" * 200}, "yes")],
            r"longer than 128 tokens: 1 .*first: r7",
        ),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(
    out: Path, train: list[Example], fault: str
) -> None:
    with pytest.raises(DataError, match=fault):
        fit(make_run(out), APP, language_model(), train, examples(2), folder=out, what="tiny",
            identity={})  # fmt: skip
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("cores", "n_examples", "n"), [(2, 16, 2), (8, 16, 8), (32, 16, 16), (8, 7, 1), (1, 16, 1)]
)
def test_a_step_is_shared_by_a_process_for_each_core_and_no_more_than_examples(
    out: Path, cores: int, n_examples: int, n: int
) -> None:
    lm = replace(language_model(), processes=cores)
    run = make_run(out, settings(examples_per_step=n_examples))
    assert job(run, APP, lm, examples(32), examples(8, "v")).processes == n


def test_the_stage_writes_a_record_of_what_it_did(out: Path) -> None:
    write_examples(out / "train.jsonl", examples(8))
    write_examples(out / "validation.jsonl", examples(4, "v"))
    run = make_run(out, settings(epochs=1))
    made = tune(run, APP, language_model(), key="k", inputs={"data.json": "d"})
    assert TuneRecord.current(out, "k") == made
    assert made.steps == 2
    assert set(made.outputs) == {
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
        "adapter/medtune.json",
        "tune.jsonl",
    }
    assert made.peak_memory_gb > 0.05
    lm = language_model()
    lessons = [lm.renderer.training(APP.prompt(e), APP.reply(e)) for e in examples(8)]
    assert made.tokens_seen == sum(len(lesson.ids) for lesson in lessons)
    assert made.supervised_seen == sum(sum(lesson.supervised) for lesson in lessons)


def test_canaries_are_learnt_beside_the_records(out: Path) -> None:
    write_examples(out / "train.jsonl", examples(8))
    write_examples(out / "validation.jsonl", examples(4, "v"))
    run = make_run(out, settings(epochs=1).model_copy(update={"canaries": 2}))
    made = tune(run, APP, language_model(), key="k", inputs={})
    lm, app = language_model(), with_canaries(APP)
    learnt = [*examples(8), *plant_canaries(2, run.seed)]
    lessons = [lm.renderer.training(app.prompt(e), app.reply(e)) for e in learnt]
    assert made.supervised_seen == sum(sum(lesson.supervised) for lesson in lessons)
