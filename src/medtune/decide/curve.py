"""The learning curve: how a tune would do on all training examples, and how sure that is.

The curve is a power law with an onset, value(n) = limit - drop / (1 + (n / onset) ** rate). Far
above its onset it is the power law limit - c * n ** -rate of the field; below it is flat, as small
tunes are that have not learned the task's labels yet. Few tunes fit many such shapes, so the answer
is not one curve but many, each as often as it is likely. Three kinds of chance are in them: the
validation groups that were drawn, the draw and seed of each tune, and the shape.

Small tunes differ more between draws than large ones do, and say less of the end of the curve: the
weight of a size is its place among the sizes, the smallest first (Figueroa).

Sources: Hestness et al. 2017, arXiv:1712.00409; Viering and Loog 2023, IEEE TPAMI 45:7799,
doi:10.1109/TPAMI.2022.3220744 (power laws with offsets, and how they err); Figueroa et al. 2012,
BMC Medical Informatics and Decision Making 12:8, doi:10.1186/1472-6947-12-8 (weights by size).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATES = np.geomspace(0.15, 3.0, 10)
USUAL_RATE, RATE_SPREAD = 0.7, 0.7
"""Before anything is seen, the logarithm of the rate is normal about that of 0.7: rates above 1.5,
after which a curve stops rising at once, are rare (our reading of Viering and Loog)."""
ONSETS = 16
"""Onsets tried, from far below the smallest tune to twice the largest."""
PARAMETERS = 4
PRIOR_SD, PRIOR_N = 0.04, 4
"""What small tunes differ by between draws, before these are seen: three of SmolLM2-135M on
drug_discovery gave macro-F1 0.17 to 0.26 (docs/log.md). It weighs as much as four observations."""


class Curves(NamedTuple):
    """B curves."""

    limit: Floats
    drop: Floats
    onset: Floats
    rate: Floats

    def at(self, n: float) -> Floats:
        """The value of each curve at `n` examples."""
        return self.limit - self.drop / (1 + (n / self.onset) ** self.rate)


class Draws(NamedTuple):
    """What the tunes say of the curve."""

    best: Curves
    """The likeliest: one."""
    drawn: Curves
    """As many as were asked for."""
    draw_sd: float
    """Standard deviation of the metric between tunes of the largest size that differ by their draw
    and seed only."""


def draws(
    sizes: Sequence[int],
    values_J: Floats,
    resampled_BJ: Floats,
    *,
    most: float,
    seed: int,
) -> Draws:
    """Fit the curve, and draw curves that would explain the tunes too.

    For each draw a shape (onset and rate) is taken as often as it is likely; then limit and drop
    are fitted to what chance could have made of the values under that shape: what a resample of the
    validation groups changed in each tune, and a draw of its own for each tune.

    Args:
        sizes: Training examples of each of the J tunes.
        values_J: The metric of each tune; more is better.
        resampled_BJ: The same on each of B resamples of the validation groups.
        most: What the metric cannot exceed.
        seed: For the draws.
    """
    chance = np.random.default_rng([seed, 2])
    n_J, weight_J = np.asarray(sizes, dtype=float), _weights(sizes)
    onset_G, rate_G = (
        grid.ravel()
        for grid in np.meshgrid(np.geomspace(n_J.min() / 30, 2 * n_J.max(), ONSETS), RATES)
    )
    z_GJ = _share_left(n_J, onset_G, rate_G)
    limit_G, drop_G = _line(z_GJ, np.broadcast_to(values_J, z_GJ.shape), weight_J, most)
    line_GJ = limit_G[:, None] - drop_G[:, None] * z_GJ
    error_G = (line_GJ - values_J) ** 2 @ weight_J
    freedom = PRIOR_N + max(len(sizes) - PARAMETERS, 0)
    squares = PRIOR_N * PRIOR_SD**2 + float(error_G.min())
    b = len(resampled_BJ)
    spread_B = np.sqrt(squares / chance.chisquare(freedom, size=b))
    before_G = -(np.log(rate_G / USUAL_RATE) ** 2) / (2 * RATE_SPREAD**2)
    after_BG = before_G - error_G / (2 * spread_B[:, None] ** 2)
    taken_B = (after_BG + chance.gumbel(size=after_BG.shape)).argmax(axis=1)
    noise_BJ = spread_B[:, None] / weight_J**0.5 * chance.standard_normal(resampled_BJ.shape)
    moved_BJ = line_GJ[taken_B] + (resampled_BJ - values_J) + noise_BJ
    limit_B, drop_B = _line(z_GJ[taken_B], moved_BJ, weight_J, most)
    usual = float(squares / freedom)
    g = int((before_G - error_G / (2 * usual)).argmax())
    one = slice(g, g + 1)
    return Draws(
        best=Curves(limit_G[one], drop_G[one], onset_G[one], rate_G[one]),
        drawn=Curves(limit_B, drop_B, onset_G[taken_B], rate_G[taken_B]),
        draw_sd=usual**0.5,
    )


def _share_left(n_J: Floats, onset_G: Floats, rate_G: Floats) -> Floats:
    """What is left of the drop at each size, G x J."""
    return 1 / (1 + (n_J / onset_G[:, None]) ** rate_G[:, None])


def _weights(sizes: Sequence[int]) -> Floats:
    """The place of each size among the sizes, the smallest first, as a share: 1 is the largest."""
    order = sorted(set(sizes))
    return np.array([(order.index(size) + 1) / len(order) for size in sizes])


def _line(z_BJ: Floats, values_BJ: Floats, weight_J: Floats, most: float) -> tuple[Floats, Floats]:
    """Limit and drop of value = limit - drop * z for each row, by weighted least squares.

    The drop is at least 0, for a curve does not fall; the limit is at most `most`.
    """
    share_J = weight_J / weight_J.sum()
    mean_B, z_B = values_BJ @ share_J, z_BJ @ share_J
    centred_BJ = z_BJ - z_B[:, None]
    spread_B = np.maximum(centred_BJ**2 @ share_J, 1e-12)
    drop_B = np.maximum(-((values_BJ * centred_BJ) @ share_J) / spread_B, 0.0)
    limit_B = mean_B + drop_B * z_B
    over_B = limit_B > most
    capped_B = ((most - values_BJ) * z_BJ) @ share_J / (z_BJ**2 @ share_J)
    return (
        np.where(over_B, most, limit_B),
        np.where(over_B, np.maximum(capped_B, 0.0), drop_B),
    )
