"""The experiment before the tuning: every arm on the same validation examples, then the rule.

Each arm's answers are kept in `<out>/decide/<arm>.jsonl`; a killed stage goes on after the last
whole arm. The sealed test is not touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medtune import __version__
from medtune.artifacts import DataCard, Decision, read_examples
from medtune.config import Run
from medtune.decide.arms import CLASSICAL, PROMPTS, Arm, arms
from medtune.decide.draw import choose_shots, draw_few, fitting
from medtune.decide.verdict import RULE, SMALL_TUNE, fixed_gates, judge
from medtune.errors import DataError
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.measure import arm_files, measure, resumed
from medtune.progress import say
from medtune.records import Application, ArmResult, Example


def decide(
    run: Run,
    app: Application,
    model: LanguageModel,
    small_tune: Callable[[Sequence[Example]], LanguageModel],
    *,
    key: str,
    inputs: Mapping[str, str],
) -> Decision:
    """Run every arm on the validation split, judge by the rule, fix the gates, save the decision.

    Args:
        run: The settings.
        app: The task.
        model: The base model.
        small_tune: Tunes the base model on the examples given. Called last, and not at all if an
            earlier run left that arm whole.
        key: Hash of all that this stage depends on.
        inputs: SHA-256 of the splits and the model.

    Raises:
        DataError: A split is missing or empty, or validation has fewer than two groups.
    """
    train, validation = (_split(run.out, name) for name in ("train", "validation"))
    shots = _shots(run, app, train, model)
    plan = arms(run, app, train, model, shots)
    plan[SMALL_TUNE] = lambda examples: _tuned(run, app, train, examples, small_tune)
    results = [_answers(run.out, name, arm, validation, key=key) for name, arm in plan.items()]
    return _decision(run, app, results, shots=shots, key=key, inputs=inputs)


def _split(out: Path, name: str) -> list[Example]:
    examples = read_examples(out / f"{name}.jsonl")
    if not examples:
        raise DataError(f"{out / name}.jsonl: no examples; lower the other shares or add records")
    return examples


def _shots(
    run: Run, app: Application, train: Sequence[Example], model: LanguageModel
) -> list[Example]:
    wanted = choose_shots(app, train, run.decide.shots, seed=run.seed)
    shots = fitting(
        wanted,
        app,
        model,
        longest=max(split.longest for split in DataCard.load(run.out).splits.values()),
        reply_tokens=run.evaluate.max_new_tokens,
    )
    if len(shots) < run.decide.shots:
        say(
            f"decide: {len(shots)} of {run.decide.shots} worked examples: "
            + (
                "more do not fit model.context_tokens beside the longest record"
                if len(shots) < len(wanted)
                else "train has no more groups"
            )
        )
    return shots


def _tuned(
    run: Run,
    app: Application,
    train: Sequence[Example],
    examples: Sequence[Example],
    small_tune: Callable[[Sequence[Example]], LanguageModel],
) -> ArmResult:
    few = draw_few(train, run.decide.tune_examples, seed=run.seed)
    tuned = small_tune(few)
    result = predict(tuned, app, examples, settings=run.evaluate, what="small tune")
    return replace(
        result, about=f"the base model tuned on {len(few)} training examples: {result.about}"
    )


def _answers(
    out: Path, name: str, arm: Arm, validation: Sequence[Example], *, key: str
) -> ArmResult:
    say(f"decide: {name.replace('_', '-')} on {len(validation)} validation examples")
    return resumed(_path(out, name), key=key, name=name, examples=validation, run=arm)


def _decision(
    run: Run,
    app: Application,
    results: Sequence[ArmResult],
    *,
    shots: Sequence[Example],
    key: str,
    inputs: Mapping[str, str],
) -> Decision:
    measured = measure(
        app, results, _pairs(results), resamples=run.evaluate.resamples, seed=run.seed
    )
    judgement = judge(
        measured.arms,
        measured.comparisons,
        primary=app.primary,
        margin=run.decide.margin,
        lower_is_better=app.primary in app.lower_is_better,
    )
    gates = fixed_gates(
        primary=app.primary,
        margin=run.decide.margin,
        best_prompt=judgement.best_prompt,
        calibration=measured.calibration,
    )
    outputs: dict[str, str] = {}
    for result in results:
        outputs |= arm_files(_path(run.out, result.name), run.out)
    decision = Decision(
        key=key,
        inputs=dict(inputs),
        outputs=outputs,
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        goal=run.goal,
        rule=RULE,
        primary=app.primary,
        arms=measured.arms,
        comparisons=measured.comparisons,
        verdict=judgement.verdict,
        recommendation=judgement.recommendation,
        reasons=judgement.reasons,
        shots=[shot.id for shot in shots],
        gates=[*gates, *app.gates],
        minimum_detectable=judgement.minimum_detectable,
    )
    decision.save(run.out)
    return decision


def _pairs(results: Sequence[ArmResult]) -> list[tuple[ArmResult, ArmResult]]:
    """The small tune with every other arm, and the classical baseline with every prompt."""
    by_name = {result.name: result for result in results}
    small = by_name[SMALL_TUNE]
    pairs = [(small, other) for other in results if other is not small]
    if CLASSICAL in by_name:
        prompts = [by_name[name] for name in PROMPTS if name in by_name]
        pairs += [(by_name[CLASSICAL], prompt) for prompt in prompts]
    return pairs


def _path(out: Path, name: str) -> Path:
    return out / "decide" / f"{name}.jsonl"
