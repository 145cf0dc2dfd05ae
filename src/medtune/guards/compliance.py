"""Compliance: every licence, the intended use and the forbidden use are stated.

It judges that they are stated, not that they allow the use: a person must read them. Where the run
asked for identifiers to be replaced, it judges what was measured of that; it does not look for
identifiers itself, and makes no claim of conformity with any law.
"""

from medtune.artifacts import DEIDENTIFICATION
from medtune.guards.evidence import Evidence
from medtune.records import Finding

NOT_STATED = ("", "not stated", "unknown")


def judge(evidence: Evidence) -> list[Finding]:
    """A warning for each thing that nobody stated."""
    findings = [
        _missing(
            f"the licence of source {source.get('name', '?')!r} is not stated",
            "data.json",
            "set data.sources.licence to the licence, consent or agreement it is used under",
        )
        for source in evidence.data.sources
        if _is_unstated(source.get("licence", ""))
    ]
    if not evidence.data.sources:
        findings.append(
            _missing("no source is named", "data.json", "run the data stage again with sources")
        )
    if _is_unstated(evidence.facts.model_licence):
        findings.append(
            _missing(
                "the licence of the model is not stated",
                "the model's folder",
                "read the model's own page, and keep its licence file with the weights",
            )
        )
    if _is_unstated(evidence.facts.intended_use):
        findings.append(
            _missing("the intended use is not stated", "run.yaml", "set task.intended_use")
        )
    if _is_unstated(evidence.facts.not_for):
        findings.append(_missing("the forbidden use is not stated", "run.yaml", "set task.not_for"))
    return findings + _identifiers(evidence)


def _identifiers(evidence: Evidence) -> list[Finding]:
    """What is known of the identifiers that were replaced, if the run asked for that."""
    if evidence.run.data.deidentify is None:
        return []
    checks = [check for check in evidence.data.checks if check.name == DEIDENTIFICATION]
    if not checks:
        return [
            Finding(
                "compliance",
                "block",
                "identifiers were to be replaced, and the data card does not say that they were",
                "data.json",
                "no check of that name",
                "run the data stage again",
            )
        ]
    passed = checks[0].outcome == "pass"
    what = "identifiers were replaced" if passed else "identifiers may be left in the records"
    severity = "note" if passed else "warn"
    remedy = checks[0].remedy or "none needed"
    return [Finding("compliance", severity, what, "data.json", checks[0].found, remedy)]


def _is_unstated(text: str) -> bool:
    return text.strip().lower() in NOT_STATED


def _missing(what: str, where: str, remedy: str) -> Finding:
    return Finding("compliance", "warn", what, where, "empty, or 'not stated'", remedy)
