"""The demo's chain in small, as commands that a user would type."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ROOT / "configs" / "drug_discovery.yaml"
SMALL = {
    "data.max_tokens": 128,
    "data.max_train": 256,
    "data.max_validation": 96,
    "data.max_test": 192,
    "decide.tune_examples": 128,
    "tune.validate_every": 8,
}


def command(verb: str, out: Path, *, offline: bool = False, **changes: object) -> list[str]:
    program = [str(ROOT / "tests" / "e2e" / "without_network.py")] if offline else ["-m", "medtune"]
    words = [sys.executable, *program, verb, str(RUN), "--set", f"out={out}"]
    for key, value in SMALL.items():
        words += ["--set", f"{key}={value}"]
    for key, value in changes.items():
        words += ["--set", f"{key.replace('__', '.')}={value}"]
    return words + (["--offline"] if offline else [])


def finish(words: list[str], *, code: int = 0) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == code, done.stderr[-3000:]
    assert "warn" not in (done.stdout + done.stderr).lower()
    return done.stdout
