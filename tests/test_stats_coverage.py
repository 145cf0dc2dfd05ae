"""Nominal 95 % intervals hold the truth in 93 to 97 of 100 seeded simulations."""

import numpy as np
import pytest

from medtune import stats
from medtune.metrics import accuracy
from medtune.records import Prediction

TRIALS = 600
RESAMPLES = 300


def covers(draw, interval, truth: float) -> float:
    chance = np.random.default_rng(7)
    found = [interval(draw(chance), trial) for trial in range(TRIALS)]
    return sum(one.low <= truth <= one.high for one in found) / TRIALS


def mean(values, seed):
    return stats.bootstrap_mean(values, resamples=RESAMPLES, seed=seed)


def clustered(n_groups: int, size: int, share: float = 0.7):
    """Groups of patients of whom some are easy and some are hard, 70 % right on average."""

    def draw(chance):
        by_group = chance.beta(10 * share, 10 * (1 - share), size=n_groups)
        right = chance.random((n_groups, size)) < by_group[:, None]
        return [(f"g{g:03d}", float(r)) for g, row in enumerate(right) for r in row]

    return draw


@pytest.mark.parametrize(("n_groups", "size"), [(20, 3), (60, 4), (150, 1)])
def test_the_bootstrap_by_group_covers(n_groups: int, size: int):
    assert 0.93 <= covers(clustered(n_groups, size), mean, 0.7) <= 0.97


@pytest.mark.parametrize("share", [0.95, 0.98, 0.99])
@pytest.mark.parametrize(("n_groups", "size"), [(30, 3), (60, 4), (170, 1)])
def test_near_one_the_bound_towards_the_middle_covers(n_groups: int, size: int, share: float):
    """It is what a safety gate reads: missed at most 2.5 times in 100, but for chance in 600."""

    draw, chance = clustered(n_groups, size, share), np.random.default_rng(11)
    found = [mean(draw(chance), trial) for trial in range(TRIALS)]
    assert sum(one.low > share for one in found) / TRIALS <= 0.038
    assert sum(one.low <= share <= one.high for one in found) / TRIALS >= 0.94


def test_ignoring_the_groups_does_not_cover():
    def naive(values, seed):
        return mean([(f"{i:04d}", value) for i, (_, value) in enumerate(values)], seed)

    assert covers(clustered(30, 8), naive, 0.7) < 0.90


def test_wilson_covers():
    def draw(chance):
        return int(chance.binomial(60, 0.9))

    assert 0.93 <= covers(draw, lambda k, _: stats.wilson(k, 60), 0.9) <= 0.97


def test_the_gap_of_a_small_subgroup_covers():
    """Eight inside and forty outside, 90 % right: many draws of the eight have no error."""
    chance, held, trials = np.random.default_rng(3), 0, 40

    def made(n, name):
        right = chance.random(n) < 0.9
        return [
            Prediction(f"{name}{i}", f"{name}{i}", "yes", "yes" if r else "no")
            for i, r in enumerate(right)
        ]

    for trial in range(trials):
        inside, outside = made(8, "a"), made(40, "b")
        found = stats.gap(accuracy, inside, outside, resamples=100, seed=trial).difference
        held += found.low <= 0 <= found.high
    assert held / trials >= 0.95


def test_the_paired_difference_covers():
    """One arm is right in 75 %, the other in 60 %, on the same 80 examples."""
    n, trials = 80, 100

    def made(right):
        return [
            Prediction(f"r{i:03d}", f"g{i:03d}", "yes", "yes" if r else "no")
            for i, r in enumerate(right)
        ]

    chance, held = np.random.default_rng(9), 0
    for trial in range(trials):
        u = chance.random(n)
        one, other = made(u < 0.75), made(np.abs(u - 0.35) < 0.30)
        found = stats.paired(accuracy, one, other, resamples=200, seed=trial).difference
        held += found.low <= 0.15 <= found.high
    assert 0.90 <= held / trials <= 0.99  # of 100 trials, 95 % lie in there
