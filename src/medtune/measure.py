"""From the answers of the arms to numbers with intervals, and arms that survive an interruption.

`decide` and `evaluate` both run arms on examples and compare them; what they share is here.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from medtune import artifacts, stats
from medtune.artifacts import Arm, Comparison
from medtune.errors import DataError, UndefinedMetric
from medtune.progress import progress, say
from medtune.records import (
    Application,
    ArmResult,
    Estimate,
    Example,
    Metric,
    Objective,
    Prediction,
)


class Measured(NamedTuple):
    """All numbers of a stage that ran arms."""

    arms: list[Arm]
    comparisons: list[Comparison]
    calibration: dict[str, Estimate]
    """Expected calibration error of each arm whose every answer has a confidence."""


def measure(
    app: Application,
    results: Sequence[ArmResult],
    pairs: Sequence[tuple[ArmResult, ArmResult]],
    *,
    resamples: int,
    seed: int,
) -> Measured:
    """Every arm's metrics and calibration, and the paired comparisons of `pairs`.

    Raises:
        DataError: An arm has no answer that counts, or answers of fewer than two groups.
    """
    arms: list[Arm] = []
    calibration: dict[str, Estimate] = {}
    with progress("intervals", len(results), "arms") as advance:
        for result in results:
            arms.append(summarise(result, app, resamples=resamples, seed=seed))
            if all(p.confidence is not None for p in answered(result)):
                calibration[result.name] = stats.bootstrap(
                    stats.expected_calibration_error,
                    answered(result),
                    resamples=resamples,
                    seed=seed,
                )
            advance(1)
    comparisons = compare_pairs(app, pairs, resamples=resamples, seed=seed)
    return Measured(arms, comparisons, calibration)


def answered(result: ArmResult) -> list[Prediction]:
    """The predictions that count: all but those where we failed.

    Raises:
        DataError: There are none.
    """
    counted = [p for p in result.predictions if not p.failed]
    if not counted:
        raise DataError(
            f"arm {result.name}: all {len(result.predictions)} predictions failed; nothing can be "
            "measured. Run the stage again, and look at the first error above"
        )
    return counted


def summarise(result: ArmResult, app: Application, *, resamples: int, seed: int) -> Arm:
    """Every metric of one arm with its interval, and what the arm cost per example.

    A metric that has no value for this arm is left out, such as the AUROC of one that gives no
    probabilities; the primary metric must have one.

    Raises:
        DataError: No prediction counts, or they are of fewer than two groups, or the primary metric
            has no value.
    """
    counted = answered(result)
    n = len(result.predictions)
    estimates: dict[str, Estimate] = {}
    for name, metric in app.metrics.items():
        try:
            estimates[name] = stats.bootstrap(metric, counted, resamples=resamples, seed=seed)
        except UndefinedMetric:
            if name == app.primary:
                raise
    return Arm(
        name=result.name,
        estimates=estimates,
        seconds_per_example=result.seconds / n,
        prompt_tokens_per_example=result.prompt_tokens / n,
        failed=n - len(counted),
        unparsed=sum(p.unparsed for p in counted),
        about=result.about,
    )


def compare(
    app: Application,
    tuned: ArmResult,
    others: Sequence[ArmResult],
    *,
    resamples: int,
    seed: int,
    margin: float = 0.0,
) -> list[Comparison]:
    """Compare one arm with each of the others on the primary metric, in pairs, with Holm inside.

    Raises:
        DataError: Two arms were not asked the same examples, or too few were answered by both.
    """
    pairs = [(tuned, other) for other in others]
    return compare_pairs(app, pairs, resamples=resamples, seed=seed, margin=margin)


def compare_pairs(
    app: Application,
    pairs: Sequence[tuple[ArmResult, ArmResult]],
    *,
    resamples: int,
    seed: int,
    margin: float = 0.0,
) -> list[Comparison]:
    """Compare the first arm of each pair with the second; Holm's correction is over all pairs.

    Only examples that both arms of a pair answered count. A positive difference means that the
    first arm is better, also for a metric of which less is better.

    Raises:
        DataError: Two arms were not asked the same examples, or too few were answered by both.
    """
    metric = more_is_better(app)
    measured: list[stats.Paired] = []
    with progress("paired tests", len(pairs), "pairs of arms") as advance:
        for one, other in pairs:
            first, second = _shared(one, other)
            measured.append(stats.paired(metric, first, second, resamples=resamples, seed=seed))
            advance(1)
    adjusted = stats.holm([result.p_value for result in measured])
    return [
        Comparison(
            arm=one.name,
            against=other.name,
            metric=app.primary,
            difference=result.difference,
            p_value=result.p_value,
            p_adjusted=p_adjusted,
            test=result.test,
            verdict=stats.verdict(result.difference, p_adjusted, margin),
        )
        for (one, other), result, p_adjusted in zip(pairs, measured, adjusted, strict=True)
    ]


def app_of(app: Application, objective: Objective) -> Application:
    """The application with the objective as its only metric."""
    return replace(
        app,
        metrics={objective.name: objective.metric},
        primary=objective.name,
        lower_is_better=frozenset(),
    )


def with_objective(
    objective: Objective,
    arms: Sequence[Arm],
    results: Sequence[ArmResult],
    *,
    resamples: int,
    seed: int,
) -> list[Arm]:
    """The arms with the objective among their estimates."""
    found: list[Arm] = []
    for arm, result in zip(arms, results, strict=True):
        some = answered(objective.part(result))
        estimate = stats.bootstrap(objective.metric, some, resamples=resamples, seed=seed)
        estimates = {objective.name: estimate, **arm.estimates}
        found.append(arm.model_copy(update={"estimates": estimates}))
    return found


def more_is_better(app: Application) -> Metric:
    """The primary metric, turned so that more is better."""
    metric = app.metrics[app.primary]
    if app.primary not in app.lower_is_better:
        return metric
    return lambda predictions: -metric(predictions)


def one_of_few(app: Application, examples: Sequence[Example]) -> tuple[str, ...] | None:
    """The labels, if all examples are answered with one of the same few; None otherwise."""
    if app.choices is None:
        return None
    offered = {tuple(app.choices(example)) for example in examples}
    targets = all(isinstance(example.target, str) for example in examples)
    return offered.pop() if len(offered) == 1 and targets else None


def resumed(
    path: Path,
    *,
    key: str,
    name: str,
    examples: Sequence[Example],
    run: Callable[[Sequence[Example]], ArmResult],
) -> ArmResult:
    """The arm's result out of `path` if it is there, whole and of the same `key`; else run it.

    The predictions go to `path`, and what they cost to a JSON file beside it, written last: its
    presence says that the arm ended. A killed stage so loses the arm it was in, and no other.
    """
    found = _saved(path, key, examples)
    if found is not None:
        say(f"{name}: taken from {path.name}, where an earlier run left it whole")
        return found
    result = replace(run(examples), name=name)
    artifacts.write_predictions(path, result.predictions)
    about = {
        "key": key,
        "predictions_sha256": artifacts.sha256_file(path),
        "name": name,
        "about": result.about,
        "seconds": result.seconds,
        "prompt_tokens": result.prompt_tokens,
    }
    artifacts.write_text(_beside(path), json.dumps(about, ensure_ascii=False, indent=2) + "\n")
    return result


def arm_files(path: Path, out: Path) -> dict[str, str]:
    """SHA-256 of the two files of an arm, by path relative to the run's folder."""
    return {
        str(file.relative_to(out)): artifacts.sha256_file(file) for file in (path, _beside(path))
    }


def _beside(path: Path) -> Path:
    return path.with_suffix(".arm.json")


def _saved(path: Path, key: str, examples: Sequence[Example]) -> ArmResult | None:
    """What an earlier run left, or None if it is not of this key, or damaged, or of others."""
    try:
        about = json.loads(_beside(path).read_text(encoding="utf-8"))
        digest = artifacts.sha256_file(path)
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    if about.get("key") != key or about.get("predictions_sha256") != digest:
        return None
    predictions = artifacts.read_predictions(path)
    if [p.id for p in predictions] != [example.id for example in examples]:
        return None
    return ArmResult(
        name=about["name"],
        about=about["about"],
        predictions=predictions,
        seconds=about["seconds"],
        prompt_tokens=about["prompt_tokens"],
    )


def _shared(one: ArmResult, other: ArmResult) -> tuple[list[Prediction], list[Prediction]]:
    """Both arms' predictions for the examples that both answered."""
    asked = [{p.id for p in arm.predictions} for arm in (one, other)]
    if asked[0] != asked[1]:
        odd = sorted(asked[0] ^ asked[1])
        raise DataError(
            f"arms {one.name} and {other.name} were not asked the same examples ({len(odd)} "
            f"differ, first: {odd[0]}); delete their predictions and run the stage again"
        )
    both = {p.id for p in answered(one)} & {p.id for p in answered(other)}
    if not both:
        raise DataError(f"arms {one.name} and {other.name} answered no example in common")
    first, second = ([p for p in arm.predictions if p.id in both] for arm in (one, other))
    return first, second
