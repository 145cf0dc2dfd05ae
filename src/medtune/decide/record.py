"""From the answers of all arms to the signed decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from medtune import __version__, stats
from medtune.artifacts import Comparison, Cost, Decision, Facts, Recipe
from medtune.decide.compare import (
    ARMS,
    TUNES,
    measured_pairs,
    sheet,
    useful,
)
from medtune.decide.gates import fixed_gates
from medtune.decide.goal import kept_of, margin_of, objective_of, rule_of
from medtune.decide.projection import Ladder, Projection, project
from medtune.decide.prompting import PROMPTS, Desk
from medtune.decide.reasons import reasons_of
from medtune.decide.verdict import judge
from medtune.errors import UndefinedMetric
from medtune.measure import app_of, compare_pairs, measure, with_objective
from medtune.records import ArmResult, Estimate, Example, Objective


@dataclass(frozen=True, slots=True)
class Answered:
    """All that was asked, before anything is compared."""

    validation: Sequence[Example]
    recipes: Mapping[str, Recipe]
    ladder: Ladder | None
    """None where nothing may be learned from."""
    results: Mapping[str, ArmResult]
    """By arm, those of the learning curve included."""
    costs: Mapping[str, Cost]
    retained: Sequence[Comparison]
    saved: Sequence[Comparison] = ()
    """What requests of the tunes save, where the goal is decided by cost."""

    @property
    def shown(self) -> dict[str, ArmResult]:
        """The arms that are compared: all but the smaller tunes of the curve."""
        return {name: result for name, result in self.results.items() if name in ARMS}


@dataclass(frozen=True, slots=True)
class Head:
    """Where a decision comes from."""

    key: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    """SHA-256 of the files of the arms."""
    look: int


def record(desk: Desk, answered: Answered, head: Head) -> Decision:
    """Measure, compare, judge, fix the gates, and sign."""
    run, app = desk.run, desk.app
    some = list(answered.shown.values())
    objective = objective_of(run, app, some[0].predictions)
    measured = measure(app, some, [], resamples=run.evaluate.resamples, seed=run.seed)
    comparisons, projection = _compared(desk, answered, objective)
    own = objective.name == app.primary
    draft = Decision(
        key=head.key,
        inputs=dict(head.inputs),
        outputs=dict(head.outputs),
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        goal=run.goal,
        rule=rule_of(run.goal),
        primary=app.primary,
        objective="" if own else objective.name,
        margin=margin_of(run),
        facts=Facts(
            must_retrieve=run.decide.must_retrieve,
            may_learn=run.decide.may_learn,
            focus=run.decide.focus,
            lower_is_better=own and app.primary in app.lower_is_better,
        ),
        arms=measured.arms
        if own
        else with_objective(
            objective, measured.arms, some, resamples=run.evaluate.resamples, seed=run.seed
        ),
        comparisons=comparisons,
        recipes=dict(answered.recipes),
        costs=dict(answered.costs),
        currency=run.decide.currency,
        curve=projection.curve if projection else None,
        needed_groups=projection.needed_groups if projection else None,
        minimum_detectable=projection.minimum_detectable if projection else 0.0,
        look=head.look,
        verdict="not_enough_data",
        recommendation="",
        reasons=[],
        gates=[],
    )
    judgement = judge(draft)
    says = {
        "verdict": judgement.verdict,
        "recommendation": judgement.recommendation,
        "winner": judgement.winner,
        "gates": [*fixed_gates(draft, measured.calibration), *app.gates],
        "reasons": reasons_of(draft, judgement),
    }
    return draft.model_copy(update=says).signed()


def _compared(
    desk: Desk, answered: Answered, objective: Objective
) -> tuple[list[Comparison], Projection | None]:
    """Every comparison of the rule, and the learning curve."""
    run, shown = desk.run, answered.shown
    resamples, seed = run.evaluate.resamples, run.seed
    whole = [r for r in answered.results.values() if not any(p.failed for p in r.predictions)]
    all_arms = sheet(
        desk.app, objective, answered.validation, whole, resamples=resamples, seed=seed
    )
    projection = answered.ladder and project(
        answered.ladder,
        all_arms,
        objective,
        margin=margin_of(run),
        must_retrieve=run.decide.must_retrieve,
        seed=seed,
    )
    comparisons = [] if projection is None else projection.comparisons
    comparisons = comparisons + measured_pairs(
        desk.app, objective, shown, resamples=resamples, seed=seed
    )
    comparisons += useful(all_arms, [n for n in all_arms.guessing if n in (*PROMPTS, *TUNES)])
    comparisons += [*_kept(desk, answered), *answered.retained, *answered.saved]
    return comparisons, projection


def _kept(desk: Desk, answered: Answered) -> list[Comparison]:
    """The tunes with every prompting arm on what the goal must not harm."""
    run, shown = desk.run, answered.shown
    predictions = next(iter(shown.values())).predictions
    found: list[Comparison] = []
    for objective in kept_of(run, desk.app, predictions):
        parts = {name: objective.part(result) for name, result in shown.items()}
        some = [
            _one_kept(desk, objective, parts[tune], parts[other])
            for tune in TUNES
            for other in PROMPTS
            if tune in parts and other in parts
        ]
        adjusted = stats.holm([one.p_value for one in some])
        found += [
            one.model_copy(
                update={
                    "question": f"keep {objective.name}",
                    "p_adjusted": p,
                    "verdict": stats.verdict(one.difference, p),
                }
            )
            for one, p in zip(some, adjusted, strict=True)
        ]
    return found


def _one_kept(desk: Desk, objective: Objective, tune: ArmResult, other: ArmResult) -> Comparison:
    """The two on what must be kept; any difference is possible where the metric has no value.

    The PPV has none for an arm that never answers with the positive label, nor has the AUROC for
    one without probabilities.
    """
    sizes, app = desk.run.evaluate, app_of(desk.app, objective)
    try:
        (found,) = compare_pairs(
            app, [(tune, other)], resamples=sizes.resamples, seed=desk.run.seed
        )
    except UndefinedMetric as reason:
        counted = tune.predictions
        n, n_groups = len(counted), len({p.group for p in counted})
        return Comparison(
            arm=tune.name,
            against=other.name,
            metric=objective.name,
            difference=Estimate(0.0, -1.0, 1.0, n, n_groups, f"not measurable: {reason}"),
            p_value=1.0,
            p_adjusted=1.0,
            test="none",
            verdict="not_enough_data",
        )
    return found
