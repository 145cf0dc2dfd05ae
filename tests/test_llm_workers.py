"""Copies of the process share the work, and their faults come to light."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medtune.errors import DataError, MachineError
from medtune.llm.workers import workers


@pytest.mark.parametrize("n", [1, 3])
def test_every_request_is_answered_with_its_index(n: int) -> None:
    with workers(lambda number: number * 10, n) as ask:
        assert dict(ask(range(7))) == {i: i * 10 for i in range(7)}
        assert dict(ask([5])) == {0: 50}
        assert dict(ask([])) == {}


def test_with_as_many_requests_as_copies_request_i_goes_to_copy_i() -> None:
    with workers(lambda seconds: (time.sleep(seconds), os.getpid())[1], 2) as ask:
        first, again = dict(ask([0.05, 0.0])), dict(ask([0.0, 0.05]))
    assert first == again
    assert len({os.getpid(), *first.values()}) == 3


def test_what_the_work_raises_is_raised_here() -> None:
    def work(number: int) -> int:
        if number == 2:
            raise DataError("record r2 is empty")
        return number

    with workers(work, 2) as ask, pytest.raises(DataError, match="record r2 is empty"):
        dict(ask(range(4)))


def test_a_copy_that_dies_is_a_fault_of_the_machine() -> None:
    with (
        workers(lambda number: os.kill(os.getpid(), signal.SIGKILL), 2) as ask,
        pytest.raises(MachineError, match=r"worker process died.*micro_batch_tokens"),
    ):
        dict(ask(range(2)))


def test_no_copy_is_left_behind() -> None:
    with workers(lambda _: os.getpid(), 2) as ask:
        pids = list(dict(ask(range(2))).values())
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_copies_compute_after_this_process_used_its_threads() -> None:
    """As on four cores, in a process of its own, because this one was told to have one thread."""
    code = """
import torch
from medtune.llm import workers
workers.cores = lambda: 4
torch.set_num_threads(2)
x = torch.ones(600, 600)
(x @ x).sqrt()
with workers.workers(lambda n: float((x @ x).sqrt().mean() * 0 + n), 2) as ask:
    assert dict(ask(range(2))) == {0: 0.0, 1: 1.0}
"""
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", code], env=free, check=True, timeout=300)


def test_a_copy_ends_when_this_process_is_killed(tmp_path) -> None:
    """A child of ours starts copies, tells their numbers and is killed."""
    told = tmp_path / "pids"
    child = os.fork()
    if child == 0:
        with workers(lambda _: os.getpid(), 2) as ask:
            told.write_text(" ".join(str(pid) for pid in dict(ask(range(2))).values()))
            time.sleep(60)
    while not (told.exists() and len(told.read_text().split()) == 2):
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    deadline = time.monotonic() + 10
    while any(_runs(int(pid)) for pid in told.read_text().split()):
        assert time.monotonic() < deadline, "a copy outlived the process it was made by"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
