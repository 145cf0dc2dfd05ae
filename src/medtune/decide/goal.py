"""What each goal decides by: what must improve, by how much, and what must not be harmed.

Written before any experiment; the texts go into the decision word for word.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from medtune.config import GoalName, Run
from medtune.errors import ConfigError, UndefinedMetric
from medtune.records import Application, Example, Metric, Objective, Prediction

MARGIN = 0.02
"""Two points of the metric: less does not pay for a model of one's own (our choice)."""
TOLERANCE = 0.02
"""What must not be harmed may lose at most this much, by the whole interval (our choice)."""
LEAST_IN_SUBGROUP = 20
"""Validation examples with which a subgroup counts as one that may be the worst."""
CHEAPER = 0.8
"""For the goal `efficiency`: cost of the tune per request, as a share of the other arm's."""


@dataclass(frozen=True, slots=True)
class GoalRule:
    """How one goal decides."""

    improves: Literal["all", "worst_subgroup", "focus", "cost"]
    keeps: tuple[Literal["all", "rest", "other_metrics"], ...]
    says: str


RULES: dict[GoalName, GoalRule] = {
    "domain_knowledge": GoalRule(
        "all",
        (),
        "Decided by the primary metric on all validation examples. Knowledge is what retrieval "
        "brings too, so the tune must also beat retrieval.",
    ),
    "custom_data": GoalRule(
        "all", (), "Decided by the user's own metric on all validation examples."
    ),
    "accuracy": GoalRule(
        "all",
        (),
        "Decided by the primary metric on all validation examples. Calibration must not be harmed: "
        "the release has a gate on it.",
    ),
    "bias": GoalRule(
        "worst_subgroup",
        ("all",),
        "Decided by the primary metric of the worst subgroup with 20 or more validation examples. "
        "The metric over all examples must not fall.",
    ),
    "language": GoalRule(
        "focus",
        ("rest",),
        "Decided by the primary metric on the records of the target language (decide.focus). The "
        "metric on the records of other languages must not fall.",
    ),
    "style": GoalRule(
        "all",
        ("other_metrics",),
        "Decided by the primary metric, which must measure the guideline. No other metric of the "
        "application may fall.",
    ),
    "freshness": GoalRule(
        "focus",
        ("rest",),
        "Decided by the primary metric on the records of facts that changed (decide.focus). The "
        "metric on the records of facts that did not change must not fall.",
    ),
    "efficiency": GoalRule(
        "cost",
        (),
        "Decided by cost at equal quality: the tune may lose no more than the margin of the "
        "primary metric to any other arm, and its requests must cost at most 80 % of what those of "
        "the best of them cost: by the whole interval of single requests that were put to both in "
        "turn, and by the pass over all validation examples. Where a price is 0 or unknown, this "
        "cannot be told.",
    ),
}

COMMON = """\
All arms answer the same validation examples; every prompting arm may try the same number of \
prompts, on a part of train. Differences are paired and signed so that more is better; each has a \
95 % interval. Because every further decision in the same folder is one more chance to be wrong, \
the first is made at 4 %, and each later one at a fifth of the one before. "Better" means that \
the whole interval, at that level, lies above the margin and that p after Holm's correction is \
below the level; "not better" that the whole interval lies at or below the margin; all else \
cannot be told. What stands for the tune is not one small tune but the learning curve of five \
sizes, read at all training examples there are, or at four times the largest tune if that is \
less. Its interval holds the chance in the validation examples, in the draw and seed of each \
tune, and in the curve's shape. Should we tune? No, if the records may not be learned from. Yes, \
if the tune is better than every prompting arm by the margin, and better than the most frequent \
answer and than guessing, and harms nothing that the goal must keep by more than 0.02. No, if it \
is not better than one of them, or worse than the classical baseline, or harms what must be kept, \
or if no arm is better than guessing although a difference of 0.10 would have been seen. Else \
there is not enough data to tell. Where an answer must cite its source, or what it rests on \
changes more than twice a year, only arms that retrieve may be used, whatever the numbers: \
retrieval stands for all prompting arms, and only a tune with retrieval may be compared with it. \
If not yes: collect more data, if by the curve a tune on at most four times as many training \
examples beats the best other arm by the margin with a probability of 80 %. Between 15 and 80 %, \
or if the curve would get there by going on as it rose between its two largest sizes, it cannot \
be told whether more data would help. Else, after a no: the classical baseline, if it is better \
than every arm with a language model; retrieve, if retrieval is better than every other prompt; \
the best prompt, if it is better than the most frequent answer and than guessing; nothing, if no \
arm is. An arm with a failed answer cannot be recommended."""


def rule_of(goal: GoalName) -> str:
    """The rule of a goal, in words."""
    return f"{COMMON} For the goal {goal}: {RULES[goal].says}"


def margin_of(run: Run) -> float:
    """How much better than the best other arm the tune must be."""
    return MARGIN if run.decide.margin is None else run.decide.margin


def objective_of(run: Run, app: Application, predictions: Sequence[Prediction]) -> Objective:
    """What decides.

    Raises:
        ConfigError: The goal needs subgroups, or a focus, that the data do not have.
    """
    kind = RULES[run.goal].improves
    if kind == "worst_subgroup":
        return _worst(run, app, predictions)
    if kind == "focus" and run.decide.focus is not None:
        inside = _in_focus(run.decide.focus, predictions)
        name = f"{app.primary} where {run.decide.focus}"
        return Objective(name, _signed(app, app.primary), inside, _most(app, app.primary))
    return Objective(app.primary, _signed(app, app.primary), _all, _most(app, app.primary))


def objective_on(run: Run, app: Application, validation: Sequence[Example]) -> Objective:
    """What decides, before anything is answered: validation says which subgroups are large.

    Raises:
        ConfigError: The goal needs subgroups, or a focus, that the data do not have.
    """
    unanswered = [
        Prediction(one.id, one.group, one.target, None, subgroups=one.subgroups)
        for one in validation
    ]
    return objective_of(run, app, unanswered)


def kept_of(run: Run, app: Application, predictions: Sequence[Prediction]) -> list[Objective]:
    """What must not be harmed, where the data can show it."""
    found: list[Objective] = []
    for kind in RULES[run.goal].keeps:
        if kind == "all":
            name = f"{app.primary} over all"
            found.append(Objective(name, _signed(app, app.primary), _all, _most(app, app.primary)))
        elif kind == "other_metrics":
            found += [
                Objective(name, _signed(app, name), _all, _most(app, name))
                for name in app.metrics
                if name != app.primary
            ]
        elif run.decide.focus is not None:
            inside = _in_focus(run.decide.focus, predictions)
            outside = [p for p in predictions if not inside(p)]
            if len({p.group for p in outside}) > 1:
                name = f"{app.primary} where not {run.decide.focus}"
                metric, most = _signed(app, app.primary), _most(app, app.primary)
                found.append(Objective(name, metric, _none_of(inside), most))
    return found


def _none_of(inside: Callable[[Prediction], bool]) -> Callable[[Prediction], bool]:
    return lambda prediction: not inside(prediction)


def _worst(run: Run, app: Application, predictions: Sequence[Prediction]) -> Objective:
    pairs = [pair for p in predictions for pair in p.subgroups.items()]
    large = sorted({pair for pair in pairs if pairs.count(pair) >= LEAST_IN_SUBGROUP})
    if not large:
        raise ConfigError(
            f"goal: {run.goal} is decided by the worst subgroup, and no subgroup has "
            f"{LEAST_IN_SUBGROUP} validation examples; name task.subgroups, or bring more records"
        )
    metric = _signed(app, app.primary)

    def worst(some: Sequence[Prediction]) -> float:
        parts = ([p for p in some if p.subgroups.get(key) == value] for key, value in large)
        values = [metric(part) for part in parts if part]
        if not values:
            raise UndefinedMetric("no prediction belongs to a large subgroup, so none is the worst")
        return min(values)

    return Objective(f"worst subgroup's {app.primary}", worst, _all, _most(app, app.primary))


def _in_focus(focus: str, predictions: Sequence[Prediction]) -> Callable[[Prediction], bool]:
    key, _, value = focus.partition("=")

    def inside(prediction: Prediction) -> bool:
        return prediction.subgroups.get(key) == value

    if len({p.group for p in predictions if inside(p)}) < 2:  # noqa: PLR2004  no interval of one
        raise ConfigError(
            f"decide.focus: fewer than two groups of validation have {focus}; name a subgroup "
            "attribute of the records and one of its values"
        )
    return inside


def _signed(app: Application, name: str) -> Metric:
    metric = app.metrics[name]
    if name not in app.lower_is_better:
        return metric
    return lambda predictions: -metric(predictions)


def _most(app: Application, name: str) -> float:
    return 0.0 if name in app.lower_is_better else 1.0


def _all(prediction: Prediction) -> bool:  # noqa: ARG001  every one counts
    return True
