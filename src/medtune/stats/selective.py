"""Selective prediction: how wrong are the answers when the unsure ones are withheld?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medtune.records import Prediction
from medtune.stats.calibration import confidences


class Kept(NamedTuple):
    """One point of a risk-coverage curve."""

    coverage: float
    """Share of the examples that are answered."""
    risk: float
    """Share of wrong answers among them."""
    threshold: float
    """The confidence from which an answer is given."""


def risk_coverage(predictions: Sequence[Prediction]) -> list[Kept]:
    """The curve from the surest answers to all of them, one point per confidence that occurs.

    Answers of equal confidence are kept or withheld together.

    Source: El-Yaniv and Wiener 2010, JMLR 11:1605.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = confidences(predictions)
    order = np.argsort(-confidence, kind="stable")
    confidence, wrong = confidence[order], 1 - right[order]
    ends = np.flatnonzero(np.append(confidence[1:] != confidence[:-1], True))
    risks = np.cumsum(wrong)[ends] / (ends + 1)
    coverages = (ends + 1) / len(confidence)
    rows = zip(coverages.tolist(), risks.tolist(), confidence[ends].tolist(), strict=True)
    return [Kept(*row) for row in rows]


def area_under_risk_coverage(predictions: Sequence[Prediction]) -> float:
    """Mean risk over all numbers of answers kept, from one to all; lower is better.

    Within answers of equal confidence, wrong ones are spread evenly, so no order is favoured.

    Source: Geifman, Uziel and El-Yaniv 2019, ICLR, arXiv:1805.08206.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    n = len(predictions)
    total, done, wrong = 0.0, 0, 0.0
    for point in risk_coverage(predictions):
        end = round(point.coverage * n)
        n_wrong = point.risk * end
        counts = np.arange(1, end - done + 1)
        errors = wrong + (n_wrong - wrong) * counts / (end - done)
        total += float(np.sum(errors / (done + counts)))
        done, wrong = end, n_wrong
    return total / n


def choose_threshold(validation: Sequence[Prediction], risk: float) -> float | None:
    """The confidence from which most answers are given while at most `risk` of them are wrong.

    Chosen on validation by the share seen there, without a guarantee; report it on the test. None
    if no threshold keeps the risk.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    fitting = [point for point in risk_coverage(validation) if point.risk <= risk]
    return max(fitting, key=lambda point: point.coverage).threshold if fitting else None
