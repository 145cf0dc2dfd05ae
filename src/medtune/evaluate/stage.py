"""The sealed test: the tuned model and every baseline on the same examples, once.

The tuned model's answers are in `<out>/predictions.jsonl`, each baseline's in
`<out>/evaluate/<arm>.jsonl`; a killed stage goes on after the last whole arm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medtune import __version__
from medtune.artifacts import Evaluation, read_examples
from medtune.config import Run
from medtune.errors import DataError
from medtune.evaluate import tables
from medtune.evaluate.seal import open_seal
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.measure import arm_files, measure, resumed
from medtune.progress import say
from medtune.records import Application, ArmResult, Example

TUNED = "tuned"


def evaluate(
    run: Run,
    app: Application,
    tuned: LanguageModel,
    baselines: Mapping[str, Callable[[Sequence[Example]], ArmResult]],
    *,
    key: str,
    inputs: Mapping[str, str],
) -> Evaluation:
    """Score the tuned model and the baselines on the sealed test, and save the evaluation.

    Args:
        run: The settings.
        app: The task.
        tuned: The base model with the adapter.
        baselines: The arms of `decide` by name, without its small tune.
        key: Hash of all that this stage depends on.
        inputs: SHA-256 by name; must hold `adapter` and `test`.

    Raises:
        DataError: The test split is missing or empty, or has fewer than two groups.
    """
    assert TUNED not in baselines, "that is the name of the model under test"
    openings = open_seal(run.out, adapter=inputs["adapter"], test=inputs["test"])
    examples = read_examples(run.out / "test.jsonl")
    if not examples:
        raise DataError(f"{run.out / 'test.jsonl'}: no examples; raise data.test or add records")

    def ask(questions: Sequence[Example]) -> ArmResult:
        result = predict(tuned, app, questions, settings=run.evaluate, what="tuned model")
        return replace(result, about=f"the tuned model: {result.about}")

    plan = {TUNED: ask, **baselines}
    results = [_answers(run.out, name, arm, examples, key=key) for name, arm in plan.items()]
    measured = measure(
        app,
        results,
        [(results[0], other) for other in results[1:]],
        resamples=run.evaluate.resamples,
        seed=run.seed,
    )
    outputs: dict[str, str] = {}
    for result in results:
        outputs |= arm_files(_path(run.out, result.name), run.out)
    evaluation = Evaluation(
        key=key,
        inputs=dict(inputs),
        outputs=outputs,
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        primary=app.primary,
        arms=measured.arms,
        comparisons=measured.comparisons,
        calibration=measured.calibration,
        reliability=tables.reliability(results[0]),
        confusion=tables.confusion(app, examples, results[0]),
        subgroups=tables.subgroups(
            app, results[0], resamples=run.evaluate.resamples, seed=run.seed
        ),
        failed=sum(arm.failed for arm in measured.arms),
        openings=openings,
    )
    evaluation.save(run.out)
    return evaluation


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
