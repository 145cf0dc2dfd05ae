"""Every comparison that the rule asks for, by question.

tune       the projected tune with each arm, with the most frequent answer, and with guessing
retrieve   retrieval with each other prompt
prompts    the other prompts with each other
classical  the classical baseline with each arm that uses a language model
useful     each arm with the most frequent answer, and with guessing
measured   the largest small tune, as it is, with each arm
keep ...   the same on what must not be harmed

Guessing is to give an arm's own answers to other questions (or, where each record has its own
options, any option): what is left of the metric when nothing of the question is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from medtune import stats
from medtune.artifacts import Comparison
from medtune.decide.baselines import CLASSICAL, MAJORITY
from medtune.decide.curve import Floats
from medtune.decide.prompting import PROMPTS, RETRIEVAL
from medtune.errors import UndefinedMetric
from medtune.measure import answered, app_of, compare_pairs, one_of_few
from medtune.records import Application, ArmResult, Estimate, Example, Json, Objective, Prediction
from medtune.stats.interval import MOST_UNDEFINED, TIE, estimated

SMALL_TUNE, TUNE_RETRIEVAL = "small_tune", "tune_retrieval"
TUNES = (SMALL_TUNE, TUNE_RETRIEVAL)
PROJECTED = {SMALL_TUNE: "projected_tune", TUNE_RETRIEVAL: "projected_tune_retrieval"}
ARMS = (*PROMPTS, *TUNES, CLASSICAL, MAJORITY)
GUESSING = "guessing"
SHUFFLES = 20
FEW_BEYOND = 10
"""Draws beyond zero from which on they are counted."""
MOST_ANSWERS = 400
"""Answers that guessing is worked out from: free texts take long to compare."""


class Sheet(NamedTuple):
    """The deciding metric of each arm, and on B resamples of the validation groups.

    The resamples are the same for all arms, so that differences are paired.
    """

    metric: str
    values: dict[str, float]
    drawn: dict[str, Floats]
    guessing: dict[str, float]
    """What each arm would reach by guessing; the smaller tunes of the curve are left out."""
    groups: list[list[str]]
    """Ids of the examples, by group."""

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return len(self.groups)


def sheet(
    app: Application,
    objective: Objective,
    examples: Sequence[Example],
    results: Sequence[ArmResult],
    *,
    resamples: int,
    seed: int,
) -> Sheet:
    """Measure the arms on the examples that the objective is about and all of them answered."""
    kept = [answered(objective.part(result)) for result in results]
    both = set.intersection(*({p.id for p in predictions} for predictions in kept))
    by_group: list[dict[str, list[Prediction]]] = []
    for predictions in kept:
        groups: dict[str, list[Prediction]] = {}
        for prediction in sorted(predictions, key=lambda p: p.id):
            if prediction.id in both:
                groups.setdefault(prediction.group, []).append(prediction)
        by_group.append(groups)
    names = sorted(by_group[0])
    chance = np.random.default_rng([seed, 0])
    picks = chance.integers(len(names), size=(resamples, len(names))).tolist()
    values: dict[str, float] = {}
    drawn: dict[str, Floats] = {}
    for result, groups in zip(results, by_group, strict=True):
        members = [groups[name] for name in names]
        values[result.name] = objective.metric([p for group in members for p in group])
        drawn[result.name] = np.array(
            [_value(objective, [p for i in pick for p in members[i]]) for pick in picks]
        )
    drawn = _whole(objective, drawn)
    guessing = {
        result.name: guess(app, objective, examples, predictions, seed=seed)
        for result, predictions in zip(results, kept, strict=True)
        if result.name in ARMS
    }
    ids = [[p.id for p in by_group[0][name]] for name in names]
    return Sheet(objective.name, values, drawn, guessing, ids)


def _value(objective: Objective, predictions: Sequence[Prediction]) -> float:
    try:
        return objective.metric(predictions)
    except UndefinedMetric:
        return float("nan")


def _whole(objective: Objective, drawn: Mapping[str, Floats]) -> dict[str, Floats]:
    """The resamples in which the metric of every arm has a value.

    Raises:
        UndefinedMetric: They are too few.
    """
    kept = np.isfinite(np.stack([*drawn.values()], axis=0)).all(axis=0)
    if float((~kept).mean()) > MOST_UNDEFINED:
        raise UndefinedMetric(
            f"{objective.name} has no value in {int((~kept).sum())} of {kept.size} resamples of "
            "validation; collect more examples of the rare kind"
        )
    return {name: values[kept] for name, values in drawn.items()}


def guess(
    app: Application,
    objective: Objective,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    *,
    seed: int,
) -> float:
    """Mean of the metric when the answers are given to other questions.

    Worked out from answers drawn by seed, for the first of a sorted file are of one label. Shuffles
    in which the metric has no value are left out.

    Raises:
        UndefinedMetric: It has none in any.
    """
    chance = np.random.default_rng([seed, 3])
    some = _some(objective, predictions, seed=seed)
    own = app.choices is not None and one_of_few(app, examples) is None
    by_id = {example.id: example for example in examples}
    values: list[float] = []
    for _ in range(SHUFFLES):
        answers: list[Json]
        if own and app.choices is not None:
            offered = [
                [app.parse(by_id[p.id], choice) for choice in app.choices(by_id[p.id])]
                for p in some
            ]
            answers = [options[chance.integers(len(options))] for options in offered]
        else:
            answers = [some[i].answer for i in chance.permutation(len(some)).tolist()]
        shuffled = [replace(p, answer=a) for p, a in zip(some, answers, strict=True)]
        values.append(_value(objective, shuffled))
    if not np.isfinite(values).any():
        raise UndefinedMetric(
            f"{objective.name} has no value when the answers are given to other questions; collect "
            "more examples of the rare kind"
        )
    return float(np.nanmean(values))


def _some(
    objective: Objective, predictions: Sequence[Prediction], *, seed: int
) -> list[Prediction]:
    """At most 400 of them, by seed; all, if the metric has no value on those."""
    if len(predictions) <= MOST_ANSWERS:
        return list(predictions)
    order = np.random.default_rng([seed, 4]).permutation(len(predictions)).tolist()
    some = [predictions[place] for place in sorted(order[:MOST_ANSWERS])]
    return some if np.isfinite(_value(objective, some)) else list(predictions)


def difference(sheet: Sheet, drawn: Floats, value: float) -> tuple[Estimate, float]:
    """The interval of a difference from its draws, and the p-value that agrees with it."""
    found = estimated(value, drawn.tolist(), sheet.groups, len(drawn), lowest=-1.0)
    return found, _p_value(drawn, value)


def _p_value(drawn: Floats, value: float) -> float:
    """Two-sided: the share of draws beyond zero; the normal tail where too few lie there to count.

    B draws cannot show a p-value below 2 / B, and Holm's correction multiplies it.
    """
    least = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    counted = min(1.0, 2 * (1 + least) / (1 + len(drawn)))
    spread = float(drawn.std())
    if least >= FEW_BEYOND or spread <= TIE:
        return counted
    return min(counted, float(2 * norm.sf(abs(value) / spread)))


def projected(measured: Sheet, name: str, value: float, drawn: Floats) -> list[Comparison]:
    """The projected tune with each other arm, with the most frequent answer and with guessing.

    Args:
        measured: All arms.
        name: Of the tune that is projected.
        value: The projected metric.
        drawn: What chance could have made of it.
    """
    others = [other for other in measured.guessing if other not in TUNES]
    rows = [
        (other, value - measured.values[other], drawn - measured.drawn[other]) for other in others
    ]
    level = measured.guessing[name]
    rows.append((GUESSING, value - level, drawn - level))
    return _compared(measured, PROJECTED[name], rows, "tune")


def useful(measured: Sheet, names: Sequence[str]) -> list[Comparison]:
    """Each arm with the most frequent answer, and with guessing."""
    found: list[Comparison] = []
    for name in names:
        value, drawn, level = measured.values[name], measured.drawn[name], measured.guessing[name]
        rows = [
            (MAJORITY, value - measured.values[MAJORITY], drawn - measured.drawn[MAJORITY]),
            (GUESSING, value - level, drawn - level),
        ]
        found += _compared(measured, name, rows, "useful")
    adjusted = stats.holm([one.p_value for one in found])
    return [
        one.model_copy(update={"p_adjusted": p}) for one, p in zip(found, adjusted, strict=True)
    ]


def measured_pairs(
    app: Application,
    objective: Objective,
    results: Mapping[str, ArmResult],
    *,
    resamples: int,
    seed: int,
) -> list[Comparison]:
    """The paired tests of the questions that are about arms as they were measured."""
    some = app_of(app, objective)
    prompts = [name for name in PROMPTS if name in results]
    tunes = [name for name in TUNES if name in results]
    models = [*prompts, *tunes]
    others = [name for name in prompts if name != RETRIEVAL]
    questions: dict[str, list[tuple[str, str]]] = {
        "retrieve": [(RETRIEVAL, other) for other in others if RETRIEVAL in results],
        "prompts": [(a, b) for i, a in enumerate(others) for b in others[i + 1 :]],
        "classical": [(CLASSICAL, model) for model in models if CLASSICAL in results],
        "measured": [(tune, other) for tune in tunes for other in prompts]
        + [(TUNE_RETRIEVAL, SMALL_TUNE)] * (len(tunes) > 1),
    }
    found: list[Comparison] = []
    for question, pairs in questions.items():
        some_pairs = [(objective.part(results[a]), objective.part(results[b])) for a, b in pairs]
        compared = compare_pairs(some, some_pairs, resamples=resamples, seed=seed)
        found += [one.model_copy(update={"question": question}) for one in compared]
    return found


def _compared(
    measured: Sheet,
    name: str,
    rows: Sequence[tuple[str, float, Floats]],
    question: str,
) -> list[Comparison]:
    made = [difference(measured, drawn, value) for _, value, drawn in rows]
    adjusted = stats.holm([p for _, p in made])
    return [
        Comparison(
            arm=name,
            against=other,
            metric=measured.metric,
            difference=found,
            p_value=p,
            p_adjusted=corrected,
            test="bootstrap of groups" + (" and of the curve" if question == "tune" else ""),
            verdict=stats.verdict(found, corrected),
            question=question,
        )
        for (other, _, _), (found, p), corrected in zip(rows, made, adjusted, strict=True)
    ]
