"""The demo and its chain in small, as commands that a user would type.

The verbs are called one by one, because `medtune run` ends after a decision against tuning, and so
small a study cannot be sure.
"""

import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ROOT / "configs" / "drug_discovery.yaml"
VERBS = ("data", "decide", "tune", "evaluate", "release")
SMALL = {
    "data.validation": 0.2,
    "data.max_tokens": 128,
    "data.max_train": 448,
    "data.max_validation": 96,
    "data.max_test": 240,
    "decide.tune_examples": 64,
    "decide.prompt_budget": 1,
    "tune.validate_every": 14,
}


def command(verb: str, out: Path, *, offline: bool = False, **changes: object) -> list[str]:
    """The words of one command; `changes` are settings with `__` for the dot."""
    program = [str(ROOT / "tests" / "e2e" / "without_network.py")] if offline else ["-m", "medtune"]
    run_file = [] if verb == "demo" else [str(RUN)]
    words = [sys.executable, *program, verb, *run_file, "--set", f"out={out}"]
    for key, value in SMALL.items():
        words += ["--set", f"{key}={value}"]
    for key, value in changes.items():
        words += ["--set", f"{key.replace('__', '.')}={value}"]
    return words + (["--offline"] if offline else [])


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
"""The fast tests use one thread; a user's machine uses what it has."""


def finish(words: list[str]) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=1500, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "warning" not in (done.stdout + done.stderr).lower()
    return done.stdout


def chain(out: Path, *, offline: bool = False) -> str:
    """Run the whole chain; return what it printed."""
    return "".join(finish(command(verb, out, offline=offline)) for verb in VERBS)


def killed_demo(out: Path, seconds: float) -> None:
    """Run the demo without a network, and kill it with SIGKILL after so many seconds."""
    words = command("demo", out, offline=True)
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.kill()
    process.wait()


def moments(n: int, low: float, high: float) -> list[float]:
    """Random seconds, the same in every test run."""
    chance = random.Random(0)
    return [chance.uniform(low, high) for _ in range(n)]
