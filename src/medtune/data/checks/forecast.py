"""A learning curve of the classical learner, and what twice the training data would bring it.

The learner is trained on an eighth, a quarter, a half and all of train (at most 4,000 records), on
several draws of whole groups for each part, and asked about the validation split. Its error is
fitted by a power law, a + b * n^-c (Hestness et al. 2017, arXiv:1712.00409; Mahmood et al. 2022,
arXiv:2202.00273), and followed to twice the size. The interval is from drawing validation groups
and training draws again. It says where a cheap learner stands on its curve. A language model stands
elsewhere on its own, and `decide` measures that.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from medtune.artifacts import Forecast
from medtune.data.checks.learner import learn_and_predict
from medtune.data.checks.shares import drawn_of
from medtune.data.shingles import input_text
from medtune.data.split import draw
from medtune.records import Estimate, Example

PARTS = ((8, 5), (4, 5), (2, 3), (1, 1))
"""Divisor of the size, and number of draws."""
MOST = 4_000
FEWEST = 100
FEWEST_HELD = 20
EXPONENTS = np.arange(0.1, 1.55, 0.1)
RESAMPLES = 400

Answers = NDArray[np.int64]


class _Held(NamedTuple):
    """The validation split."""

    texts: Sequence[str]
    labels: Answers
    groups: Answers


def forecast(
    train: Sequence[Example], validation: Sequence[Example], offered: Sequence[str], seed: int
) -> Forecast | None:
    """The learning curve, or None if there are too few records or only one label."""
    n_every, train = len(train), draw(train, MOST, seed)
    labels = [offered.index(str(e.target)) for e in train]
    if len(train) < FEWEST or len(validation) < FEWEST_HELD or len(set(labels)) < 2:  # noqa: PLR2004
        return None
    held = _Held(
        [input_text(e.fields) for e in validation],
        np.array([offered.index(str(e.target)) for e in validation]),
        np.unique([e.group for e in validation], return_inverse=True)[1],
    )
    texts = [input_text(e.fields) for e in train]
    groups = np.unique([e.group for e in train], return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    sizes: list[int] = []
    answers: list[list[Answers]] = []
    for divisor, draws in PARTS:
        sizes.append(len(train) // divisor)
        answers.append(
            [
                _answers(texts, labels, _draw(groups, sizes[-1], rng), held, len(offered))
                for _ in range(draws)
            ]
        )
    found = _fitted(sizes, answers, held, rng)
    return found.model_copy(update={"about": found.about + drawn_of(len(train), n_every)})


def _draw(groups: Answers, n: int, rng: np.random.Generator) -> Answers:
    """Places of the first n records of the groups in a random order."""
    rank = rng.permutation(groups.max() + 1)
    return np.argsort(rank[groups], kind="stable")[:n]


def _answers(
    texts: Sequence[str], labels: Sequence[int], chosen: Answers, held: _Held, n_classes: int
) -> Answers:
    places = cast("list[int]", chosen.tolist())
    known = [labels[n] for n in places]
    if len(set(known)) == 1:
        return np.full(len(held.texts), known[0])
    learned = [texts[n] for n in places]
    return learn_and_predict(learned, known, held.texts, n_classes).argmax(axis=1)


def _fitted(
    sizes: Sequence[int],
    answers: Sequence[Sequence[Answers]],
    held: _Held,
    rng: np.random.Generator,
) -> Forecast:
    every = np.arange(len(held.labels))
    scores = [[_macro_f1(one, held.labels, every) for one in draws] for draws in answers]
    now, twice = _extrapolated(sizes, [float(np.mean(draws)) for draws in scores])
    members = [np.flatnonzero(held.groups == group) for group in range(held.groups.max() + 1)]
    found: list[tuple[float, float]] = []
    for _ in range(RESAMPLES):
        picked = np.concatenate([members[n] for n in rng.integers(len(members), size=len(members))])
        means = [
            float(
                np.mean(
                    [
                        _macro_f1(draws[n], held.labels, picked)
                        for n in rng.integers(len(draws), size=len(draws))
                    ]
                )
            )
            for draws in answers
        ]
        found.append(_extrapolated(sizes, means))
    after = np.array(found)
    n, n_groups = len(held.labels), len(members)
    method = f"power law, {RESAMPLES} resamples of validation groups and training draws"

    def estimate(value: float, draws: NDArray[np.float64]) -> Estimate:
        low, high = np.percentile(draws, [2.5, 97.5])
        return Estimate(value, min(value, float(low)), max(value, float(high)), n, n_groups, method)

    return Forecast(
        metric="macro_f1",
        sizes=list(sizes),
        values=[float(np.mean(draws)) for draws in scores],
        spreads=[float(np.std(draws)) for draws in scores],
        now=now,
        twice=estimate(twice, after[:, 1]),
        gain=estimate(twice - now, after[:, 1] - after[:, 0]),
        about="of a classical learner (TF-IDF, logistic regression) on the validation split, not "
        "of a language model",
    )


def _extrapolated(sizes: Sequence[int], values: Sequence[float]) -> tuple[float, float]:
    """The fitted metric at the full size and at twice that, both in [0, 1]."""
    n, error = np.array(sizes, dtype=float), 1 - np.array(values)
    best = (np.inf, 0.0, 0.0, 0.0)
    for exponent in EXPONENTS:
        x = (n / n[-1]) ** -exponent
        slope = max(
            0.0,
            float(((x - x.mean()) * (error - error.mean())).sum() / ((x - x.mean()) ** 2).sum()),
        )
        floor = max(0.0, float(error.mean() - slope * x.mean()))
        if floor == 0.0:
            slope = float((x * error).sum() / (x * x).sum())
        best = min(
            best, (float(((floor + slope * x - error) ** 2).sum()), floor, slope, float(exponent))
        )
    _, floor, slope, exponent = best
    at = [1 - (floor + slope * factor**-exponent) for factor in (1.0, 2.0)]
    return min(1.0, max(0.0, at[0])), min(1.0, max(0.0, at[1]))


def _macro_f1(answers: Answers, labels: Answers, picked: Answers) -> float:
    """Mean F1 over the labels that occur."""
    given, true = answers[picked], labels[picked]
    n = int(max(labels.max(), answers.max())) + 1
    hits = np.bincount(true[given == true], minlength=n)
    both = np.bincount(true, minlength=n) + np.bincount(given, minlength=n)
    occurs = np.bincount(true, minlength=n) > 0
    return float(np.mean(2 * hits[occurs] / both[occurs]))
