"""The metric of answers that are a JSON object."""

import math
from collections.abc import Iterator, Sequence

from medtune.metrics.reading import ROUNDING, count, given, number, plain
from medtune.records import Json, Prediction


def json_match(predictions: Sequence[Prediction]) -> float:
    """Mean share of the target's leaf values that the answer holds at the same place.

    Strings are compared without case, spaces and end punctuation. What the answer holds beyond the
    target's leaves is not counted.

    Raises:
        DataError: There are no predictions.
    """
    n = count(predictions)
    return sum([_leaf_share(p) for p in predictions]) / n


def _leaf_share(prediction: Prediction) -> float:
    answer = given(prediction)
    if answer is None:
        return 0.0
    found = dict(_leaves(answer, ()))
    wanted = list(_leaves(prediction.target, ()))
    matched = sum(1 for place, value in wanted if place in found and _same(found[place], value))
    return matched / len(wanted)


def _leaves(
    value: Json, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """Each value that is no container, or an empty one, with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*place, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, index))
    else:
        yield place, value


def _same(answer: Json, target: Json) -> bool:
    if isinstance(answer, bool) or isinstance(target, bool):
        return answer is target
    a, t = number(answer), number(target)
    if a is not None and t is not None:
        return math.isclose(a, t, rel_tol=ROUNDING)
    return plain(answer) == plain(target)
