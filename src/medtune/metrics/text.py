"""Metrics of answers that are free text.

ROUGE measures shared wording, not truth. What a text leaves out or adds is measured on the facts
that an extractor of the application finds in it: entities, or anything that can be named.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from medtune.errors import UndefinedMetric
from medtune.metrics.reading import count, given
from medtune.records import Metric, Prediction

Extract = Callable[[str], frozenset[str]]
"""The facts that a text states, each as one text; the same fact must give the same text."""


def rouge_n(n: int) -> Metric:
    """The metric that is the mean F1 of shared runs of `n` words, ignoring case; no stemming.

    A target of fewer words is compared by runs of as many as it has.

    Source: Lin 2004, ROUGE: a package for automatic evaluation of summaries, ACL W04-1013;
    with equal weight of precision and recall.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        size = count(predictions)
        pairs = [(str(p.target), str(given(p) or "")) for p in predictions]
        return sum([_rouge_n(target, answer, n) for target, answer in pairs]) / size

    return metric


def rouge_l(predictions: Sequence[Prediction]) -> float:
    """Mean F1 of the longest common subsequence of words, ignoring case; no stemming.

    Source: as `rouge_n`.

    Raises:
        DataError: There are no predictions.
    """
    n = count(predictions)
    return sum([_rouge_l(str(p.target), str(given(p) or "")) for p in predictions]) / n


def fact_recall(extract: Extract) -> Metric:
    """The metric that is the share of the targets' facts that the answers state; 1 - omissions.

    Over all texts together. Without a fact in any target it has no value.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        shared, wanted, _ = _facts(predictions, extract)
        if wanted == 0:
            raise UndefinedMetric("fact recall has no value where no target states a fact")
        return shared / wanted

    return metric


def fact_precision(extract: Extract) -> Metric:
    """The metric that is the share of the answers' facts that the targets state too.

    A fact beyond the target may still be true: this compares texts. An answer that could not be
    read counts as one unsupported fact, so that silence is never right. Without a fact in any
    answer it has no value.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        shared, _, named = _facts(predictions, extract)
        if named == 0:
            raise UndefinedMetric("fact precision has no value where no answer states a fact")
        return shared / named

    return metric


def supported(extract: Extract, source: Callable[[Prediction], str]) -> Metric:
    """The metric that is the share of the answers' facts that the input states; the rest is added.

    Args:
        extract: The facts of a text.
        source: The input of a prediction, by its id.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        count(predictions)
        held = named = 0
        for prediction in predictions:
            stated = extract(str(given(prediction) or ""))
            held += len(stated & extract(source(prediction)))
            named += len(stated)
        if named == 0:
            raise UndefinedMetric("support has no value where no answer states a fact")
        return held / named

    return metric


def _facts(predictions: Sequence[Prediction], extract: Extract) -> tuple[int, int, int]:
    """Facts of both, of the targets, and of the answers."""
    count(predictions)
    shared = wanted = named = 0
    for prediction in predictions:
        answer = given(prediction)
        target, stated = extract(str(prediction.target)), extract(str(answer or ""))
        shared += len(target & stated)
        wanted += len(target)
        named += 1 if answer is None else len(stated)
    return shared, wanted, named


@lru_cache(maxsize=2**15)  # a bootstrap asks for the same pairs thousands of times
def _rouge_n(target: str, answer: str, n: int) -> float:
    words = target.casefold().split()
    size = max(1, min(n, len(words)))
    wanted, stated = _runs(words, size), _runs(answer.casefold().split(), size)
    total = wanted.total() + stated.total()
    return 2 * (wanted & stated).total() / total if total else 0.0


def _runs(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


@lru_cache(maxsize=2**15)
def _rouge_l(target: str, answer: str) -> float:
    wanted, stated = target.casefold().split(), answer.casefold().split()
    if not (wanted and stated):
        return 0.0
    return 2 * _common_subsequence(wanted, stated) / (len(wanted) + len(stated))


def _common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, in len(first) * len(second) steps."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for column, other in enumerate(second, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]
