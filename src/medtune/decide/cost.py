"""What an arm costs in use: money, latency of single requests, memory, and time to learn news."""

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import psutil
import torch

from medtune.artifacts import Cost
from medtune.config import DecideSection
from medtune.decide.baselines import Arm
from medtune.records import ArmResult, Example, Json

SINGLE, LEAST, ENOUGH_S = 12, 5, 30.0
"""Requests that latency is measured on, and how few are enough once they have taken so many
seconds. The 95th percentile of so few is near the slowest."""
LOOK_EVERY_S = 0.02
HOUR_S = 3600


def some_of(examples: Sequence[Example]) -> list[Example]:
    """Examples from all over, for single requests."""
    step = max(1, len(examples) // SINGLE)
    return list(examples[::step][:SINGLE])


def timing(arm: Arm, examples: Sequence[Example]) -> Mapping[str, Json]:
    """Ask one by one. The first request, which may have to learn or to load, is told apart."""
    started = time.perf_counter()
    arm(examples[:1])
    warm_up = time.perf_counter() - started
    seconds: list[float] = []
    spent = 0.0
    with _peak_memory() as peak:
        for example in examples:
            started = time.perf_counter()
            arm([example])
            seconds.append(time.perf_counter() - started)
            spent += seconds[-1]
            if spent > ENOUGH_S and len(seconds) >= LEAST:
                break
    return {"warm_up": warm_up, "seconds": [*seconds], "peak_memory_gb": peak[0]}


def cost_of(
    settings: DecideSection,
    result: ArmResult,
    measured: Mapping[str, Json],
    *,
    hours_to_absorb: float,
) -> Cost:
    """The cost of an arm.

    Args:
        settings: The prices.
        result: All its answers, in batches.
        measured: What `timing` found; `per_1000` too, if another machine answers.
        hours_to_absorb: Of a change in what must be known.
    """
    seconds = np.array(cast("list[float]", measured["seconds"]))
    hour = settings.price_gpu_hour if torch.cuda.is_available() else settings.price_cpu_hour
    own = result.seconds / len(result.predictions) * 1000 / HOUR_S * hour
    return Cost(
        per_1000=cast("float", measured.get("per_1000", own)),
        latency_median_s=float(np.median(seconds)),
        latency_p95_s=float(np.percentile(seconds, 95)),
        n_latency=len(seconds),
        peak_memory_gb=cast("float", measured["peak_memory_gb"]),
        hours_to_absorb=hours_to_absorb,
    )


@contextmanager
def _peak_memory() -> Generator[list[float]]:
    """The most memory held while the block runs, in GB.

    Of the GPU if there is one, else of this process, looked at fifty times a second.
    """
    peak = [0.0]
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        yield peak
        peak[0] = torch.cuda.max_memory_allocated() / 1e9
        return
    done = threading.Event()
    process = psutil.Process()

    def look() -> None:
        while not done.wait(LOOK_EVERY_S):
            peak[0] = max(peak[0], process.memory_info().rss / 1e9)

    peak[0] = process.memory_info().rss / 1e9
    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
