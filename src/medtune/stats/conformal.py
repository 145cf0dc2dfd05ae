"""Conformal sets: all the choices that cannot be ruled out, with a coverage that is promised.

If the examples to come are exchangeable with those of validation, a set holds the target with
probability at least 1 - alpha, whatever the model. The sets are large where the model is unsure.

Sources: Sadinle, Lei and Wasserman 2019, J Am Stat Assoc 114:223, doi:10.1080/01621459.2017.1395341
(LAC: each choice is judged by its own probability); Romano, Sesia and Candès 2020, NeurIPS 33,
arXiv:2006.02544 (APS: choices are added from the most probable down; here without the random
tie-break, so the sets are a little larger than they must be).
"""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from medtune.errors import DataError
from medtune.records import Prediction
from medtune.stats.calibration import probabilities

Kind = Literal["LAC", "APS"]


class Conformal(NamedTuple):
    """A fitted rule for sets."""

    kind: Kind
    alpha: float
    """Share of sets that may miss their target."""
    limit: float
    """The largest score of a choice that stays in the set."""


def fit_conformal(validation: Sequence[Prediction], kind: Kind, alpha: float) -> Conformal:
    """The rule from the scores of the targets of validation.

    Raises:
        DataError: There are too few examples for this alpha, or one has no probabilities, or its
            target is none of the choices.
    """
    n = len(validation)
    rank = math.ceil((n + 1) * (1 - alpha))
    if rank > n:
        raise DataError(
            f"conformal sets that miss {alpha:.0%} need {math.ceil(1 / alpha) - 1} validation "
            f"examples or more, and there are {n}; raise evaluate.validation_examples"
        )
    scores: list[float] = []
    for prediction in validation:
        found = _scores(prediction, kind)
        target = prediction.target
        if not isinstance(target, str) or target not in found:
            raise DataError(f"record {prediction.id}: its target is none of the choices")
        scores.append(found[target])
    return Conformal(kind, alpha, sorted(scores)[rank - 1])


def conformal_set(rule: Conformal, prediction: Prediction) -> list[str]:
    """The choices that are not ruled out, the most probable first. LAC can rule out all.

    Raises:
        DataError: The prediction has no probabilities.
    """
    found = _scores(prediction, rule.kind)
    kept = [name for name, score in found.items() if score <= rule.limit]
    return sorted(kept, key=lambda name: found[name])


def _scores(prediction: Prediction, kind: Kind) -> dict[str, float]:
    """How odd each choice would be as the target."""
    chances = probabilities(prediction)
    if kind == "LAC":
        return {name: 1 - p for name, p in chances.items()}
    found: dict[str, float] = {}
    total = 0.0
    for name in sorted(chances, key=lambda name: (-chances[name], name)):
        total += chances[name]
        found[name] = total
    return found
