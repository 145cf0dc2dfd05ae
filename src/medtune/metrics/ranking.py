"""Metrics of answers that are a ranked list, such as documents or codes, the best first.

The target is what is relevant: one text, a list of texts, or an object of text to gain (a number
above 0; more is better). A text that is named twice counts at its first place only.
"""

import math
from collections.abc import Sequence

from medtune.errors import DataError
from medtune.metrics.reading import count, given, number, plain
from medtune.records import Json, Metric, Prediction


def recall_at(k: int) -> Metric:
    """The metric that is the mean share of the relevant texts that stand among the first `k`."""

    def metric(predictions: Sequence[Prediction]) -> float:
        n = count(predictions)
        total = 0.0
        for prediction in predictions:
            wanted = _gains(prediction)
            total += sum(name in wanted for name in _ranked(prediction)[:k]) / len(wanted)
        return total / n

    return metric


def mean_reciprocal_rank(predictions: Sequence[Prediction]) -> float:
    """Mean of 1 / place of the first relevant text; 0 where there is none.

    Source: Voorhees 1999, TREC-8 question answering track report.

    Raises:
        DataError: There are no predictions, or a target says nothing relevant.
    """
    n = count(predictions)
    return sum(_reciprocal(p) for p in predictions) / n


def ndcg(k: int) -> Metric:
    """The metric that is the mean discounted gain of the first `k`, by that of the best order.

    Gains as they stand, the discount is the binary logarithm of place + 1.

    Source: Järvelin and Kekäläinen 2002, ACM Trans Inf Syst 20:422, doi:10.1145/582415.582418.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        n = count(predictions)
        total = 0.0
        for prediction in predictions:
            gains = _gains(prediction)
            best = sorted(gains.values(), reverse=True)
            got = [gains.get(name, 0.0) for name in _ranked(prediction)]
            total += _discounted(got[:k]) / _discounted(best[:k])
        return total / n

    return metric


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


def _reciprocal(prediction: Prediction) -> float:
    wanted = _gains(prediction)
    places = (i for i, name in enumerate(_ranked(prediction), start=1) if name in wanted)
    return 1 / next(places, math.inf)


def _ranked(prediction: Prediction) -> list[str]:
    answer = given(prediction)
    items = answer if isinstance(answer, list) else []
    return list(dict.fromkeys(str(plain(item)) for item in items if isinstance(item, str)))


def _gains(prediction: Prediction) -> dict[str, float]:
    found = _stated(prediction.target)
    if not found or any(gain <= 0 for gain in found.values()):
        raise DataError(
            f"record {prediction.id}: the target of a ranking must name what is relevant: a text, "
            "a list of texts, or an object of text to a gain above 0"
        )
    return found


def _stated(target: Json) -> dict[str, float]:
    if isinstance(target, str):
        return {str(plain(target)): 1.0}
    if isinstance(target, list):
        return {str(plain(item)): 1.0 for item in target if isinstance(item, str)}
    if isinstance(target, dict):
        return {str(plain(name)): number(gain) or 0.0 for name, gain in target.items()}
    return {}
