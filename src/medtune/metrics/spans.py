"""Metrics of answers that are a list: of texts, or of places in a text.

A span is a text, or an object with `start` and `end` (characters, the end not included) and
perhaps a `label`. All counts are over all lists together (micro). A reply that could not be read
counts as one wrong span, so that silence is never right.

Source: exact and relaxed (overlapping) match as in i2b2 2010, Uzuner 2011, J Am Med Inform Assoc
18:552, doi:10.1136/amiajnl-2011-000203.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

from medtune.errors import DataError
from medtune.metrics.reading import count, given
from medtune.records import Json, Prediction


class Span(NamedTuple):
    """What is compared: a text without case and repeated spaces, or a place with its label."""

    text: str
    start: int
    end: int


class _Counts(NamedTuple):
    shared: int
    wanted: int
    named: int


def span_f1(predictions: Sequence[Prediction]) -> float:
    """F1 of spans that agree exactly. A span named twice must be wanted twice.

    1.0 if there was nothing to find and nothing was named.

    Raises:
        DataError: There are no predictions, or a target is not a list of spans.
    """
    shared, wanted, named = _counts(predictions, _exact)
    return 2 * shared / (wanted + named) if wanted + named else 1.0


def span_overlap_f1(predictions: Sequence[Prediction]) -> float:
    """F1 of spans that overlap: places that share label and character, texts that share a word.

    Each span is matched with one other at the most, so that as many as possible are.

    Raises:
        DataError: There are no predictions, or a target is not a list of spans.
    """
    shared, wanted, named = _counts(predictions, _overlapping)
    return 2 * shared / (wanted + named) if wanted + named else 1.0


def span_recall(predictions: Sequence[Prediction]) -> float:
    """Share of the wanted spans that are named exactly; 1.0 if none was wanted.

    Raises:
        DataError: There are no predictions, or a target is not a list of spans.
    """
    shared, wanted, _ = _counts(predictions, _exact)
    return shared / wanted if wanted else 1.0


def span_precision(predictions: Sequence[Prediction]) -> float:
    """Share of the named spans that were wanted exactly; 1.0 if none was named.

    Raises:
        DataError: There are no predictions, or a target is not a list of spans.
    """
    shared, _, named = _counts(predictions, _exact)
    return shared / named if named else 1.0


def _counts(
    predictions: Sequence[Prediction],
    match: Callable[[tuple[Span, ...], tuple[Span, ...]], int],
) -> _Counts:
    count(predictions)
    shared = wanted = named = 0
    for p in predictions:
        target, answer = _spans(p.target), _spans(given(p))
        if target is None:
            raise DataError(
                f"record {p.id}: the target is not a list of texts or of objects with start and "
                "end, as spans must be"
            )
        wanted += len(target)
        named += 1 if answer is None else len(answer)
        shared += match(target, answer or ())
    return _Counts(shared, wanted, named)


def _spans(value: Json) -> tuple[Span, ...] | None:
    if not isinstance(value, list):
        return None
    found = [_span(item) for item in value]
    kept = tuple(span for span in found if span is not None)
    return kept if len(kept) == len(value) else None


def _span(item: Json) -> Span | None:
    if isinstance(item, str):
        return Span(" ".join(item.casefold().split()), -1, -1)
    if not isinstance(item, dict):
        return None
    start, end, label = item.get("start"), item.get("end"), item.get("label", "")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str)):
        return None
    return Span(label, start, end)


def _exact(wanted: tuple[Hashable, ...], named: tuple[Hashable, ...]) -> int:
    return (Counter(wanted) & Counter(named)).total()


@lru_cache(maxsize=2**14)  # a bootstrap asks for the same pairs thousands of times
def _overlapping(wanted: tuple[Span, ...], named: tuple[Span, ...]) -> int:
    """The size of the largest matching, by augmenting paths."""
    partner: dict[int, int] = {}

    def place(one: int, tried: set[int]) -> bool:
        for other in range(len(named)):
            if other in tried or not _touch(wanted[one], named[other]):
                continue
            tried.add(other)
            if other not in partner or place(partner[other], tried):
                partner[other] = one
                return True
        return False

    return sum(place(one, set()) for one in range(len(wanted)))


def _touch(one: Span, other: Span) -> bool:
    if one.start < 0 or other.start < 0:
        both_texts = one.start < 0 and other.start < 0
        return both_texts and not set(one.text.split()).isdisjoint(other.text.split())
    return one.text == other.text and one.start < other.end and other.start < one.end
