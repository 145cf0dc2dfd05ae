"""Testing: the sealed test was complete, opened once, large enough, and judged by bounds.

It does not test adversarial input, nor people using the result.
"""

from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

LARGE_DIFFERENCE = 0.10
"""A test that cannot show ten points of a metric in [0, 1] settles little: our own choice."""
UNPARSED_SHARE = 0.05


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the evaluation, and on the gates."""
    return [
        *_tuned_arm(evidence),
        *_openings(evidence),
        *_power(evidence),
        *_gates(evidence),
    ]


def _finding(severity: Severity, what: str, where: str, evidence: str, remedy: str) -> Finding:
    return Finding("testing", severity, what, where, evidence, remedy)


def _tuned_arm(evidence: Evidence) -> list[Finding]:
    where = "evaluation.json"
    tuned, name = evidence.subject, evidence.evaluation.way.name
    estimate = tuned.estimates.get(evidence.evaluation.primary) if tuned else None
    if tuned is None or estimate is None:
        what = "the primary metric of what is to be released was not measured"
        return [_finding("block", what, where, f"no arm {name!r}", "run the evaluation again")]
    findings: list[Finding] = []
    n_failed = max(evidence.evaluation.failed, tuned.failed)
    if n_failed:
        findings.append(
            _finding(
                "block",
                "predictions failed, by our fault and not the model's",
                where,
                f"{n_failed} over all arms, {tuned.failed} of {name}; none may",
                "run the evaluation again",
            )
        )
    if tuned.unparsed > UNPARSED_SHARE * estimate.n:
        findings.append(
            _finding(
                "warn",
                "many replies state no answer that can be read",
                where,
                f"{tuned.unparsed} of {estimate.n}; they count as wrong",
                "raise evaluate.max_new_tokens, or look at what the model writes",
            )
        )
    return findings


def _openings(evidence: Evidence) -> list[Finding]:
    openings = evidence.evaluation.openings
    if openings <= 1:
        return []
    return [
        _finding(
            "warn",
            "the sealed test was opened for more than one adapter or prompt",
            "evaluation.json",
            f"{openings} adapters or prompts were scored on it; the best of {openings} "
            "looks better than it is, and an honest test would ask for "
            f"p < {0.05 / openings:.3g} (Bonferroni)",
            "seal a fresh test split before you trust the difference",
        )
    ]


def _power(evidence: Evidence) -> list[Finding]:
    """How wide the answers are: on the sealed test, and in the experiment that decided."""
    findings: list[Finding] = []
    metric = evidence.evaluation.primary
    halves = [
        (c.difference.high - c.difference.low) / 2
        for c in evidence.evaluation.comparisons
        if c.metric == metric and c.arm == evidence.evaluation.way.name
    ]
    remedy = "collect more groups, or read every verdict as not enough data to tell"
    if halves and max(halves) > LARGE_DIFFERENCE:
        findings.append(
            _finding(
                "warn",
                "the sealed test is too small to tell moderate differences",
                "evaluation.json",
                f"a difference of {metric} is known to within {max(halves):.3f} only",
                remedy,
            )
        )
    if evidence.decision.minimum_detectable > LARGE_DIFFERENCE:
        findings.append(
            _finding(
                "warn",
                "the validation set is too small to tell moderate differences",
                "decision.json",
                f"the smallest difference of {evidence.decision.primary} it could show is "
                f"{evidence.decision.minimum_detectable:.3f}",
                remedy,
            )
        )
    return findings


def _gates(evidence: Evidence) -> list[Finding]:
    gates = evidence.decision.gates
    if not gates:
        what = "no gate was fixed before tuning"
        return [_finding("block", what, "decision.json", "0 gates", "run the decide stage again")]
    return [
        _finding(
            "block",
            f"the gate on {gate.metric} states no bound",
            "decision.json",
            "neither at_least nor at_most",
            "give the gate a bound",
        )
        for gate in gates
        if gate.at_least is None and gate.at_most is None
    ]
