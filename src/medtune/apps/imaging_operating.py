"""The operating point: how many are found where so many of the others raise no alarm.

The threshold is chosen on one set of examples and judged on another; both sides of the choice have
an interval. `scores` are probabilities of a finding, by example.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from medtune.errors import DataError
from medtune.records import Estimate, Prediction
from medtune.stats import bootstrap_mean

SPECIFICITY: Final = 0.9
"""The share of the images without a finding that raise no alarm. Our choice."""


class Scored(NamedTuple):
    """One example: how probable a finding is, and whether there is one."""

    group: str
    score: float
    positive: bool


def finding_score(prediction: Prediction, negative: str) -> float | None:
    """The probability of any finding: all that is not given to `negative`. None without scores."""
    if prediction.probabilities is None or negative not in prediction.probabilities:
        return None
    return 1.0 - prediction.probabilities[negative]


def scored(predictions: Sequence[Prediction], negative: str) -> list[Scored]:
    """The examples with their scores.

    Raises:
        DataError: A prediction has no probabilities.
    """
    found: list[Scored] = []
    for one in predictions:
        score = finding_score(one, negative)
        if score is None:
            raise DataError(
                f"record {one.id}: no probability of {negative!r}; an operating point needs an "
                "arm that scores its choices"
            )
        found.append(Scored(one.group, score, one.target != negative))
    return found


def threshold(examples: Sequence[Scored], specificity: float) -> float:
    """The lowest threshold at which at least this share of the negatives raise no alarm.

    An alarm is a score above the threshold.

    Raises:
        DataError: There is no negative.
    """
    negatives = sorted(one.score for one in examples if not one.positive)
    if not negatives:
        raise DataError("a threshold for a specificity needs negatives, and there are none")
    quiet = int(np.ceil(specificity * len(negatives) - 1e-9))
    return negatives[quiet - 1] if quiet else -np.inf


class OperatingPoint(NamedTuple):
    """What a threshold does to examples that it was not chosen on."""

    threshold: float
    sensitivity: Estimate
    specificity: Estimate


def operating_point(
    chosen_on: Sequence[Scored], judged_on: Sequence[Scored], *, specificity: float, seed: int
) -> OperatingPoint:
    """Choose the threshold for a specificity on some examples, and judge it on others.

    Raises:
        DataError: There is no negative to choose on, or too few groups of either kind to judge on.
    """
    limit = threshold(chosen_on, specificity)

    def share(*, positive: bool) -> Estimate:
        values = [
            (one.group, float((one.score > limit) == positive))
            for one in judged_on
            if one.positive == positive
        ]
        return bootstrap_mean(values, resamples=2000, seed=seed)

    return OperatingPoint(limit, share(positive=True), share(positive=False))
