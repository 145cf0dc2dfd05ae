"""Knowledge decay: answers that were superseded, and unchanged facts that were lost.

It judges the dated facts that the run names. It does not know what was superseded since they were
written.
"""

from medtune.artifacts import Dated
from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

MOST_STALE = 0.05
"""Share of superseded answers above which the model must be tuned again: our own choice."""
WHERE = "evaluation.json"


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on every file of dated facts."""
    dated = evidence.evaluation.dated
    if not dated:
        return [
            _finding(
                "warn",
                "whether it answers with what was superseded was not measured",
                evidence.evaluation.not_measured.get("dated", "no dated facts"),
                "name facts with their dates in evaluate.dated_facts",
                unmeasured=True,
            )
        ]
    return [finding for one in dated for finding in (*_stale(one), *_unchanged(one))]


def _finding(
    severity: Severity, what: str, evidence: str, remedy: str, *, unmeasured: bool = False
) -> Finding:
    return Finding("knowledge_decay", severity, what, WHERE, evidence, remedy, unmeasured)


def _stale(dated: Dated) -> list[Finding]:
    stale = dated.stale
    if stale is None or stale.high <= MOST_STALE:
        return []
    shown = stale.low > MOST_STALE
    first = f"; first: {', '.join(dated.stale_ids[:5])}" if dated.stale_ids else ""
    return [
        _finding(
            "block" if shown else "warn",
            f"superseded answers to facts of {dated.source}"
            if shown
            else f"too few facts in {dated.source} to exclude superseded answers",
            f"{stale.value:.3f} ({stale.low:.3f} to {stale.high:.3f}) of {stale.n} changed facts; "
            f"up to {MOST_STALE:.2f} is let pass{first}",
            "put what changed into train, or retrieve it"
            if shown
            else "add facts that changed to evaluate.dated_facts",
        )
    ]


def _unchanged(dated: Dated) -> list[Finding]:
    before, after = dated.unchanged_before, dated.unchanged
    if before is None or after is None or after.high >= before.low:
        return []
    return [
        _finding(
            "block",
            f"facts of {dated.source} that did not change were lost",
            f"{before.value:.3f} before tuning, {after.value:.3f} after, of {after.n}",
            "lower tune.learning_rate or tune.epochs, or mix unchanged facts into train",
        )
    ]
