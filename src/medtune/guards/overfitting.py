"""Overfitting: the gap between training and validation loss, and between validation and test.

It does not look for memorised text: canaries, extraction and membership tests are not built.
"""

import math

from medtune.guards.evidence import SMALL_TUNE, TUNED, Evidence, arm_named
from medtune.records import Finding, Severity

GAP_RATIO = 2.0
GAP_NATS = 0.1
"""A gap is large when the validation loss is over twice the training loss and over 0.1 nats above
it: our own choice, loose because the two losses are not measured at the same step."""


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the tune record, and on the fall from validation to the sealed test."""
    return [*_loss(evidence), *_under_trained(evidence), *_test_fall(evidence)]


def _finding(severity: Severity, what: str, where: str, evidence: str, remedy: str) -> Finding:
    return Finding("overfitting", severity, what, where, evidence, remedy)


def _loss(evidence: Evidence) -> list[Finding]:
    train, validation = evidence.tune.train_loss, evidence.tune.validation_loss
    losses = f"train {train:.4g}, validation {validation:.4g} nats per supervised token"
    if not (math.isfinite(train) and math.isfinite(validation)):
        return [
            _finding(
                "block",
                "a loss is not a finite number",
                "tune.json",
                losses,
                "lower tune.learning_rate and tune again",
            )
        ]
    if validation <= GAP_RATIO * train or validation - train <= GAP_NATS:
        return []
    return [
        _finding(
            "warn",
            "the validation loss is far above the training loss",
            "tune.json",
            losses,
            "lower tune.epochs or tune.rank, or collect more data",
        )
    ]


def _under_trained(evidence: Evidence) -> list[Finding]:
    tune = evidence.tune
    if tune.best_step < tune.steps:
        return []
    return [
        _finding(
            "note",
            "the last step was the best, so the model may be under-trained",
            "tune.json",
            f"step {tune.best_step} of {tune.steps}; stopped: {tune.stopped}",
            "raise tune.epochs and see whether the validation loss falls further",
        )
    ]


def _test_fall(evidence: Evidence) -> list[Finding]:
    """The full tune on the test should not be worse than the small tune was on validation."""
    metric = evidence.evaluation.primary
    small = arm_named(SMALL_TUNE, evidence.decision.arms)
    tuned = arm_named(TUNED, evidence.evaluation.arms)
    if small is None or tuned is None:
        return []
    if metric not in small.estimates or metric not in tuned.estimates:
        return []
    before, now = small.estimates[metric], tuned.estimates[metric]
    lower_is_better = metric in evidence.facts.lower_is_better
    fell = now.value > before.high if lower_is_better else now.value < before.low
    if not fell:
        return []
    return [
        _finding(
            "warn",
            "the sealed test is worse than validation promised",
            "evaluation.json",
            f"{metric} {now.value:.3f} on the test; the small tune had {before.value:.3f} "
            f"({before.low:.3f} to {before.high:.3f}) on validation",
            "look for a difference between the splits (site, time), or for choices made too often "
            "on the same validation set",
        )
    ]
