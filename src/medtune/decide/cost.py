"""What an arm costs in use: money, latency of single requests, memory, and time to learn news.

Whether one arm is cheaper than another is asked of requests that were put to both in turn, for
whatever else the machine does then slows both.
"""

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import psutil
import torch
from scipy.stats import norm

from medtune import stats
from medtune.artifacts import Comparison, Cost
from medtune.config import DecideSection
from medtune.decide.baselines import Arm
from medtune.records import ArmResult, Example, Json
from medtune.stats.interval import TIE

SINGLE, LEAST, ENOUGH_S = 12, 5, 30.0
"""Requests that latency is measured on, and how few are enough once they have taken so many
seconds. The 95th percentile of so few is near the slowest."""
LOOK_EVERY_S = 0.02
HOUR_S = 3600
SAVING = "saving"
"""The question that the comparisons of cost answer."""


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


def in_turn(arms: Mapping[str, Arm], examples: Sequence[Example]) -> Mapping[str, Json]:
    """Seconds of each request of each arm, every example put to all arms before the next one.

    The arms go backwards and forwards by turns. The first example is put to all once before.
    """
    order = list(arms)
    for name in order:
        arms[name](examples[:1])
    seconds: dict[str, list[Json]] = {name: [] for name in order}
    began = time.perf_counter()
    for n, example in enumerate(examples):
        for name in order if n % 2 else reversed(order):
            started = time.perf_counter()
            arms[name]([example])
            seconds[name].append(time.perf_counter() - started)
        if time.perf_counter() - began > ENOUGH_S * len(order) and n + 1 >= LEAST:
            break
    return {**seconds}


def saving(
    arm: str, against: str, prices: Sequence[tuple[float, float]], *, resamples: int, seed: int
) -> Comparison | None:
    """The share of the other arm's price that a request of the arm saves, with its interval.

    None where there are too few requests, or a price is 0 or unknown.

    Args:
        arm: That is hoped to be cheaper.
        against: The other.
        prices: Of the same request to both.
        resamples: Of the interval.
        seed: Of the draws.
    """
    if len(prices) < LEAST or min(map(min, prices)) <= 0:
        return None

    def share(some: list[tuple[float, float]]) -> float:
        return 1 - sum(own for own, _ in some) / sum(other for _, other in some)

    found = stats.resampled(
        share, [[pair] for pair in prices], resamples=resamples, seed=seed, lowest=-1.0
    )
    p = float(2 * norm.sf(abs(found.value) / max(stats.standard_error(found), TIE)))
    return Comparison(
        arm=arm,
        against=against,
        metric="share of the price of a request saved",
        difference=found,
        p_value=p,
        p_adjusted=p,
        test="bootstrap of requests put to both in turn",
        verdict=stats.verdict(found, p),
        question=SAVING,
    )


def hour_price(settings: DecideSection) -> float:
    """Of this machine, as it is used."""
    return settings.price_gpu_hour if torch.cuda.is_available() else settings.price_cpu_hour


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
        measured: What `timing` found; `prices` of requests too, if another machine answers.
        hours_to_absorb: Of a change in what must be known.
    """
    seconds = np.array(cast("list[float]", measured["seconds"]))
    per_1000: float | None = (
        result.seconds / len(result.predictions) * 1000 / HOUR_S * hour_price(settings)
    )
    if "prices" in measured:
        prices = cast("list[float]", measured["prices"])
        per_1000 = 1000 * float(np.mean(prices)) if prices else None
    return Cost(
        per_1000=per_1000,
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
