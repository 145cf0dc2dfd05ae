"""In which type to compute, found by trying it on this machine in child processes.

On some virtual machines bfloat16 kills the process (oneDNN believes in matrix tiles that the host
does not grant), on others it is slower than float32, where it works it is up to ten times faster.
Flags do not tell; `probe` does. A child that dies is an answer, and never the user's problem.

This module imports no torch: the choice must be applied before torch is first imported.
"""

import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.artifacts import sha256_file, sha256_text, write_text
from medtune.config import ModelSection
from medtune.errors import ConfigError
from medtune.fetch import cache_dir
from medtune.llm.source import ModelFolder
from medtune.progress import say

ISA = "ONEDNN_MAX_CPU_ISA"
CACHES = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")
"""How many kernels, each for one shape, oneDNN and torch's layer above it keep."""
KERNELS = "64"
"""Enough for the layers of one step to share. With the 1,024 of both, memory grows with each new
length, to twice as much within 60 steps; at 64 a step takes some 2 % longer."""
ISAS = (None, "AVX512_CORE_FP16", "AVX512_CORE_BF16")
"""Instruction sets to try, the fastest first; None leaves the choice to oneDNN."""
PROBE = (sys.executable, "-P", "-m", "medtune.llm.probe")
PROBE_VERSION = 2
TIMEOUT_S = 300.0
AGREES_WITHIN = 0.01
"""Largest difference from the float32 loss at any step, in nats per token."""
WORTH_IT = 1.15
"""bfloat16 must be this many times as fast as float32."""
Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Numerics:
    """In which type and with which instructions to compute."""

    dtype: Dtype
    onednn_isa: str | None
    """Value for ONEDNN_MAX_CPU_ISA; None leaves it alone."""
    about: str
    """Why, with what was measured."""
    tokens_per_s: float | None
    """Of the two-layer probe, which compares types; it says little about the whole model."""


class Step(BaseModel):
    """One optimizer step of the probe."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    dtype: Dtype
    loss: float
    seconds: float


class Trial(BaseModel):
    """What one child did."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    isa: str | None
    device: str = "cpu"
    tokens: int = 0
    """Tokens of a step."""
    ended: Literal["well", "crash", "timeout", "error"]
    detail: str = ""
    """The signal, or the last line of the error."""
    steps: tuple[Step, ...] = ()

    def track(self, dtype: Dtype) -> list[Step]:
        """The steps of one type, in order."""
        return [step for step in self.steps if step.dtype == dtype]


class _Record(BaseModel):
    """The probe's results in the cache."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    trials: tuple[Trial, ...]


def choose_numerics(model: ModelSection, folder: ModelFolder) -> Numerics:
    """The type that `model.numerics` asks for, or for `auto` the one that measured best.

    The measurement is taken once per machine, model shape and torch version, and kept in the cache.

    Raises:
        ConfigError: bfloat16 is asked for and does not work on this machine.
    """
    if model.numerics == "float32":
        return Numerics("float32", None, "float32, as the run file asks", None)
    trials = _trials(folder.path)
    return forced_bfloat16(trials) if model.numerics == "bfloat16" else decide(trials)


def apply_numerics(numerics: Numerics) -> None:
    """Set instructions and caches for this process; to be called before torch is imported."""
    for name in CACHES:
        os.environ.setdefault(name, KERNELS)
    isa = numerics.onednn_isa
    if isa is None or os.environ.get(ISA) == isa:
        return
    assert "torch" not in sys.modules, f"{ISA} must be set before torch is imported"
    os.environ[ISA] = isa


def decide(trials: Sequence[Trial]) -> Numerics:
    """The fastest type that agrees with float32; float32 unless another is well ahead."""
    about = "; ".join(describe(trial) for trial in trials)
    best = max((trial for trial in trials if agrees(trial)), key=speedup, default=None)
    if best is not None and speedup(best) >= WORTH_IT:
        rate = _rate(best, "bfloat16")
        return Numerics("bfloat16", best.isa, f"bfloat16, measured: {about}", rate)
    rate = next((rate for trial in trials if (rate := _rate(trial, "float32"))), None)
    return Numerics("float32", None, f"float32, measured: {about}", rate)


def forced_bfloat16(trials: Sequence[Trial]) -> Numerics:
    """bfloat16 with the instructions under which it works, preferably in agreement with float32.

    Raises:
        ConfigError: It works under none.
    """
    about = "; ".join(describe(trial) for trial in trials)
    working = [trial for trial in trials if trial.ended == "well" and _finite(trial)]
    if not working:
        raise ConfigError(
            f"model.numerics: bfloat16 does not work on this machine ({about}); set it to auto or "
            "float32"
        )
    best = max(working, key=lambda trial: (agrees(trial), speedup(trial)))
    about = f"bfloat16, as the run file asks: {about}"
    return Numerics("bfloat16", best.isa, about, _rate(best, "bfloat16"))


def agrees(trial: Trial) -> bool:
    """Whether bfloat16 ended well with float32's losses at every step."""
    return trial.ended == "well" and _finite(trial) and _difference(trial) <= AGREES_WITHIN


def speedup(trial: Trial) -> float:
    """Seconds of float32 over those of bfloat16: the median pair, without the first (a warm-up)."""
    pairs = zip(trial.track("float32")[1:], trial.track("bfloat16")[1:], strict=False)
    ratios = [slow.seconds / max(fast.seconds, 1e-9) for slow, fast in pairs]
    return statistics.median(ratios) if ratios else 0.0


def describe(trial: Trial) -> str:
    """A trial in a few words, for the record."""
    name = f"bfloat16 with {trial.isa}" if trial.isa else "bfloat16"
    if trial.ended != "well":
        words = {"crash": "died of", "timeout": "was too slow:", "error": "failed:"}
        return f"{name} {words[trial.ended]} {trial.detail}"
    if not _finite(trial):
        return f"{name} gave losses that are not finite"
    rates = [_rate(trial, "bfloat16") or 0.0, _rate(trial, "float32") or 0.0]
    return (
        f"{name} on {trial.device}: {rates[0]:.0f} tokens/s against {rates[1]:.0f} in float32 "
        f"({speedup(trial):.2f} times), loss differs by {_difference(trial):.4f} at most"
    )


def _finite(trial: Trial) -> bool:
    return bool(trial.steps) and all(math.isfinite(step.loss) for step in trial.steps)


def _difference(trial: Trial) -> float:
    pairs = list(zip(trial.track("float32"), trial.track("bfloat16"), strict=False))
    return max((abs(one.loss - other.loss) for one, other in pairs), default=math.inf)


def _rate(trial: Trial, dtype: Dtype) -> float | None:
    """Tokens per second, median of the steps after the first."""
    seconds = [step.seconds for step in trial.track(dtype)[1:]]
    return trial.tokens / max(statistics.median(seconds), 1e-9) if seconds else None


def _trials(folder: Path) -> tuple[Trial, ...]:
    path = cache_dir() / "probe" / f"{_key(folder)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # of several processes one tries, the others read
        return _found(folder, path)


def _found(folder: Path, path: Path) -> tuple[Trial, ...]:
    try:
        return _Record.model_validate_json(path.read_text(encoding="utf-8")).trials
    except (FileNotFoundError, ValidationError):
        say("trying which numerics suit this machine and model (once, about half a minute)")
    trials: list[Trial] = []
    for isa in ISAS:
        trials.append(run_probe(folder, isa))
        if not _curable(trials[-1]):
            break
    if trials[-1].ended in ("well", "crash"):
        write_text(path, _Record(trials=tuple(trials)).model_dump_json(indent=2) + "\n")
    return tuple(trials)


def _curable(trial: Trial) -> bool:
    """Whether fewer instructions may help: a wrong result or a crash, but not want of memory."""
    if trial.device != "cpu" or platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    crashed = trial.ended == "crash" and trial.detail != "SIGKILL"
    return crashed or (trial.ended == "well" and not agrees(trial))


def run_probe(folder: Path, isa: str | None, *, timeout_s: float = TIMEOUT_S) -> Trial:
    """Run the probe in a child process and read what it printed, however it ended."""
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    if isa is not None:
        environment[ISA] = isa
    try:
        child = subprocess.run(
            [*PROBE, str(folder)],
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        seen = expired.stdout or b""
        return _trial(seen, isa, ended="timeout", detail=f"not done in {timeout_s:.0f} s")
    code = child.returncode - 128 if child.returncode > 128 else -child.returncode  # noqa: PLR2004
    if child.returncode == 0:
        return _trial(child.stdout, isa, ended="well")
    if code in {int(known) for known in signal.Signals}:
        return _trial(child.stdout, isa, ended="crash", detail=signal.Signals(code).name)
    last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return _trial(child.stdout, isa, ended="error", detail="".join(last)[:200])


def _trial(
    output: bytes,
    isa: str | None,
    *,
    ended: Literal["well", "crash", "timeout", "error"],
    detail: str = "",
) -> Trial:
    """Read the probe's lines; a last line cut short by a crash is left out."""
    device, tokens, steps = "cpu", 0, list[Step]()
    for line in output.decode(errors="replace").splitlines():
        try:
            row = json.loads(line)
            if "device" in row:
                device, tokens = str(row["device"]), int(row["tokens"])
            else:
                steps.append(Step.model_validate(row))
        except (json.JSONDecodeError, ValidationError, TypeError):
            continue
    if ended == "well" and not steps:
        ended, detail = "error", "the probe printed nothing"
    return Trial(
        isa=isa, device=device, tokens=tokens, ended=ended, detail=detail, steps=tuple(steps)
    )


def _key(folder: Path) -> str:
    """Names what the measurement depends on: machine, torch, model shape, probe."""
    gpus = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    parts = [
        str(PROBE_VERSION),
        version("torch"),
        sha256_file(folder / "config.json"),
        platform.machine(),
        _cpu(),
        str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()),
        os.environ.get(ISA, ""),
        os.environ.get("CUDA_VISIBLE_DEVICES", "all"),
        *gpus,
    ]
    return sha256_text("\n".join(parts))[:32]


def _cpu() -> str:
    """Model name and flags of the first processor, as far as the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    first = text.partition("\n\n")[0].splitlines()
    return "\n".join(line for line in first if line.startswith(("model name", "flags", "Features")))
