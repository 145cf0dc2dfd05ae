"""Savings that are not there: a busy machine, and prices that nobody named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from tiny_study import examples

from faults import Fault
from medtune.config import EndpointSection, EvaluateSection
from medtune.decide import cost
from medtune.decide.goal import CHEAPER
from medtune.decide.outside import Outside
from medtune.decide.verdict import answer


@dataclass(frozen=True)
class Timed:
    """What a request takes on a quiet machine, in seconds, and how slow the machine is when."""

    tune: float = 1.0
    rival: float = 2.0
    slowness: Callable[[float], float] = lambda now: 1.0
    price: float = 0.1


class _Clock:
    def __init__(self, work: Timed):
        self.work, self.now, self.asked = work, 0.0, 0

    def arm(self, seconds: float, some: object) -> None:
        self.asked += 1
        unsteady = 1 + 0.1 * (self.asked * 7 % 5) / 5
        self.now += seconds * unsteady * self.work.slowness(self.now)


def _doubted(work: Timed) -> str:
    """What the rule says against the saving of requests put to both in turn."""
    clock = _Clock(work)
    plan = {"small_tune": partial(clock.arm, work.tune), "few_shot": partial(clock.arm, work.rival)}
    with patch.object(cost.time, "perf_counter", lambda: clock.now):
        seconds = cost.in_turn(plan, examples(12, "v"))
    prices = {name: [work.price * s for s in some] for name, some in seconds.items()}
    return _unsaved(list(zip(prices["small_tune"], prices["few_shot"], strict=True)))


def _unsaved(prices: list[tuple[float, float]]) -> str:
    found = cost.saving("small_tune", "few_shot", prices, resamples=400, seed=0)
    if found is None:
        return "a price is not known"
    verdict = answer(found, 1 - CHEAPER, 1).verdict
    return "" if verdict == "yes" else f"{verdict}: {found.difference.low:+.2f}"


def _outside(tokens: list[tuple[int, int]]) -> str:
    section = EndpointSection(
        base_url="http://127.0.0.1:9/v1", model="big", sends_text=True, price_prompt=2.0
    )
    prices = Outside(section, EvaluateSection(), {}, tokens).prices
    return _unsaved([(1e-6, price) for price in prices])


def _told(folder: Path) -> list[tuple[int, int]]:
    return [(20 + i, 2) for i in range(12)]


FAULTS = (
    Fault(
        "a job that slowed the machine, told as a saving",
        lambda work: replace(work, rival=1.0, slowness=lambda now: 4.0 if now < 20 else 1.0),
        lambda _: Timed(),
        _doubted,
    ),
    Fault(
        "an hour that costs nothing", lambda w: replace(w, price=0.0), lambda _: Timed(), _doubted
    ),
    Fault("an endpoint that names no tokens", lambda _: [], _told, _outside),
)
