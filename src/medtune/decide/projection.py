"""The tunes of the learning curve, read at all training examples and set against the other arms."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medtune import stats
from medtune.artifacts import Comparison, Curve, CurveBand, CurvePoint
from medtune.decide import curve as curves
from medtune.decide.baselines import CLASSICAL, MAJORITY
from medtune.decide.compare import TUNE_RETRIEVAL, Sheet, projected
from medtune.decide.curve import Floats
from medtune.decide.prompting import PROMPTS, RETRIEVAL
from medtune.records import Objective
from medtune.stats.interval import Z_INTERVAL
from medtune.stats.power import Z_POWER

FARTHEST = 4
"""The curve is read at most so many times beyond its largest tune, and beyond all training
examples: farther, its shape is a guess."""
LIKELY = 0.8
BAND = 24
"""Sizes at which the band is written down."""
READS = (1, 2, 4)
"""Multiples of the training examples at which the chance of a yes is written down."""


class Ladder(NamedTuple):
    """The tunes of the curve."""

    names: list[str]
    """Names of their arms, the smallest first."""
    points: list[CurvePoint]
    train_examples: int
    """Training examples that there are."""

    @property
    def top(self) -> str:
        """The largest."""
        return self.names[-1]


class Projection(NamedTuple):
    """What the curve says."""

    curve: Curve
    comparisons: list[Comparison]
    needed_groups: int | None
    """Validation groups with which the tune could be told from every arm that it must beat."""
    minimum_detectable: float


def project(
    ladder: Ladder,
    measured: Sheet,
    objective: Objective,
    *,
    margin: float,
    must_retrieve: bool,
    seed: int,
) -> Projection:
    """Fit the curve, read it at all training examples, and compare.

    Args:
        ladder: The tunes.
        measured: All arms, the tunes of the ladder among them.
        objective: What decides.
        margin: How much better than the best other arm the tune must be.
        must_retrieve: Whether retrieval stands for all prompting arms.
        seed: For the draws.
    """
    sizes = [point.examples for point in ladder.points]
    values = np.array([measured.values[name] for name in ladder.names])
    resampled = np.stack([measured.drawn[name] for name in ladder.names], axis=1)
    found = curves.draws(sizes, values, resampled, most=objective.most, seed=seed)
    calm = curves.draws(
        sizes, values, np.broadcast_to(values, resampled.shape), most=objective.most, seed=seed
    )
    reach = min(ladder.train_examples, FARTHEST * sizes[-1])
    value = float(np.median(found.drawn.at(reach)))
    comparisons = projected(measured, ladder.top, value, found.drawn.at(reach))
    if TUNE_RETRIEVAL in measured.values and ladder.top != TUNE_RETRIEVAL:
        grown = _grown(found, measured, TUNE_RETRIEVAL, (sizes[-1], reach), objective.most, seed)
        comparisons += projected(measured, TUNE_RETRIEVAL, *grown)
    rivals = [RETRIEVAL] if must_retrieve else [one for one in PROMPTS if one in measured.values]
    best = max(rivals, key=measured.values.__getitem__)
    levels = _levels(measured, ladder.top, rivals, margin)
    drawn, of_curve = found.drawn.at(reach), float(calm.drawn.at(reach).var())
    needed = [
        _groups_needed(value - level, float((drawn - of).var()), of_curve, measured.n_groups)
        for level, of in levels
    ]
    return Projection(
        _curve(ladder, found, reach, values, np.max([of for _, of in levels], axis=0)),
        comparisons,
        None if None in needed else max(n for n in needed if n is not None),
        (Z_INTERVAL + Z_POWER) * float((drawn - measured.drawn[best]).std()),
    )


def _curve(
    ladder: Ladder,
    found: curves.Draws,
    reach: int,
    values: Floats,
    bar: Floats,
) -> Curve:
    best, total = found.best, ladder.train_examples
    ends = np.geomspace(ladder.points[0].examples, FARTHEST * total, BAND).round().tolist()
    sizes = sorted({int(n) for n in ends} | {reach, total})
    chances = {n: float((found.drawn.at(n) > bar).mean()) for n in sizes if n >= reach}
    read = {reach, *(times * total for times in READS)}
    likely = [n for n, chance in sorted(chances.items()) if chance >= LIKELY]
    return Curve(
        points=[
            point.model_copy(update={"value": float(value)})
            for point, value in zip(ladder.points, values, strict=True)
        ],
        limit=float(best.limit[0]),
        drop=float(best.drop[0]),
        onset=float(best.onset[0]),
        rate=float(best.rate[0]),
        draw_sd=found.draw_sd,
        band=[_band(found, n) for n in sizes],
        projected_to=reach,
        train_examples=total,
        chances={str(n): float((found.drawn.at(n) > bar).mean()) for n in sorted(read)},
        needed=likely[0] if likely else None,
        still_rising=_goes_on(ladder, values, found.draw_sd, float(np.median(bar))),
    )


def _goes_on(ladder: Ladder, values: Floats, draw_sd: float, bar: float) -> bool:
    """Whether a straight line in log n through the two largest sizes passes the bar in reach.

    The curves of the fit flatten, and tunes that have just begun to learn may not yet.
    """
    sizes = np.array([point.examples for point in ladder.points])
    tuned = sorted({point.examples for point in ladder.points})
    if len(tuned) == 1:
        return False
    before, top = tuned[-2:]
    low, high = float(values[sizes == before].mean()), float(values[sizes == top].mean())
    steps = np.log(FARTHEST * ladder.train_examples / top) / np.log(top / before)
    return high - low > 2 * draw_sd and high + (high - low) * steps > bar


def _band(found: curves.Draws, n: int) -> CurveBand:
    low, value, high = np.percentile(found.drawn.at(n), [2.5, 50, 97.5]).tolist()
    return CurveBand(examples=n, value=value, low=low, high=high)


def _levels(
    measured: Sheet, top: str, rivals: Sequence[str], margin: float
) -> list[tuple[float, Floats]]:
    """What a tune must exceed, all together: each level, and on each resample."""
    plain = [name for name in (MAJORITY, CLASSICAL) if name in measured.drawn]
    extra = {**dict.fromkeys(plain, 0.0), **dict.fromkeys(rivals, margin)}
    levels = [(measured.values[one] + by, measured.drawn[one] + by) for one, by in extra.items()]
    guess = float(measured.guessing[top])
    return [*levels, (guess, np.full_like(levels[0][1], guess))]


def _grown(
    found: curves.Draws,
    measured: Sheet,
    name: str,
    ends: tuple[int, int],
    most: float,
    seed: int,
) -> tuple[float, Floats]:
    """A tune that was measured once, grown as the curve of the other grows."""
    now, then = ends
    chance = np.random.default_rng([seed, 4])
    growth = found.drawn.at(then) - found.drawn.at(now)
    noise = found.draw_sd * chance.standard_normal(len(growth))
    value = measured.values[name] + float(np.median(growth))
    return min(value, most), np.minimum(measured.drawn[name] + noise + growth, most)


def _groups_needed(gap: float, total: float, of_curve: float, n_groups: int) -> int | None:
    """Groups with which a difference of `gap` shows with 80 % power.

    None if no number does: the chance in the tunes is too large for the gap.
    """
    reach = (Z_INTERVAL + Z_POWER) ** 2
    left = gap**2 - reach * of_curve
    of_items = max(total - of_curve, 0.0)
    if left <= 0 or of_items == 0:
        return None
    return max(stats.MIN_GROUPS, int(np.ceil(reach * of_items * n_groups / left)))
