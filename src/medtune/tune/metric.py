"""The metric that a look goes by for `stop_on: metric`, on some validation examples."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

from medtune.config import Run
from medtune.errors import DataError, UndefinedMetric
from medtune.llm.flat import plain
from medtune.llm.load import LanguageModel
from medtune.llm.predict import oracle, predict
from medtune.measure import answered, more_is_better
from medtune.records import Application, Example, Metric, Objective


def metric_of(
    run: Run,
    app: Application,
    lm: LanguageModel,
    validation: Sequence[Example],
    objective: Objective | None,
) -> Callable[[], float | None]:
    """Answers examples as the evaluation does; more is better, None where there is no value.

    Args:
        run: Its settings.
        app: The task.
        lm: The model, as it is when a look is taken.
        validation: Of these it answers some, the same at each look.
        objective: What decides; None is the primary metric over all.

    Raises:
        DataError: On the examples drawn the metric has no value, whatever is answered.
    """
    metric = more_is_better(app) if objective is None else objective.metric
    asked = _asked(run, app, validation, objective)
    if reason := _no_value(app, metric, asked):
        raise DataError(
            f"tune.metric_examples: {len(asked)} of {len(validation)} validation examples are "
            f"answered at each look, and on them what decides has no value ({reason}); raise it, "
            "bring more records, or set tune.stop_on to 'loss'"
        )

    def measured() -> float | None:
        with plain(lm.model):
            result = predict(lm, app, asked, settings=run.evaluate.scoring, what="validation")
        try:
            return metric(answered(result))
        except UndefinedMetric:
            return None

    return measured


def has_metric(
    run: Run, app: Application, validation: Sequence[Example], objective: Objective
) -> bool:
    """Whether what decides has a value on the examples that looks would answer."""
    return not _no_value(app, objective.metric, _asked(run, app, validation, objective))


def spread(examples: Sequence[Example], n: int) -> list[Example]:
    """At most `n` of the examples, the same in every run, with each label and subgroup among them.

    Half of them are shared out evenly among the labels, in all and in each subgroup, the most
    frequent first; the other half is as it comes.
    """
    order = sorted(examples, key=lambda one: hashlib.sha256(f"few/{one.id}".encode()).digest())
    kinds = {one.id: _kinds(one) for one in order}
    counts = Counter(kind for one in order for kind in kinds[one.id])
    each = max(1, n // (2 * max(1, len(counts))))
    chosen: set[str] = set()
    for kind, _ in counts.most_common():
        members = [one.id for one in order if kind in kinds[one.id]]
        n_missing = each - len(chosen.intersection(members))
        fresh = [name for name in members if name not in chosen]
        chosen.update(fresh[: max(0, min(n_missing, n - len(chosen)))])
    others = [one.id for one in order if one.id not in chosen]
    chosen.update(others[: n - len(chosen)])
    return [one for one in examples if one.id in chosen]


def _kinds(example: Example) -> list[tuple[str, str, str]]:
    label = str(example.target)
    return [("", "", label), *((name, value, label) for name, value in example.subgroups.items())]


def _asked(
    run: Run, app: Application, validation: Sequence[Example], objective: Objective | None
) -> list[Example]:
    some = [one for one in validation if objective is None or objective.counts(oracle(app, one))]
    return spread(some, run.tune.metric_examples)


def _no_value(app: Application, metric: Metric, asked: Sequence[Example]) -> str:
    """Why the metric has no value even where every answer is right; empty if it has one."""
    try:
        metric([oracle(app, one) for one in asked])
    except DataError as reason:
        return str(reason)
    return ""
