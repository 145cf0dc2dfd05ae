"""Metrics of answers that are one of few labels.

An answer that the model declined to give, or that could not be read, counts as wrong: for a target
that is the positive label it is a miss, for another it is no alarm.
"""

from collections import Counter
from collections.abc import Sequence

from medtune.errors import DataError, UndefinedMetric
from medtune.metrics.reading import count, given, plain
from medtune.records import Json, Metric, Prediction


def accuracy(predictions: Sequence[Prediction]) -> float:
    """Share of the answers that equal their target.

    Raises:
        DataError: There are no predictions.
    """
    n = count(predictions)
    return sum([p.right for p in predictions]) / n


def exact_match(predictions: Sequence[Prediction]) -> float:
    """Share of the answers that are their target's text, but for case, spaces and end punctuation.

    Punctuation inside a text counts, for "0.5 mg" is not "05 mg".

    Raises:
        DataError: There are no predictions.
    """
    n = count(predictions)
    same = [plain(given(p)) == plain(p.target) for p in predictions if given(p) is not None]
    return sum(same) / n


def macro_f1(labels: Sequence[str]) -> Metric:
    """The metric that is the plain mean of the F1 of each label, so that rare labels count fully.

    The mean is over the labels that occur as a target or as an answer (as scikit-learn does when
    given no labels). An answer outside `labels` is a miss for its target and no class of its own.
    """
    known = frozenset(labels)

    def metric(predictions: Sequence[Prediction]) -> float:
        count(predictions)
        pairs = Counter([(p.target, None if p.abstained else p.answer) for p in predictions])
        twice_right: Counter[Json] = Counter()
        occurrences: Counter[Json] = Counter()
        for (target, answer), n in pairs.items():
            if target not in known:
                raise DataError(_unknown_target(predictions, known))
            occurrences[target] += n
            if answer in known:
                occurrences[answer] += n
            if answer == target:
                twice_right[target] += 2 * n
        return sum(twice_right[label] / n for label, n in occurrences.items()) / len(occurrences)

    return metric


def f1(label: str) -> Metric:
    """The metric that is the F1 of one label: twice the right ones by those named and those wanted.

    Without the label among targets and answers it has no value.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        hit, missed, false, _ = _table(predictions, label)
        return _share(2 * hit, missed + false + 2 * hit, f"F1 of {label!r}", "such label")

    return metric


def sensitivity(positive: str) -> Metric:
    """The metric that is the share of the positives that are found; no value without a positive."""

    def metric(predictions: Sequence[Prediction]) -> float:
        hit, missed, _, _ = _table(predictions, positive)
        return _share(hit, hit + missed, "sensitivity", f"target {positive!r}")

    return metric


def specificity(positive: str) -> Metric:
    """The metric that is the share of the others without an alarm; no value without another."""

    def metric(predictions: Sequence[Prediction]) -> float:
        _, _, false, quiet = _table(predictions, positive)
        return _share(quiet, false + quiet, "specificity", f"target other than {positive!r}")

    return metric


def positive_predictive_value(positive: str) -> Metric:
    """The metric that is the share of the alarms that are right; no value without an alarm.

    It holds for the share of positives in these examples only.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        hit, _, false, _ = _table(predictions, positive)
        return _share(hit, hit + false, "positive predictive value", f"answer {positive!r}")

    return metric


def negative_predictive_value(positive: str) -> Metric:
    """The metric that is the share of right ones where there was no alarm; no value without one.

    It holds for the share of positives in these examples only.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        _, missed, _, quiet = _table(predictions, positive)
        what = "negative predictive value"
        return _share(quiet, missed + quiet, what, f"answer other than {positive!r}")

    return metric


def _table(predictions: Sequence[Prediction], positive: str) -> tuple[int, int, int, int]:
    """Positives found and missed, others with an alarm and without."""
    count(predictions)
    pairs = Counter([(p.target == positive, given(p) == positive) for p in predictions])
    return pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False]


def _share(part: int, whole: int, what: str, missing: str) -> float:
    if whole == 0:
        raise UndefinedMetric(f"{what} has no value where there is no {missing}")
    return part / whole


def _unknown_target(predictions: Sequence[Prediction], known: frozenset[str]) -> str:
    ids = [p.id for p in predictions if p.target not in known]
    return (
        f"record {ids[0]}: its target is not one of the {len(known)} labels of the metric "
        f"({len(ids)} such records); mend the target or add the label to the task"
    )
