"""Kills at random moments: `benchmarks/kills.py RUN.yaml [--kills 50] [--set key=value ...]`.

Brings the run up to its decision, tunes once without interruption, then tunes a copy that is
killed with SIGKILL at random moments and started again until it ends; when it ended before the last
kill, another copy is begun. Compares the bytes of the adapter's files, and the numbers of the
record, with the uninterrupted run's. The last line is one JSON object.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from medtune.artifacts import TuneRecord, sha256_file
from medtune.config import load_run

NUMBERS = ("steps", "best_step", "train_loss", "validation_loss", "tokens_seen")


def command(verb: str, asked: argparse.Namespace, out: Path) -> list[str]:
    """The words that a user would type."""
    words = [sys.executable, "-m", "medtune", verb, str(asked.run)]
    return words + [word for one in (*asked.set, f"out={out}") for word in ("--set", one)]


def made(out: Path) -> dict[str, object]:
    """What a tuning left: hashes of the adapter's files, and numbers of the record."""
    record = TuneRecord.load(out)
    files = {path.name: sha256_file(path) for path in sorted((out / "adapter").iterdir())}
    return {**files, **{name: getattr(record, name) for name in NUMBERS}}


def killed(words: list[str], seconds: float) -> bool:
    """Start a command and kill it after so many seconds; False if it had ended well before."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with suppress(subprocess.TimeoutExpired):
        if process.wait(timeout=seconds) != 0:
            raise SystemExit(f"{' '.join(words)}: ended with {process.returncode}, not killed")
        return False
    process.kill()
    process.wait()
    return True


def main() -> None:
    """Tune, kill, compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    whole = load_run(asked.run, asked.set).out / "kills" / "whole"
    ready, broken = whole.with_name("ready"), whole.with_name("killed")
    for verb in ("data", "decide"):
        subprocess.run(command(verb, asked, ready), check=True)
    for folder in (whole, broken):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(ready, folder)
    started = time.monotonic()
    subprocess.run(command("tune", asked, whole), check=True)
    length, wanted = time.monotonic() - started, made(whole)
    chance, kills, ended, equal = random.Random(asked.seed), 0, 0, 0
    while kills < asked.kills or ended == 0 or not (broken / "tune.json").exists():
        # A third of the whole: early enough to be killed several times, late enough to come on.
        again = kills < asked.kills
        moment = chance.uniform(0.5, length / 3) if again else 10 * length
        if killed(command("tune", asked, broken), moment):
            kills += 1
            print(f"kill {kills} after {moment:.0f} s", flush=True)
            continue
        ended, equal = ended + 1, equal + (made(broken) == wanted)
        print(
            f"ended after {kills} kills in all; runs equal so far: {equal} of {ended}", flush=True
        )
        if kills < asked.kills:
            shutil.rmtree(broken)
            shutil.copytree(ready, broken)
    print(json.dumps({"kills": kills, "runs": ended, "equal": equal}))


if __name__ == "__main__":
    main()
