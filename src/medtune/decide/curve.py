"""The learning curve: how a tune would do on all training examples, and how sure that is.

The curve is a power law with an onset, value(n) = limit - drop / (1 + (n / onset) ** rate). Far
above its onset it is the power law limit - c * n ** -rate of the field; below it is flat, as small
tunes are that have not learned the task's labels yet. Its interval holds three kinds of chance: the
validation groups that were drawn, the draw and seed of each tune, and the shape fitted to both.

Sources: Hestness et al. 2017, arXiv:1712.00409; Viering and Loog 2023, IEEE TPAMI 45:7799,
doi:10.1109/TPAMI.2022.3220744 (power laws with offsets, and how they err).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATES = np.geomspace(0.15, 3.0, 10)
ONSETS = 8
"""Onsets tried, from far below the smallest tune to the largest."""
PARAMETERS = 4
PRIOR_SD, PRIOR_N = 0.04, 4
"""What small tunes differ by between draws, before these are seen: three of SmolLM2-135M on
drug_discovery gave macro-F1 0.17 to 0.26 (docs/log.md). It weighs as much as four observations."""


class Fit(NamedTuple):
    """Curves: one for each row of the values fitted."""

    limit: Floats
    drop: Floats
    onset: Floats
    rate: Floats

    def at(self, n: float) -> Floats:
        """The value of each curve at `n` examples."""
        return self.limit - self.drop / (1 + (n / self.onset) ** self.rate)


class Draws(NamedTuple):
    """What chance could have made of the curve: B draws."""

    fitted: Fit
    """The curve of what was measured: one row."""
    drawn: Fit
    """B curves."""
    draw_sd: float


def fit(sizes: Sequence[int], values_BJ: Floats, *, most: float) -> Fit:
    """Fit a curve to each row by least squares: rising, and with a limit of `most` at the most.

    For each onset and rate of a grid the rest is linear and solved exactly; the best of the grid
    is taken.

    Args:
        sizes: Training examples of each of the J tunes.
        values_BJ: The metric of each tune, B times; more is better.
        most: What the metric cannot exceed.
    """
    n_J = np.asarray(sizes, dtype=float)
    values_BJ = np.atleast_2d(values_BJ)
    b = len(values_BJ)
    best = np.full(b, np.inf)
    found = np.zeros((4, b))
    onsets = np.geomspace(n_J.min() / 30, n_J.max(), ONSETS)
    for onset in onsets:
        for rate in RATES:
            z_J = 1 / (1 + (n_J / onset) ** rate)
            limit, drop = _line(z_J, values_BJ, most)
            error = ((limit[:, None] - drop[:, None] * z_J - values_BJ) ** 2).sum(axis=1)
            better = error < best - 1e-15
            best[better] = error[better]
            chosen = np.stack([limit, drop, np.full(b, onset), np.full(b, rate)])
            found[:, better] = chosen[:, better]
    return Fit(*found)


def draws(
    sizes: Sequence[int],
    values_J: Floats,
    resampled_BJ: Floats,
    *,
    most: float,
    seed: int,
) -> Draws:
    """Fit the curve, and again to what chance could have made of the values.

    Each draw is the fitted curve, moved by what a resample of the validation groups changed in
    each tune, and by a draw of its own for each tune.

    Args:
        sizes: Training examples of each of the J tunes.
        values_J: The metric of each tune.
        resampled_BJ: The same on each of B resamples of the validation groups.
        most: What the metric cannot exceed.
        seed: For the draws.
    """
    chance = np.random.default_rng([seed, 2])
    fitted = fit(sizes, values_J, most=most)
    line_J = np.array([float(fitted.at(n)[0]) for n in sizes])
    freedom = PRIOR_N + max(len(sizes) - PARAMETERS, 0)
    squares = PRIOR_N * PRIOR_SD**2 + float(((values_J - line_J) ** 2).sum())
    b = len(resampled_BJ)
    spread_B = np.sqrt(squares / chance.chisquare(freedom, size=b))
    noise_BJ = spread_B[:, None] * chance.standard_normal(resampled_BJ.shape)
    moved_BJ = line_J + (resampled_BJ - values_J) + noise_BJ
    return Draws(fitted, fit(sizes, moved_BJ, most=most), float(np.sqrt(squares / freedom)))


def _line(z_J: Floats, values_BJ: Floats, most: float) -> tuple[Floats, Floats]:
    """Limit and drop of value = limit - drop * z, with drop at least 0 and limit at most `most`."""
    mean_B = values_BJ.mean(axis=1)
    centred_J = z_J - z_J.mean()
    spread = float((centred_J**2).sum())
    drop = -(values_BJ - mean_B[:, None]) @ centred_J / spread if spread > 0 else 0 * mean_B
    drop = np.maximum(drop, 0.0)
    limit = mean_B + drop * z_J.mean()
    over = limit > most
    capped = ((most - values_BJ) @ z_J) / float((z_J**2).sum())
    return np.where(over, most, limit), np.where(over, np.maximum(capped, 0.0), drop)
