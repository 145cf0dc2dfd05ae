"""The cheap learner that the checks use: TF-IDF of words and word pairs, then logistic regression.

It says how well words predict something, and nothing of how well a language model will.
"""

import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

FOLDS = 5
INVERSE_PENALTY = 10.0
"""C of the logistic regression, as for the classical arm of `decide`, where it was measured."""
MOST_WORDS = 5_000
WORD = r"(?u)\b\w+\b"
"""Also words of one letter, which scikit-learn leaves out unless told."""
ITERATIONS = 15
"""Of SAGA (Defazio et al. 2014, arXiv:1407.0202). On 3,000 sentences of ChemProt this is as good as
200 steps of L-BFGS on 20,000 features (accuracy 0.753 to 0.752) in a thirtieth of the time."""
EMPTY = "empty"
"""Stands for an empty text: that it is empty may tell something, too."""

Probabilities = NDArray[np.float64]
"""Examples by classes."""


def learn_and_predict(
    texts: Sequence[str], labels: Sequence[int], others: Sequence[str], n_classes: int
) -> Probabilities:
    """Learn from some texts, and give the probability of each class for others.

    A class that is not learned from has probability 0.
    """
    words = TfidfVectorizer(
        ngram_range=(1, 2), max_features=MOST_WORDS, sublinear_tf=True, token_pattern=WORD
    )
    model = LogisticRegression(
        C=INVERSE_PENALTY, solver="saga", max_iter=ITERATIONS, random_state=0
    )
    features = words.fit_transform([text or EMPTY for text in texts])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nearly there is good enough here
        model.fit(features, np.asarray(labels))
    found = np.zeros((len(others), n_classes))
    found[:, model.classes_] = model.predict_proba(
        words.transform([text or EMPTY for text in others])
    )
    return found


def out_of_sample(
    texts: Sequence[str], labels: Sequence[int], groups: Sequence[str], n_classes: int
) -> Probabilities | None:
    """The probabilities of each example from a learner that saw none of its group.

    None if there are fewer groups than folds, or a fold would learn from one class only.
    """
    if len(set(groups)) < FOLDS:
        return None
    every, found = np.asarray(labels), np.zeros((len(texts), n_classes))
    for learned, held in GroupKFold(FOLDS).split(every, every, groups):
        rows, others = (cast("list[int]", places.tolist()) for places in (learned, held))
        if len(set(every[learned])) < 2:  # noqa: PLR2004  one class is nothing to learn
            return None
        found[held] = learn_and_predict(
            [texts[n] for n in rows],
            every[learned].tolist(),
            [texts[n] for n in others],
            n_classes,
        )
    return found
