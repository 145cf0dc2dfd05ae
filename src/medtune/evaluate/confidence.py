"""What the tuned model's confidence is worth: calibration, withheld answers, conformal sets.

Temperature, threshold and sets are fitted on the model's answers to validation examples and only
reported on the test. Validation chose the step at which tuning stopped, so the model may be a
little surer there than elsewhere; what the test shows is what counts.
"""

from collections.abc import Sequence

from medtune import stats
from medtune.artifacts import Confidence, Selection, SetResult, read_examples
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.measure import answered
from medtune.progress import say
from medtune.records import Estimate, Prediction, Verdict
from medtune.stats import Kept

MOST_POINTS = 40
"""Points of the risk-coverage curve that are kept for the picture, about."""


def measure_confidence(bench: Bench) -> Confidence:
    """Calibration on the test, and what validation teaches about the confidence.

    Raises:
        NotMeasured: The model gives no confidence, or no validation example is to be used.
    """
    test = answered(bench.answers)
    if any(p.confidence is None for p in test):
        raise NotMeasured("the answers have no confidence, because they are generated")
    validation = _validation(bench)
    hot = _temperature(validation)

    curve = stats.risk_coverage(test)
    return Confidence(
        n_validation=len(validation),
        temperature=hot,
        error_at_temperature=None
        if hot is None
        else bench.estimate(
            stats.expected_calibration_error, [stats.at_temperature(p, hot) for p in test]
        ),
        brier=bench.estimate(stats.brier, test),
        slope=bench.estimate(stats.calibration_slope, test),
        intercept=bench.estimate(stats.calibration_intercept, test),
        area=bench.estimate(stats.area_under_risk_coverage, test),
        curve=[{"coverage": point.coverage, "risk": point.risk} for point in thinned(curve)],
        selection=_selection(bench, validation, test),
        sets=_sets(bench, validation, test),
    )


def thinned(curve: Sequence[Kept]) -> list[Kept]:
    """About 40 of its points; the last, at which all is answered, is always one."""
    step = max(1, len(curve) // MOST_POINTS)
    return [*curve[:-1:step], *curve[-1:]]


def _validation(bench: Bench) -> list[Prediction]:
    """The tuned model's answers to validation examples."""
    most = bench.run.evaluate.validation_examples
    known = read_examples(bench.run.out / "validation.jsonl") if most else []
    if not known:
        raise NotMeasured("evaluate.validation_examples is 0, so nothing can be fitted")
    some = bench.drawn(known, most)
    say(f"evaluate: confidence: {bench.tuned.name} on {len(some)} validation examples")
    return answered(bench.answered(bench.tuned, "validation", bench.app, some))


def _temperature(validation: Sequence[Prediction]) -> float | None:
    return stats.fit_temperature(validation) if _have_chances(validation) else None


def _have_chances(predictions: Sequence[Prediction]) -> bool:
    return all(p.target in (p.probabilities or {}) for p in predictions)


def _selection(
    bench: Bench, validation: Sequence[Prediction], test: Sequence[Prediction]
) -> Selection:
    asked = bench.run.evaluate.asked_risk
    threshold = stats.choose_threshold(validation, asked)
    if threshold is None:
        return Selection(asked_risk=asked, threshold=None, coverage=None, risk=None)
    sure = [p for p in test if (p.confidence or 0.0) >= threshold]
    return Selection(
        asked_risk=asked,
        threshold=threshold,
        coverage=bench.mean([(p.group, float((p.confidence or 0.0) >= threshold)) for p in test]),
        risk=bench.mean([(p.group, float(not p.right)) for p in sure])
        if len({p.group for p in sure}) >= stats.MIN_GROUPS
        else None,
    )


def _sets(
    bench: Bench, validation: Sequence[Prediction], test: Sequence[Prediction]
) -> list[SetResult]:
    """Both kinds of set; none where a choice has no probability or validation is too small."""
    miss = bench.run.evaluate.conformal_miss
    if not (_have_chances(validation) and _have_chances(test)) or len(validation) < 1 / miss:
        return []
    return [
        _set(bench, stats.fit_conformal(validation, "LAC", miss), test),
        _set(bench, stats.fit_conformal(validation, "APS", miss), test),
    ]


def _set(bench: Bench, rule: stats.Conformal, test: Sequence[Prediction]) -> SetResult:
    sets = [(p, stats.conformal_set(rule, p)) for p in test]
    coverage = bench.mean([(p.group, float(p.target in kept)) for p, kept in sets])
    return SetResult(
        kind=rule.kind,
        promised=1 - rule.alpha,
        coverage=coverage,
        size=bench.mean([(p.group, len(kept) / len(p.probabilities or {})) for p, kept in sets]),
        covers=_covers(coverage, 1 - rule.alpha),
    )


def _covers(coverage: Estimate, promised: float) -> Verdict:
    """Broken only if the whole interval lies below what was promised."""
    if coverage.high < promised:
        return "no"
    return "yes" if coverage.low >= promised else "not_enough_data"
