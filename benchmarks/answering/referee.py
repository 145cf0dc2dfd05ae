"""Let contestants answer the same rounds in turn, and measure seconds and memory of each alike.

The turns, and why they are taken, are those of `benchmarks/train.py`.
"""

import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from train import Contestant, Running, start, turn

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("MEDTUNE_SHARED", HERE.parents[1] / "../shared/data"))
MEDQA = SHARED / "medqa-us/data_clean/questions/US/dev.jsonl"


class Turn(NamedTuple):
    """One round of one contestant."""

    seconds: float
    peak: int
    """Most memory of its processes together at once, shared pages once, in bytes."""
    answers: list[Any]


def medqa(n: int) -> list[dict[str, Any]]:
    """The first questions of MedQA-US, with their options."""
    if not MEDQA.is_file():
        raise SystemExit(f"{MEDQA} is not there; set MEDTUNE_SHARED to the folder of data sets")
    lines = MEDQA.read_text(encoding="utf-8").splitlines()[:n]
    return [json.loads(line) for line in lines]


def contestant(name: str, about: str, script: str, *options: str) -> Contestant:
    """A contestant whose script is beside this file."""
    return Contestant(name, about, str(HERE / script), options)


def play(
    group: list[Contestant], peer_python: str, model: Path, rounds: list[list[dict[str, Any]]]
) -> dict[str, list[Turn]]:
    """Let a group take turns through all rounds; the first is a warm-up, and is left out."""
    turns: dict[str, list[Turn]] = {one.name: [] for one in group}
    with ExitStack() as stack:
        work = Path(tempfile.mkdtemp(prefix="medtune-benchmark-"))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        (work / "rounds.json").write_text(json.dumps(rounds), encoding="utf-8")
        running: list[Running] = []
        for one in group:
            python = sys.executable if Path(one.script).name == "ours.py" else peer_python
            running.append(start(one, python, model, work))
            stack.callback(running[-1].child.kill)
        for number in range(len(rounds)):
            for one in running if number % 2 else running[::-1]:
                with most_memory(one.child.pid) as peak:
                    seconds = turn(one).seconds
                answers = (work / f"{one.contestant.name}.{number}.json").read_text("utf-8")
                turns[one.contestant.name].append(Turn(seconds, peak[0], json.loads(answers)))
            print(f"round {number + 1} of {len(rounds)}", file=sys.stderr, flush=True)
    return {name: some[1:] for name, some in turns.items()}


@contextmanager
def most_memory(pid: int) -> Iterator[list[int]]:
    """The most memory that a process and its children hold while the block runs."""
    peak, stop = [0], threading.Event()

    def watch() -> None:
        parent = psutil.Process(pid)
        while not stop.wait(0.3):
            held = 0
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.Error):
                    held += process.memory_full_info().pss
            peak[0] = max(peak[0], held)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def speedup(turns: dict[str, list[Turn]], ours: str, peer: str) -> float:
    """The peer's seconds over ours, the median of the rounds."""
    pairs = zip(turns[ours], turns[peer], strict=True)
    return statistics.median(b.seconds / a.seconds for a, b in pairs)


def seconds(turns: list[Turn]) -> float:
    """The median of the rounds."""
    return statistics.median(one.seconds for one in turns)


def memory(turns: list[Turn]) -> float:
    """The most of all rounds, in GB."""
    return max(one.peak for one in turns) / 1e9


def machine() -> str:
    """What the figures were taken on."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {versions}"
