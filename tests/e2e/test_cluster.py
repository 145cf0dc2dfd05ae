"""The command line under torchrun and on Ray: the curve of one process, also when a worker dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from tiny_cluster import ready_to_tune

pytestmark = pytest.mark.e2e
FEWER = ["--set", "evaluate.retention_items=0"]
"""The battery is longer than the tiny model's context."""
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared run, and in `alone` what one process made of it."""
    folder = tmp_path_factory.mktemp("ready")
    ready_to_tune(folder)
    shutil.copytree(folder / "out", folder / "alone")
    medtune(folder, "alone")
    return folder


def words(
    folder: Path, out: str, before: list[str], after: list[str], *, verb: str = "tune"
) -> list[str]:
    run = [str(folder / "run.yaml"), "--offline", "--set", f"out={folder / out}"]
    return [sys.executable, *before, "-m", "medtune", verb, *run, *after]


def medtune(folder: Path, out: str, before: list[str] | None = None, *after: str) -> str:
    command = words(folder, out, before or [], list(after))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def losses(folder: Path) -> list[float]:
    lines = (folder / "tune.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row.get("loss", row.get("validation_loss")) for row in rows]


@pytest.mark.parametrize("shard", ["false", "true"])
def test_two_processes_of_torchrun_tell_once_and_learn_the_same(ready: Path, shard: str):
    out = f"torchrun-{shard}"
    shutil.copytree(ready / "out", ready / out)
    told = medtune(ready, out, TORCHRUN, "--set", f"compute.shard={shard}")
    assert told.count("[1/1] tune") == 1
    assert losses(ready / out) == pytest.approx(losses(ready / "alone"), rel=1e-4)


def test_two_workers_of_ray_learn_the_same_though_one_is_killed(ready: Path):
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    shutil.copytree(ready / "out", ready / "ray")
    longer = ["--set", "tune.epochs=40"]
    shutil.copytree(ready / "out", ready / "alone-longer")
    medtune(ready, "alone-longer", [], *longer)
    command = words(ready, "ray", [], ["--workers", "2", *longer])
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    journal = ready / "ray" / "tune.jsonl"
    while driver.poll() is None and not (journal.exists() and len(journal.read_text()) > 4000):
        time.sleep(0.1)
    killed = kill_a_worker(driver.pid)
    told, errors = driver.communicate(timeout=900)
    assert driver.returncode == 0, errors[-3000:]
    assert killed, errors[-3000:]
    assert "all epochs" in told
    fit = json.loads((ready / "ray" / "fit.json").read_text(encoding="utf-8"))["fit"]
    assert fit["resumed"] == 1
    assert losses(ready / "ray") == pytest.approx(losses(ready / "alone-longer"), rel=1e-3)


def test_a_fault_of_the_user_is_told_by_ray_and_nobody_waits(ready: Path):
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    shutil.copytree(ready / "out", ready / "busy")
    command = words(ready, "busy", [], ["--workers", "2"])
    with FileLock(ready / "busy" / ".lock"):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 6, done.stderr[-3000:]
    assert "another medtune is working in this folder" in done.stderr


def test_two_workers_of_ray_answer_the_test_as_one_process_does(ready: Path):
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    shutil.copytree(ready / "alone", ready / "asked")
    for out, more in (("alone", FEWER), ("asked", [*FEWER, "--workers", "2"])):
        command = words(ready, out, [], more, verb="evaluate")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
    ours, theirs = answers(ready / "asked"), answers(ready / "alone")
    assert [one["answer"] for one in ours] == [one["answer"] for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
    assert figures(ready / "asked") == pytest.approx(figures(ready / "alone"), abs=1e-5)


def test_two_workers_of_ray_prepare_the_same_bytes_as_one_process(ready: Path):
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    key = ready / "key"
    rows = [
        {"note": f"Dr. Anna Smith saw patient {n % 700} on 3 May 2021; {n % 5} mg.", "label": "yes"}
        for n in range(1500)
    ]
    (ready / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cleaned = ["--set", f"data.deidentify.key={key}", "--set", "data.near_duplicate=0.9"]
    for out, more in (("read", []), ("shared", ["--workers", "2"])):
        command = words(ready, out, [], [*cleaned, *more], verb="data")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
    for split in ("train", "validation", "test"):
        name = f"{split}.jsonl"
        assert (ready / "read" / name).read_bytes() == (ready / "shared" / name).read_bytes()
    cards = [
        json.loads((ready / out / "data.json").read_text(encoding="utf-8"))
        for out in ("read", "shared")
    ]
    for card in cards:
        del card["created"]
    assert cards[0] == cards[1]
    assert "Smith" not in (ready / "shared" / "train.jsonl").read_text(encoding="utf-8")


def answers(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def figures(folder: Path) -> dict[str, float]:
    """Every metric of every arm."""
    found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return {
        f"{arm['name']} {metric}": one["value"]
        for arm in found["arms"]
        for metric, one in arm["estimates"].items()
    }


def kill_a_worker(driver: int) -> bool:
    """Kill one process that trains, as want of memory would; whether there was one."""
    for process in psutil.Process(driver).children(recursive=True):
        if "TrainWorker" in " ".join(process.cmdline()):
            os.kill(process.pid, signal.SIGKILL)
            return True
    return False
