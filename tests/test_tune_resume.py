"""An interruption, a damaged file or a full disk changes nothing in the end."""

import errno
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
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    settings,
    stop_at,
)

from medtune.artifacts import write_examples
from medtune.errors import MachineError, TuneError
from medtune.records import Message
from medtune.tune import fit, tune
from medtune.tune.checkpoint import differences
from medtune.tune.stop import stop_requested


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    fit_in(folder)
    return folder


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


@pytest.mark.parametrize("step", [4, 16], ids=["interrupted", "finished"])
def test_the_stages_inputs_do_not_hide_that_the_prompt_changed(
    out: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """As after an edit of the instruction: the files of the splits are the same."""
    write_examples(out / "train.jsonl", examples(32))
    write_examples(out / "validation.jsonl", examples(8, "v"))
    inputs = {"train": "t", "validation": "v", "replay": "r"}
    asked = replace(APP, prompt=lambda one: [Message("user", "Well? " + one.fields["text"])])
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(TuneError, match="stopped by signal"):
            tune(make_run(out), APP, language_model(), key="k", inputs=inputs)
    if step == 4:
        with pytest.raises(TuneError, match=r"another run: train was .*; validation was"):
            tune(make_run(out), asked, language_model(), key="other", inputs=inputs)
        assert tune(make_run(out), APP, language_model(), key="k", inputs=inputs).resumed == 1
        return
    first = tune(make_run(out), APP, language_model(), key="k", inputs=inputs)
    other = tune(make_run(out), asked, language_model(), key="other", inputs=inputs)
    assert other.outputs != first.outputs
    assert other.tokens_seen > first.tokens_seen


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


def test_where_a_run_fitted_it_fits_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two checkpoints on the disk there need be room for one more only; with one, for two."""
    full = SimpleNamespace(total=10, used=9, free=1)
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        with pytest.raises(TuneError):
            fit_in(out)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: full)
        assert fit_in(out).resumed == 1
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(TuneError):
            fit_in(out / "one")
        patch.setattr(shutil, "disk_usage", lambda path: full)
        with pytest.raises(MachineError, match="too little room for the checkpoints"):
            fit_in(out / "one")


def test_the_memory_held_before_an_interruption_counts(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("medtune.tune.ranks.most_held", lambda: 10**15)
        stop_at(patch, 4)
        with pytest.raises(TuneError):
            fit_in(out)
    assert fit_in(out).peak_memory_gb == 10**6


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
