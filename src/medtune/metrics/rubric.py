"""Rubrics in the form of HealthBench: points for what a reply does, and against what it must not.

A criterion has points from -10 to 10. An example's score is the points of the criteria that are met
by the sum of the positive points, so it can be below 0; the score of a set is the mean, clipped to
0 and 1.

Source: Arora 2025, HealthBench, arXiv:2505.08775, section 3; `healthbench_eval.py` in
openai/simple-evals, `calculate_score`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medtune.errors import DataError
from medtune.metrics.reading import count, given, number
from medtune.records import Prediction

MOST_POINTS = 10


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a reply should do, or must not."""

    id: str
    text: str
    points: float
    """From -10 to 10, not 0; below 0 for what a reply must not do."""


def check_rubric(criteria: Sequence[Criterion], where: str) -> None:
    """Check that a rubric can be scored.

    Raises:
        DataError: An id is there twice, points are out of range, or none is positive.
    """
    ids = [criterion.id for criterion in criteria]
    if len(set(ids)) != len(ids):
        raise DataError(f"{where}: a criterion's id is there twice; give each its own")
    odd = [c.id for c in criteria if not 0 < abs(c.points) <= MOST_POINTS]
    if odd:
        raise DataError(f"{where}: criterion {odd[0]}: points go from -10 to 10, and are not 0")
    if not any(c.points > 0 for c in criteria):
        raise DataError(f"{where}: no criterion has positive points, so nothing can be earned")


def rubric_points(criteria: Sequence[Criterion], met: Mapping[str, bool]) -> float:
    """The score of one reply: points of the criteria met, by the sum of the positive points.

    Args:
        criteria: The rubric, checked.
        met: For every criterion, by id, whether the reply meets it.
    """
    earned = sum(criterion.points for criterion in criteria if met[criterion.id])
    return earned / sum(criterion.points for criterion in criteria if criterion.points > 0)


def rubric_score(predictions: Sequence[Prediction]) -> float:
    """The score of a set: the mean of the examples' scores, which are the answers, clipped.

    Raises:
        DataError: There are no predictions, or an answer is no score.
    """
    n = count(predictions)
    total = 0.0
    for prediction in predictions:
        score = number(given(prediction))
        if score is None:
            raise DataError(f"record {prediction.id}: its answer is no rubric score")
        total += score
    return min(1.0, max(0.0, total / n))
