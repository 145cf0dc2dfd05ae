"""Overfitting: gaps between training, validation and test, and what the model gives away of train.

The membership test is a weak attack by loss: that it fails is no proof that a stronger one would.
"""

import math

from medtune.artifacts import TUNED, TUNED_RETRIEVAL, TuneRecord
from medtune.canary import UNSEEN_BITS
from medtune.guards.evidence import SMALL_TUNE, TUNE_RETRIEVAL, Evidence, arm_named
from medtune.records import Finding, Severity

GAP_RATIO = 2.0
GAP_NATS = 0.1
"""A gap is large when the validation loss is over twice the training loss and over 0.1 nats above
it: our own choice, loose because the two losses are not measured at the same step."""

MOST_MEMBERSHIP = 0.55
"""AUROC of telling training from test examples above which records are given away: our own
choice."""


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the tune record, the fall from validation to the test, and memorised records.

    Where nothing was tuned, nothing was memorised; what stands in the prompt can be read out of it.
    """
    tune = evidence.tune
    learnt = [] if tune is None else [*_loss(tune), *_watched(tune), *_under_trained(tune)]
    given_away = _memorised(evidence) if evidence.evaluation.way.is_tuned else []
    return [*learnt, *_test_fall(evidence), *given_away, *_shown(evidence)]


def _finding(severity: Severity, what: str, where: str, evidence: str, remedy: str) -> Finding:
    return Finding("overfitting", severity, what, where, evidence, remedy)


def _loss(tune: TuneRecord) -> list[Finding]:
    train, validation = tune.train_loss, tune.validation_loss
    if tune.watched is not None and math.isfinite(train):
        train = tune.watched.train_loss  # of the same weights as the validation loss
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


def _watched(tune: TuneRecord) -> list[Finding]:
    """What the look at the kept step showed of learning by heart."""
    watched = tune.watched
    if watched is None or watched.sign == "none":
        return []
    return [
        _finding(
            "warn",
            "the step that was kept shows signs of learning by heart",
            "tune.json",
            watched.says,
            "lower tune.epochs, tune.rank or tune.learning_rate, or collect more data",
        )
    ]


def _under_trained(tune: TuneRecord) -> list[Finding]:
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
    """The test should not be worse than validation was, for a tune than its small tune was."""
    metric, name = evidence.evaluation.primary, evidence.evaluation.way.name
    on_validation = {TUNED: SMALL_TUNE, TUNED_RETRIEVAL: TUNE_RETRIEVAL}.get(name, name)
    promised = arm_named(on_validation, evidence.decision.arms)
    kept = evidence.subject
    if promised is None or kept is None:
        return []
    if metric not in promised.estimates or metric not in kept.estimates:
        return []
    before, now = promised.estimates[metric], kept.estimates[metric]
    lower_is_better = metric in evidence.facts.lower_is_better
    fell = now.value > before.high if lower_is_better else now.value < before.low
    if not fell:
        return []
    return [
        _finding(
            "warn",
            "the sealed test is worse than validation promised",
            "evaluation.json",
            f"{metric} {now.value:.3f} on the test; {_words(on_validation)} had {before.value:.3f} "
            f"({before.low:.3f} to {before.high:.3f}) on validation",
            "look for a difference between the splits (site, time), or for choices made too often "
            "on the same validation set",
        )
    ]


def _words(arm: str) -> str:
    if arm == SMALL_TUNE:
        return "the small tune"
    return "the small tune with retrieval" if arm == TUNE_RETRIEVAL else "it"


def _shown(evidence: Evidence) -> list[Finding]:
    """Training records that the prompt shows to whoever asks."""
    way = evidence.evaluation.way
    found = way.passages > 0 and not way.of_documents
    if not way.shots and not found:
        return []
    what = f"{way.shots} worked examples" if way.shots else "the nearest training examples"
    return [
        _finding(
            "warn",
            "the prompt holds training records, and who asks can have them written out",
            "release/prompt.json" if way.shots else "train.jsonl",
            f"{what} in each prompt",
            "let nobody ask who may not read these records, or take out what names a person",
        )
    ]


def _memorised(evidence: Evidence) -> list[Finding]:
    """Canaries that are written out or stand out, and training examples that can be told."""
    found, where = evidence.evaluation.memorisation, "evaluation.json"
    if found is None:
        reason = evidence.evaluation.not_measured.get("memorisation", "no membership test")
        what = "whether the model gives away its training records was not measured"
        remedy = "set evaluate.membership_examples, and tune.canaries"
        return [Finding("overfitting", "warn", what, where, reason, remedy, unmeasured=True)]
    findings: list[Finding] = []
    if found.extracted:
        findings.append(
            _finding(
                "block",
                "the model writes out secrets that it saw in training",
                where,
                f"{found.extracted} of {found.canaries} canaries",
                "lower tune.epochs or tune.rank, and take identifiers out of the records",
            )
        )
    elif found.exposure is not None and found.exposure.low > UNSEEN_BITS:
        findings.append(
            _finding(
                "warn",
                "secrets that were seen in training are more likely than others",
                where,
                f"mean exposure {found.exposure.value:.2f} bits ({found.exposure.low:.2f} to "
                f"{found.exposure.high:.2f}); {UNSEEN_BITS:.2f} is what an unseen one has",
                "lower tune.epochs or tune.rank, and take identifiers out of the records",
            )
        )
    membership = found.membership
    if membership is not None and membership.low > MOST_MEMBERSHIP:
        findings.append(
            _finding(
                "warn",
                "training examples can be told from others by their loss",
                where,
                f"AUROC {membership.value:.3f} ({membership.low:.3f} to {membership.high:.3f}) of "
                f"{found.n_train} and {found.n_held_out}; up to {MOST_MEMBERSHIP} is let pass",
                "lower tune.epochs or tune.rank, or collect more data",
            )
        )
    return findings
