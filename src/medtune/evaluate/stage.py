"""The sealed test: what is to be released and every baseline, on the same examples; then the rest.

The answers of the way under test are in `<out>/predictions.jsonl`, each baseline's and each part's
in `<out>/evaluate`; a killed stage goes on after the last whole arm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medtune import __version__, stats
from medtune.artifacts import PLAIN_TUNE, Decision, Evaluation, Way, read_examples
from medtune.config import Run
from medtune.errors import DataError, UndefinedMetric
from medtune.evaluate import tables
from medtune.evaluate.bench import Bench
from medtune.evaluate.parts import Setup, measure_parts
from medtune.evaluate.seal import open_seal
from medtune.measure import (
    Measured,
    app_of,
    arm_files,
    compare_pairs,
    measure,
    resumed,
    with_objective,
)
from medtune.progress import say
from medtune.records import Application, ArmResult, Example, Objective


def evaluate(
    run: Run,
    app: Application,
    setup: Setup,
    *,
    key: str,
    inputs: Mapping[str, str],
) -> Evaluation:
    """Score what is to be released and the baselines on the sealed test; save the evaluation.

    Args:
        run: The settings.
        app: The task, as it is asked in the way under test.
        setup: The models, and what they are measured on beside the test.
        key: Hash of all that this stage depends on.
        inputs: SHA-256 by name; must hold `test`, and `adapter` or `way`.

    Raises:
        DataError: The test split is missing or empty, or has fewer than two groups, or a file that
            the run names cannot be used.
    """
    assert setup.way.name not in setup.baselines, "that is the name of what is under test"
    opened_by = inputs["way"] if "way" in inputs else inputs["adapter"]
    openings = open_seal(run.out, adapter=opened_by, test=inputs["test"])
    examples = read_examples(run.out / "test.jsonl")
    if not examples:
        raise DataError(f"{run.out / 'test.jsonl'}: no examples; raise data.test or add records")
    detectable = planned_detectable(run.out, examples, setup.way)
    results = _results(run, app, setup, examples, key=key)
    measured = _measured(run, app, setup.objective, results)
    bench = Bench(
        run, app, setup.tuned, setup.base, key, examples, results[0], setup.way, setup.plain or app
    )
    parts = measure_parts(bench, setup, results)
    for result in results:
        bench.files.update(arm_files(_path(run.out, result.name, setup), run.out))
    evaluation = Evaluation(
        key=key,
        inputs=dict(inputs),
        outputs=bench.files,
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        way=setup.way,
        primary=app.primary,
        arms=measured.arms,
        comparisons=measured.comparisons,
        calibration=measured.calibration,
        reliability=tables.reliability(results[0]),
        confusion=tables.confusion(app, examples, results[0]),
        subgroups=tables.primary_by_subgroup(app.primary, parts.fairness),
        failed=sum(arm.failed for arm in measured.arms),
        openings=openings,
        detectable=detectable,
        **parts._asdict(),
    )
    evaluation.save(run.out)
    return evaluation


def _measured(
    run: Run, app: Application, decided: Objective | None, results: Sequence[ArmResult]
) -> Measured:
    """All numbers of the arms, and what the decision was about where that is another number.

    Where the test cannot show that, it is left out, and the gates on it are not met.
    """
    chance = {"resamples": run.evaluate.resamples, "seed": run.seed}
    pairs = [(results[0], other) for other in results[1:]]
    measured = measure(app, results, pairs, **chance)
    if decided is None:
        return measured
    parts = [decided.part(result) for result in results]
    if len({p.group for p in parts[0].predictions}) < stats.MIN_GROUPS:
        say(f"evaluate: {decided.name}: not measured, the test has fewer than two groups of it")
        return measured
    try:
        arms = with_objective(decided, measured.arms, results, **chance)
        pairs = [(parts[0], other) for other in parts[1:]]
        compared = compare_pairs(app_of(app, decided), pairs, **chance)
    except UndefinedMetric as reason:
        say(f"evaluate: {decided.name}: not measured, {reason}")
        return measured
    return measured._replace(arms=arms, comparisons=[*measured.comparisons, *compared])


def planned_detectable(out: Path, test: Sequence[Example], way: Way = PLAIN_TUNE) -> float | None:
    """The smallest difference that the test can be expected to show.

    Of a tune to the best prompt, of a prompt to the most frequent answer: what the first gate asks.
    Known before any answer is: from the spread that the decision saw on validation. None if the run
    has no decision on such a difference, or the test fewer than two groups.
    """
    decision = Decision.find(out)
    focus = "" if decision is None else decision.facts.focus or ""
    if focus and decision is not None and decision.objective.endswith(f" where {focus}"):
        key, _, value = focus.partition("=")
        test = [example for example in test if example.subgroups.get(key) == value]
    n_groups = len({example.group for example in test})
    if decision is None or n_groups < stats.MIN_GROUPS:
        return None
    known = decision.recipes if not way.is_tuned else ()
    rivals = [gate.against for gate in decision.gates if gate.against not in (None, *known)]
    pilot = next(
        (
            one
            for one in decision.comparisons
            if one.against in rivals[:1] and (way.is_tuned or one.arm == way.name)
        ),
        None,
    )
    if pilot is None:
        return None
    return stats.planned_from(pilot.difference, len(test), n_groups).detectable


def _results(
    run: Run, app: Application, setup: Setup, examples: Sequence[Example], *, key: str
) -> list[ArmResult]:
    """The answers of every arm, those of the way under test first."""

    def ask(questions: Sequence[Example]) -> ArmResult:
        result = setup.tuned.ask(app, questions)
        return replace(result, about=f"{_about(setup.way)}: {result.about}")

    def answers(name: str, arm: Callable[[Sequence[Example]], ArmResult]) -> ArmResult:
        say(f"evaluate: {name.replace('_', '-')} on {len(examples)} sealed test examples")
        path = _path(run.out, name, setup)
        return resumed(path, key=key, name=name, examples=examples, run=arm)

    plan = {setup.way.name: ask, **setup.baselines}
    return [answers(name, arm) for name, arm in plan.items()]


def _about(way: Way) -> str:
    """What is under test, in words."""
    parts = ["the tuned model" if way.is_tuned else "the base model"]
    if way.prompt:
        parts.append("with the prompt that the decision found")
    if way.shots:
        parts.append(f"with {way.shots} worked examples")
    if way.passages:
        what = "passages" if way.of_documents else "nearest training examples"
        parts.append(f"with up to {way.passages} {what} found for each question")
    return ", ".join(parts)


def _path(out: Path, name: str, setup: Setup) -> Path:
    if name == setup.way.name:
        return out / "predictions.jsonl"
    return out / "evaluate" / f"{name}.jsonl"
