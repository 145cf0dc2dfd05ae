"""A fit learns, stops when it should, and an interruption changes nothing."""

import errno
import json
import multiprocessing
import random
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_tune import APP, examples, fit_in, language_model, make_run, settings, tiny_model

from medtune import __version__
from medtune.artifacts import TuneRecord, write_examples
from medtune.errors import DataError, MachineError, TuneError
from medtune.records import Example
from medtune.tune import fit, tune
from medtune.tune.checkpoint import differences
from medtune.tune.stop import stop_requested


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny matrices gain nothing from threads, and the killed child uses one too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    fit_in(folder)
    return folder


def rows(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "tune.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def without_seconds(folder: Path) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows(folder)]


def assert_same_fit(folder: Path, reference: Path) -> None:
    ours, theirs = (load_file(f / "adapter/adapter_model.safetensors") for f in (folder, reference))
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


@pytest.mark.parametrize("step", [1, 3, 11])
def test_stopped_and_taken_up_again_is_as_if_never_stopped(
    out: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(TuneError, match="stopped by signal; run the same command to go on"):
            fit_in(out)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert (out / f"checkpoints/step-{step:06d}").is_dir()
    assert not (out / "adapter").exists()
    done = fit_in(out)
    assert done.resumed == 1
    assert_same_fit(out, uninterrupted)


def fit_with_one_thread(folder: Path) -> None:
    torch.set_num_threads(1)
    fit_in(folder)


def test_killed_again_and_again_is_as_if_never_killed(out: Path, uninterrupted: Path) -> None:
    """Real processes, forked from one that has only imported, so that a start takes no seconds."""
    chance = random.Random(5)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["medtune.tune", "transformers.models.llama.modeling_llama"])
    journal, killed = out / "tune.jsonl", 0
    for _ in range(8):
        started = journal.stat().st_mtime_ns if journal.exists() else 0
        child = processes.Process(target=fit_with_one_thread, args=(out,))
        child.start()
        while child.is_alive() and (not journal.exists() or journal.stat().st_mtime_ns == started):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        child.join()
        killed += child.exitcode == -signal.SIGKILL
    assert killed >= 2
    fit_in(out)
    assert_same_fit(out, uninterrupted)


@pytest.mark.parametrize("damage", ["half", "gone", "state", "flipped"])
def test_a_damaged_checkpoint_is_passed_over(
    out: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 8)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(out)
    newest = out / "checkpoints/step-000008"
    weights = newest / "weights.safetensors"
    data = weights.read_bytes()
    if damage == "half":
        weights.write_bytes(data[: len(data) // 2])
    elif damage == "gone":
        weights.unlink()
    elif damage == "state":
        (newest / "state.json").write_text('{"state": {"step"')
    else:
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    (out / "checkpoints/.step-000009.x.part").mkdir()
    with (out / "tune.jsonl").open("a") as file:
        file.write('{"step": 9, "lo')
    done = fit_in(out)
    assert done.resumed == 1
    assert_same_fit(out, uninterrupted)


def test_checkpoints_are_the_newest_two(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(monkeypatch, 10)
    with pytest.raises(TuneError):
        fit_in(out)
    names = [path.name for path in sorted((out / "checkpoints").iterdir())]
    assert names == ["step-000009", "step-000010"]


def test_a_checkpoint_of_another_run_is_refused_with_what_differs(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        with pytest.raises(TuneError):
            fit_in(out)
    with pytest.raises(TuneError, match=r"tune\.learning_rate was '0\.02' and is '0\.01'; undo"):
        fit_in(out, settings(learning_rate=0.01))
    other = replace(language_model().folder, sha256="1" * 64)
    with pytest.raises(TuneError, match=r"base weights was '000.* delete .*checkpoints to begin"):
        fit_in(out, lm=replace(language_model(), folder=other))
    run = make_run(out)
    with pytest.raises(TuneError, match="step-000004: this checkpoint is of another run: train"):
        fit(run, APP, language_model(), examples(31), examples(8, "v"), folder=out, what="tiny",
            identity={"data": "d"})  # fmt: skip
    assert fit_in(out, settings(micro_batch_tokens=50)).resumed == 1


def test_differences_are_named() -> None:
    assert differences({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == [
        "b was '2' and is 'absent'",
        "c was 'absent' and is '3'",
    ]


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(
    out: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def full_at_step_9(path: Path, data: bytes) -> int:
        if "step-000009" in str(path) and path.name.startswith("moments"):
            real(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_at_step_9)
        with pytest.raises(MachineError, match=r"disk is full.*run the same command to go on"):
            fit_in(out)
    names = [path.name for path in sorted((out / "checkpoints").iterdir())]
    assert names == ["step-000003", "step-000006"]
    assert fit_in(out).resumed == 1
    assert_same_fit(out, uninterrupted)


@pytest.mark.parametrize("fault", ["write", "room"])
def test_a_full_disk_is_found_before_the_first_step(
    out: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    if fault == "write":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        usage = SimpleNamespace(total=10, used=9, free=1)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(MachineError, match="disk"):
        fit_in(out)
    assert not list(out.rglob("*.jsonl"))
    assert not list(out.rglob("*.safetensors"))


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


def test_a_signal_is_noted_and_a_second_one_interrupts() -> None:
    with stop_requested() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    answers: list[bool] = []

    def ask() -> None:
        with stop_requested() as stop:
            answers.append(stop())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
