"""The sealed test: the tuned model and every baseline on the same examples, once; then the rest.

The tuned model's answers are in `<out>/predictions.jsonl`, each baseline's and each part's in
`<out>/evaluate`; a killed stage goes on after the last whole arm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medtune import __version__, stats
from medtune.artifacts import Decision, Evaluation, read_examples
from medtune.config import Run
from medtune.errors import DataError
from medtune.evaluate import tables
from medtune.evaluate.bench import Bench
from medtune.evaluate.parts import Setup, measure_parts
from medtune.evaluate.seal import open_seal
from medtune.measure import arm_files, measure, resumed
from medtune.progress import say
from medtune.records import Application, ArmResult, Example

TUNED = "tuned"


def evaluate(
    run: Run,
    app: Application,
    setup: Setup,
    *,
    key: str,
    inputs: Mapping[str, str],
) -> Evaluation:
    """Score the tuned model and the baselines on the sealed test, and save the evaluation.

    Args:
        run: The settings.
        app: The task.
        setup: The models, and what they are measured on beside the test.
        key: Hash of all that this stage depends on.
        inputs: SHA-256 by name; must hold `adapter` and `test`.

    Raises:
        DataError: The test split is missing or empty, or has fewer than two groups, or a file that
            the run names cannot be used.
    """
    assert TUNED not in setup.baselines, "that is the name of the model under test"
    openings = open_seal(run.out, adapter=inputs["adapter"], test=inputs["test"])
    examples = read_examples(run.out / "test.jsonl")
    if not examples:
        raise DataError(f"{run.out / 'test.jsonl'}: no examples; raise data.test or add records")
    detectable = planned_detectable(run.out, examples)
    results = _results(run, app, setup, examples, key=key)
    measured = measure(
        app,
        results,
        [(results[0], other) for other in results[1:]],
        resamples=run.evaluate.resamples,
        seed=run.seed,
    )
    bench = Bench(run, app, setup.tuned, setup.base, key, examples, results[0])
    parts = measure_parts(bench, setup, results)
    for result in results:
        bench.files.update(arm_files(_path(run.out, result.name), run.out))
    evaluation = Evaluation(
        key=key,
        inputs=dict(inputs),
        outputs=bench.files,
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
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


def planned_detectable(out: Path, test: Sequence[Example]) -> float | None:
    """The smallest difference to the best prompt that the test can be expected to show.

    Known before any answer is: from the spread that the decision saw on validation. None if the
    run has no decision on such a difference, or the test fewer than two groups.
    """
    decision = Decision.find(out)
    n_groups = len({example.group for example in test})
    if decision is None or n_groups < stats.MIN_GROUPS:
        return None
    rival = next((gate.against for gate in decision.gates if gate.against is not None), None)
    pilot = next((c for c in decision.comparisons if c.against == rival), None)
    if pilot is None:
        return None
    return stats.planned_from(pilot.difference, len(test), n_groups).detectable


def _results(
    run: Run, app: Application, setup: Setup, examples: Sequence[Example], *, key: str
) -> list[ArmResult]:
    """The answers of every arm, the tuned model's first."""

    def ask(questions: Sequence[Example]) -> ArmResult:
        result = setup.tuned.ask(app, questions)
        return replace(result, about=f"the tuned model: {result.about}")

    plan = {TUNED: ask, **setup.baselines}
    return [_answers(run.out, name, arm, examples, key=key) for name, arm in plan.items()]


def _answers(
    out: Path,
    name: str,
    arm: Callable[[Sequence[Example]], ArmResult],
    examples: Sequence[Example],
    *,
    key: str,
) -> ArmResult:
    say(f"evaluate: {name.replace('_', '-')} on {len(examples)} sealed test examples")
    return resumed(_path(out, name), key=key, name=name, examples=examples, run=arm)


def _path(out: Path, name: str) -> Path:
    return out / "predictions.jsonl" if name == TUNED else out / "evaluate" / f"{name}.jsonl"
