"""Data quality: leaks between splits, conflicts, duplicates, dropped rows, too few groups.

Looks at the data card only. It does not know whether a target is medically right.
"""

from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

CONFLICTS_SHARE = 0.05
DROPPED_SHARE = 0.10
FEWEST_GROUPS = 5
"""A bootstrap over fewer groups says next to nothing. The three limits are our own choice."""


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the data card."""
    return [
        *_leaks(evidence),
        *_conflicts(evidence),
        *_duplicates(evidence),
        *_dropped(evidence),
        *_splits(evidence),
    ]


def _finding(severity: Severity, what: str, evidence: str, remedy: str) -> Finding:
    return Finding("data_quality", severity, what, "data.json", evidence, remedy)


def _leaks(evidence: Evidence) -> list[Finding]:
    leaks = evidence.data.leaks
    if not leaks:
        return []
    first = ", ".join(leaks[:5])
    return [
        _finding(
            "warn",
            "records of a fixed validation or test were, nearly, in train too, and left train",
            f"{len(leaks)} records (first: {first})",
            "tell whoever publishes these splits; other results on them may have learnt from them",
        )
    ]


def _conflicts(evidence: Evidence) -> list[Finding]:
    n_kept = sum(split.kept for split in evidence.data.splits.values())
    n_conflicts = len(evidence.data.conflicts)
    if n_conflicts <= CONFLICTS_SHARE * n_kept:
        return []
    first = ", ".join(evidence.data.conflicts[:5])
    return [
        _finding(
            "warn",
            "the same input occurs with different targets",
            f"{n_conflicts} of {n_kept} records (first: {first})",
            "let a person decide which target is right, and mend or remove the others",
        )
    ]


def _duplicates(evidence: Evidence) -> list[Finding]:
    exact, near = evidence.data.exact_duplicates, evidence.data.near_duplicate_pairs
    if not exact and not near:
        return []
    return [
        _finding(
            "note",
            "duplicates",
            f"{exact} exact duplicates were dropped; {near} pairs of near duplicates share a group",
            "none needed; look for copied notes in the source if the number surprises you",
        )
    ]


def _dropped(evidence: Evidence) -> list[Finding]:
    findings: list[Finding] = []
    for source, count in evidence.data.receipt.items():
        n_dropped = sum(count.dropped.values())
        if n_dropped <= DROPPED_SHARE * count.rows:
            continue
        reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(count.dropped.items()))
        findings.append(
            _finding(
                "warn",
                f"many rows of source {source!r} were left out",
                f"{n_dropped} of {count.rows} rows ({reasons})",
                "mend the rows, or state who the kept rows stand for",
            )
        )
    return findings


def _splits(evidence: Evidence) -> list[Finding]:
    return [
        _finding(
            "warn",
            f"the {split} split is too small",
            f"{n_groups} groups; fewer than {FEWEST_GROUPS} allow no useful interval",
            "collect records of more patients, articles or sites",
        )
        for split, n_groups in evidence.data.groups.items()
        if n_groups < FEWEST_GROUPS
    ]
