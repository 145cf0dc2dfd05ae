"""May a heat map be shown? Only if it depends on what the model learnt.

A map that stays the same when the weights are made random, or when the labels were, shows the edges
of the image and not the reasons of the model.

Source: Adebayo 2018, arXiv:1810.03292 (randomisation tests, rank correlation).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from medtune.errors import DataError
from medtune.records import Estimate, Verdict
from medtune.stats import MIN_GROUPS, bootstrap_mean

SAME: Final = 0.5
"""A mean rank correlation from here on counts as the same map. Our own choice: Adebayo 2018 gives
curves and no threshold."""

Map = NDArray[np.float32]


class Sanity(NamedTuple):
    """How much a map keeps when what was learnt is taken away."""

    likeness: Estimate
    """Mean rank correlation, over images."""
    verdict: Verdict
    """Yes: the upper bound is below SAME, so the maps may be shown."""


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's correlation of two maps, ties at their mean rank; 0 where a map is flat."""
    first, second = rankdata(one.ravel()), rankdata(other.ravel())
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def randomisation(
    learnt: Sequence[Map], random: Sequence[Map], groups: Sequence[str], *, seed: int
) -> Sanity:
    """Compare the maps of a model with those of one that learnt nothing, image by image.

    Args:
        learnt: The maps of the model.
        random: Those of the same images with random weights, or of a model of shuffled labels.
        groups: The unit of chance of each image.
        seed: Of the resampling.

    Raises:
        DataError: The lists differ in length, or there are fewer than two groups.
    """
    if not len(learnt) == len(random) == len(groups):
        raise DataError("as many maps of both models are needed, and a group for each")
    if len(set(groups)) < MIN_GROUPS:
        raise DataError(f"the randomisation test needs {MIN_GROUPS} groups of images at least")
    values = [
        (group, rank_correlation(one, other))
        for group, one, other in zip(groups, learnt, random, strict=True)
    ]
    found = bootstrap_mean(values, resamples=2000, seed=seed, lowest=-1.0)
    return Sanity(found, _verdict(found))


def _verdict(found: Estimate) -> Verdict:
    if found.high < SAME:
        return "yes"
    return "no" if found.low >= SAME else "not_enough_data"
