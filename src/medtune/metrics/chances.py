"""Metrics of the probabilities that an arm gives to the choices: how well they rank the examples.

They need `Prediction.probabilities`, which arms that score choices give; for others they have no
value.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from medtune.errors import UndefinedMetric
from medtune.metrics.reading import count
from medtune.records import Metric, Prediction


def auroc(positive: str) -> Metric:
    """The metric that is the chance that a positive is given more probability than another.

    The area under the receiver operating characteristic, by ranks; ties count half. Its interval is
    that of the bootstrap by group, which unlike DeLong's holds for examples in groups.

    Source: Hanley and McNeil 1982, Radiology 143:29, doi:10.1148/radiology.143.1.7063747.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        chance, is_positive = _ranked(predictions, positive)
        n_positive = int(is_positive.sum())
        pairs = n_positive * (len(chance) - n_positive)
        above = rankdata(chance)[is_positive].sum() - n_positive * (n_positive + 1) / 2
        return float(above / pairs)

    return metric


def auprc(positive: str) -> Metric:
    """The metric that is the average precision: the area under precision over recall, in steps.

    For a useless arm it is the share of positives, so read it beside that share.

    Source: as scikit-learn's `average_precision_score`; Davis and Goadrich 2006, ICML 23:233.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        chance, is_positive = _ranked(predictions, positive)
        order = np.argsort(-chance, kind="stable")
        found = np.cumsum(is_positive[order])
        ends = np.flatnonzero(np.append(np.diff(chance[order]) != 0, True))
        precision, recall = found[ends] / (ends + 1), found[ends] / found[-1]
        return float(np.sum(np.diff(recall, prepend=0.0) * precision))

    return metric


def macro_auroc(labels: Sequence[str]) -> Metric:
    """The metric that is the plain mean of the AUROC of each label against all others.

    The mean is over the labels that occur as a target beside another one.
    """

    def metric(predictions: Sequence[Prediction]) -> float:
        targets = [p.target for p in predictions]
        found = [auroc(label)(predictions) for label in labels if label in targets]
        if not found:
            raise UndefinedMetric("AUROC has no value where no target is one of the labels")
        return sum(found) / len(found)

    return metric


def _ranked(predictions: Sequence[Prediction], positive: str) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the positive label, and whether it is the target."""
    count(predictions)
    chances = [(p.probabilities or {}).get(positive) for p in predictions]
    if None in chances:
        without = [p.id for p, c in zip(predictions, chances, strict=True) if c is None]
        raise UndefinedMetric(
            f"{len(without)} of {len(predictions)} predictions have no probability of {positive!r} "
            f"(first: {without[0]}); this metric needs an arm that scores that choice"
        )
    is_positive = np.array([p.target == positive for p in predictions])
    if is_positive.all() or not is_positive.any():
        raise UndefinedMetric(f"a ranking by {positive!r} has no value where all or none are")
    return np.array(chances, dtype=float), is_positive
