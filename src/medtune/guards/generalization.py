"""Generalization: what the model forgot, and whether changed wording or a new site changes answers.

The batteries are small: they find what is lost on a large scale, not every lost fact.
"""

from medtune.artifacts import Perturbed, Retained
from medtune.config import GoalName
from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

KEEPS_ABILITY: tuple[GoalName, ...] = ("domain_knowledge", "custom_data")
"""The goals that promise not to harm general ability."""
SAFETY = "safety"
STEADY = 0.9
"""Share of answers that should stay the same when the wording changes: our own choice."""
REACTS = 0.2
"""Share of answers that should change when the statement is denied: our own choice."""
LOST = 0.05
"""Points of the primary metric that changed wording may cost: our own choice."""
WHERE = "evaluation.json"


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on retention, robustness, what was left out, and what validation promised."""
    return [
        *_retention(evidence),
        *_robustness(evidence),
        *_left_out(evidence),
        *_promises(evidence),
    ]


def _finding(
    severity: Severity, what: str, evidence: str, remedy: str, *, unmeasured: bool = False
) -> Finding:
    return Finding("generalization", severity, what, WHERE, evidence, remedy, unmeasured)


def _retention(evidence: Evidence) -> list[Finding]:
    rows = evidence.evaluation.retention
    if not evidence.evaluation.way.is_tuned:
        return []  # the weights are the base model's
    if not rows:
        return [
            _finding(
                "warn",
                "what the tuning made the model forget was not measured",
                evidence.evaluation.not_measured.get("retention", "no battery"),
                "set evaluate.retention_items, or add a battery in evaluate.retention",
                unmeasured=True,
            )
        ]
    lost = [_lost(row, evidence.run.goal) for row in rows if row.kept == "no"]
    flipped = [
        _finding(
            "warn",
            f"safety items that the base model answered rightly are now wrong ({row.source})",
            f"{len(row.right_to_wrong)} of {row.after.n}: {', '.join(row.right_to_wrong[:10])}",
            "read these items, and mix safety examples into the training data",
        )
        for row in rows
        if row.area == SAFETY and row.right_to_wrong and row.kept != "no"
    ]
    return [*lost, *flipped]


def _lost(row: Retained, goal: GoalName) -> Finding:
    blocks = row.area == SAFETY or goal in KEEPS_ABILITY
    return _finding(
        "block" if blocks else "warn",
        f"the model forgot: area {row.area!r} of {row.source}",
        f"{row.before.value:.3f} before, {row.after.value:.3f} after; {row.change.value:+.3f} "
        f"({row.change.low:+.3f} to {row.change.high:+.3f}), adjusted p {row.p_adjusted:.3g}, "
        f"chance {row.chance:.2f}; {row.margin:.2f} may be lost",
        "lower tune.learning_rate, tune.rank or tune.epochs, or mix general examples into train",
    )


def _robustness(evidence: Evidence) -> list[Finding]:
    rows = evidence.evaluation.robustness
    if not rows:
        return [
            _finding(
                "warn",
                "whether changed wording changes the answers was not measured",
                evidence.evaluation.not_measured.get("robustness", "no perturbation"),
                "set evaluate.robustness_examples",
                unmeasured=True,
            )
        ]
    return [finding for row in rows for finding in _wording(row)]


def _wording(row: Perturbed) -> list[Finding]:
    name = row.name.replace("_", " ")
    seen = (
        f"{row.same.value:.2f} ({row.same.low:.2f} to {row.same.high:.2f}) of {row.n} answers "
        "stayed the same"
    )
    if row.expect == "differ":
        if 1 - row.same.low >= REACTS:
            return []
        return [
            _finding(
                "warn",
                f"the model hardly reacts to {name}",
                seen,
                f"add pairs of a statement and its denial to train, or take {row.name} out of "
                "evaluate.perturbations if the answer does not depend on it",
            )
        ]
    worse = row.change is not None and row.change.high < -LOST
    if row.same.high >= STEADY and not worse:
        return []
    return [
        _finding(
            "warn",
            f"the answers depend on {name}",
            seen + (f"; first changed: {', '.join(row.differing[:5])}" if row.differing else ""),
            "add examples with such wording to train, or tell the users",
        )
    ]


def _left_out(evidence: Evidence) -> list[Finding]:
    return [
        _finding(
            "warn",
            f"what is learnt elsewhere does not hold for {row.attribute} {row.value!r}",
            f"{row.with_it.value:.3f} when trained with it, {row.without_it.value:.3f} without: "
            f"{row.change.value:+.3f} ({row.change.low:+.3f} to {row.change.high:+.3f})",
            "expect as much to be lost at a new site, and validate there before any use",
        )
        for row in evidence.evaluation.left_out
        if row.change.high < 0
    ]


def _promises(evidence: Evidence) -> list[Finding]:
    """What was fitted on validation must hold on the test."""
    found = evidence.evaluation.confidence
    if found is None:
        return []
    remedy = "look for a difference between the splits (site, time), and fit on newer records"
    findings = [
        _finding(
            "warn",
            f"{one.kind} sets hold the target less often than promised",
            f"{one.coverage.value:.3f} ({one.coverage.low:.3f} to {one.coverage.high:.3f}) on the "
            f"test; {one.promised:.2f} was promised from {found.n_validation} validation examples",
            remedy,
        )
        for one in found.sets
        if one.covers == "no"
    ]
    chosen = found.selection
    if chosen is not None and chosen.risk is not None and chosen.risk.low > chosen.asked_risk:
        findings.append(
            _finding(
                "warn",
                "withholding unsure answers does not keep the risk that was asked for",
                f"{chosen.risk.value:.3f} ({chosen.risk.low:.3f} to {chosen.risk.high:.3f}) of the "
                f"answers given are wrong; {chosen.asked_risk:.2f} was asked for",
                remedy,
            )
        )
    return findings
