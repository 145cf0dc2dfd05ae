"""Agreement between raters beyond chance: two people, or a judge model and people."""

from collections import Counter
from collections.abc import Sequence
from itertools import product

from medtune.errors import DataError
from medtune.records import Json, Metric, Prediction

MISSING = None


def cohen_kappa(predictions: Sequence[Prediction]) -> float:
    """Agreement of answer and target beyond chance, from -1 to 1; 0 where chance alone agrees.

    0 also where either rater gives one label throughout: nothing then speaks for agreement beyond
    chance, however often the two agree.

    Source: Cohen 1960, Educ Psychol Meas 20:37, doi:10.1177/001316446002000104.

    Raises:
        DataError: There are no predictions.
    """
    n = len(predictions)
    if n == 0:
        raise DataError("agreement needs at least one item that both raters judged")
    seen = sum(p.answer == p.target for p in predictions) / n
    expected = _by_chance(predictions)
    return (seen - expected) / (1 - expected) if expected < 1 else 0.0


def stratified_kappa(stratum: str) -> Metric:
    """The metric that is Cohen's kappa within each value of a subgroup attribute, taken together.

    The strata's kappas, weighted by what they could have agreed beyond chance. Pooled over strata
    whose base rates differ, kappa rewards a rater that knows the stratum and reads nothing.

    Source: Barlow, Lai and Azen 1991, Stat Med 10:1465, doi:10.1002/sim.4780100913.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        strata: dict[str, list[Prediction]] = {}
        for prediction in predictions:
            strata.setdefault(prediction.subgroups[stratum], []).append(prediction)
        beyond = possible = 0.0
        for some in strata.values():
            room = len(some) * (1 - _by_chance(some))
            beyond += cohen_kappa(some) * room
            possible += room
        return beyond / possible if possible else 0.0

    return metric


def krippendorff_alpha(items: Sequence[Sequence[Json]]) -> float:
    """Agreement of any number of raters on unordered labels, missing ones allowed; 1 is perfect.

    1 - observed / expected disagreement; items with fewer than two labels are left out. 0 where all
    labels are the same, as for `cohen_kappa`.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability, Penn Libraries.

    Args:
        items: For each item, the raters' labels; None where a rater gave none.

    Raises:
        DataError: No item has two labels.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for item in items:
        labels = Counter(repr(label) for label in item if label is not MISSING)
        n = labels.total()
        if n < 2:  # noqa: PLR2004  a pair
            continue
        for one, other in product(labels, labels):
            pairs[one, other] += labels[one] * (labels[other] - (one == other)) / (n - 1)  # pyright: ignore[reportArgumentType]
    total = sum(pairs.values())
    if total == 0:
        raise DataError("agreement needs at least one item with the labels of two raters")
    sums: Counter[str] = Counter()
    for (one, _), n in pairs.items():
        sums[one] += n
    observed = sum(n for (one, other), n in pairs.items() if one != other)
    expected = (total**2 - sum(n**2 for n in sums.values())) / (total - 1)
    return 1 - observed / expected if expected > 0 else 0.0


def _by_chance(predictions: Sequence[Prediction]) -> float:
    """The share on which raters with these base rates would agree without reading."""
    answers = Counter(repr(p.answer) for p in predictions)
    targets = Counter(repr(p.target) for p in predictions)
    return sum(answers[label] * targets[label] for label in answers) / len(predictions) ** 2
