"""Data quality: what the checks of the data card found, and rows that were left out.

The checks themselves are in `medtune.data.checks`; this guard says what they mean for a release: a
check that fails blocks it, one that warns is told. What the checks say of people is for the guard
of fairness, what they say of licences for that of compliance. It does not know whether a target is
medically right.
"""

from medtune.artifacts import Check
from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

DROPPED_SHARE = 0.10
"""Share of the rows of a source left out above which somebody must look. Our own choice."""
ELSEWHERE = ("people", "origin")
"""Topics of checks that other guards judge."""
SEVERITY: dict[str, Severity] = {"fail": "block", "warn": "warn"}
WHERE = "data.json"


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the data card."""
    checks = [one for one in evidence.data.checks if one.topic not in ELSEWHERE]
    return [*_unchecked(checks), *of_checks("data_quality", checks), *_dropped(evidence)]


def of_checks(guard: str, checks: list[Check]) -> list[Finding]:
    """A finding for each check that fails or warns."""
    return [
        Finding(
            guard,
            SEVERITY[check.outcome],
            f"{check.name}: {'not fit' if check.outcome == 'fail' else 'a person must look'}",
            WHERE,
            check.found + (f" (first: {', '.join(check.ids[:5])})" if check.ids else ""),
            check.remedy,
        )
        for check in checks
        if check.outcome in SEVERITY
    ]


def _unchecked(checks: list[Check]) -> list[Finding]:
    if any(check.outcome != "not_run" for check in checks):
        return []
    return [
        Finding(
            "data_quality",
            "warn",
            "nobody looked at the data",
            WHERE,
            "no check was run",
            "run the data stage again",
            unmeasured=True,
        )
    ]


def _dropped(evidence: Evidence) -> list[Finding]:
    """Sources of which many rows were left out, for any reason."""
    findings: list[Finding] = []
    for source, count in evidence.data.receipt.items():
        n_dropped = sum(count.dropped.values())
        if n_dropped <= DROPPED_SHARE * count.rows:
            continue
        reasons = ", ".join(f"{reason}: {n}" for reason, n in sorted(count.dropped.items()))
        findings.append(
            Finding(
                "data_quality",
                "warn",
                f"many rows of source {source!r} were left out",
                WHERE,
                f"{n_dropped} of {count.rows} rows ({reasons})",
                "mend the rows, or state who the kept rows stand for",
            )
        )
    return findings
