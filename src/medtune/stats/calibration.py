"""Calibration: does "80 % sure" mean right 8 times out of 10?

Everything here is about `Prediction.confidence`, the probability that the answer is right, except
the temperature, which is about `Prediction.probabilities`, those of all the choices.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from medtune.errors import DataError
from medtune.records import Prediction

EDGE = 1e-6
"""Confidences are kept so far from 0 and 1 where their logit is taken."""
PENALTY = 1e-3
"""A weak pull of the calibration line to slope 1 and intercept 0, so that it exists even where all
answers are right; with 100 answers it moves the slope by less than 0.001."""
NEWTON_STEPS = 50
COLDEST, HOTTEST = 0.05, 20.0
"""Range in which the temperature is sought."""


class Reliability(NamedTuple):
    """One bin of a reliability plot."""

    confidence: float
    """Mean confidence in the bin."""
    accuracy: float
    """Share of right answers in the bin."""
    n: int


def expected_calibration_error(predictions: Sequence[Prediction], bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of about equal mass.

    Equal confidences are never divided between two bins, so an arm that always says 0.6 has one.
    Biased upwards in small samples, the more so the more bins.

    Source: Naeini 2015, AAAI 29:2901; equal mass: Nixon 2019, arXiv:1904.01685.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    rows = reliability(predictions, bins)
    return sum(row.n * abs(row.confidence - row.accuracy) for row in rows) / len(predictions)


def reliability(predictions: Sequence[Prediction], bins: int = 10) -> list[Reliability]:
    """The bins behind `expected_calibration_error`, from low to high confidence.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = confidences(predictions)
    order = np.argsort(confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    last_of_bin = np.ceil(len(confidence) * np.arange(1, bins + 1) / bins).astype(int) - 1
    ends = np.unique(np.searchsorted(confidence, confidence[last_of_bin.clip(0)], side="right"))
    starts = np.concatenate([[0], ends[:-1]])
    sizes = ends - starts
    sums = np.add.reduceat(confidence, starts), np.add.reduceat(right, starts)
    means = zip((sums[0] / sizes).tolist(), (sums[1] / sizes).tolist(), strict=True)
    return [Reliability(c, a, n) for (c, a), n in zip(means, sizes.tolist(), strict=True)]


def brier(predictions: Sequence[Prediction]) -> float:
    """Mean squared distance of the confidence from 1 (right) or 0 (wrong); lower is better.

    Source: Brier 1950, Mon Weather Rev 78:1, on "is the answer right?".

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = confidences(predictions)
    return float(np.mean((confidence - right) ** 2))


def overconfidence(predictions: Sequence[Prediction]) -> float:
    """Mean confidence minus accuracy: calibration in the large; 0 is best, above it is too sure.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    confidence, right = confidences(predictions)
    return float(np.mean(confidence) - np.mean(right))


def calibration_slope(predictions: Sequence[Prediction]) -> float:
    """Slope of the line from the logit of confidence to that of being right; 1 is best.

    Below 1 the confidences are too extreme. Together with the intercept it is a logistic
    regression of "right" on the logit of the confidence.

    Source: Cox 1958, Biometrika 45:562, doi:10.1093/biomet/45.3-4.562; Van Calster 2019, BMC Med
    17:230, doi:10.1186/s12916-019-1466-7.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    return _line(predictions)[0]


def calibration_intercept(predictions: Sequence[Prediction]) -> float:
    """Intercept of the same line, in logits; 0 is best.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    return _line(predictions)[1]


def fit_temperature(validation: Sequence[Prediction]) -> float:
    """The temperature under which the targets' probabilities are most likely; above 1 flattens.

    Source: Guo 2017, ICML 70:1321, arXiv:1706.04599. Fitted on validation, never on the test.

    Raises:
        DataError: There are no predictions, or one has no probabilities, or its target is none of
            the choices.
    """
    rows, targets = _choices(validation)

    def loss(log_temperature: float) -> float:
        total = 0.0
        for row, target in zip(rows, targets, strict=True):
            scaled = row / math.exp(log_temperature)
            total += float(np.logaddexp.reduce(scaled) - scaled[target])
        return total / len(rows)

    bounds = (math.log(COLDEST), math.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return math.exp(float(found.x))


def at_temperature(prediction: Prediction, temperature: float) -> Prediction:
    """The prediction with its probabilities, and so its confidence, at this temperature.

    The answer stays the same: the order of the choices does.

    Raises:
        DataError: It has no probabilities.
    """
    chances = probabilities(prediction)
    log_p = np.log(np.maximum(list(chances.values()), EDGE**2)) / temperature
    shares = np.exp(log_p - np.logaddexp.reduce(log_p)).tolist()
    return replace(
        prediction,
        probabilities=dict(zip(chances, shares, strict=True)),
        confidence=max(shares),
    )


def probabilities(prediction: Prediction) -> dict[str, float]:
    """The probability of each choice.

    Raises:
        DataError: The arm gave none.
    """
    if not prediction.probabilities:
        raise DataError(
            f"record {prediction.id}: no probabilities of the choices; this needs an application "
            "with choices, and an arm that scores them"
        )
    return dict(prediction.probabilities)


def confidences(predictions: Sequence[Prediction]) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and rightness (0 or 1), both of length `len(predictions)`.

    Raises:
        DataError: There are no predictions, or one has no confidence.
    """
    if not predictions:
        raise DataError("calibration needs at least one prediction that did not fail")
    without = [p.id for p in predictions if p.confidence is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(predictions)} predictions have no confidence (first: "
            f"{without[0]}); calibration needs one for each"
        )
    return (
        np.array([p.confidence for p in predictions], dtype=float),
        np.array([p.right for p in predictions], dtype=float),
    )


def _choices(predictions: Sequence[Prediction]) -> tuple[list[np.ndarray], list[int]]:
    """For each prediction, the log-probabilities of its choices and the place of its target."""
    if not predictions:
        raise DataError("a temperature needs at least one prediction that did not fail")
    rows: list[np.ndarray] = []
    targets: list[int] = []
    for prediction in predictions:
        chances = probabilities(prediction)
        names = list(chances)
        if prediction.target not in chances:
            raise DataError(f"record {prediction.id}: its target is none of the choices")
        rows.append(np.log(np.maximum(list(chances.values()), EDGE**2)))
        targets.append(names.index(str(prediction.target)))
    return rows, targets


def _line(predictions: Sequence[Prediction]) -> tuple[float, float]:
    """Slope and intercept by Newton's method, weakly pulled to 1 and 0."""
    confidence, right = confidences(predictions)
    sure = confidence.clip(EDGE, 1 - EDGE)
    x = np.stack([np.log(sure / (1 - sure)), np.ones_like(sure)], axis=1)
    prior = np.array([1.0, 0.0])
    line = prior.copy()
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ line, -30, 30)))
        slope = x.T @ (right - p) - PENALTY * (line - prior)
        curve = (x * (p * (1 - p))[:, None]).T @ x + PENALTY * np.eye(2)
        step = np.linalg.solve(curve, slope)
        # A full step from far away can overshoot; half a logit at a time cannot.
        line = line + step * min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        if float(np.abs(step).max()) < 1e-8:  # noqa: PLR2004  converged
            break
    return float(line[0]), float(line[1])
