"""Compute: what the tuning took, and how near it came to the machine's memory.

It does not measure energy, and does not foresee what another machine needs.
"""

from medtune.guards.evidence import Evidence
from medtune.records import Finding

MEMORY_SHARE = 0.9
"""Above this the next, slightly longer batch may be killed: our own choice."""


def judge(evidence: Evidence) -> list[Finding]:
    """One note of the cost, and a warning when the memory was nearly full."""
    tune, memory_gb = evidence.tune, evidence.facts.machine_memory_gb
    if tune is None:
        note = "nothing was tuned; decision.json has what a request costs"
        return [Finding("compute", "note", "cost", "decision.json", note, "none needed")]
    findings = [
        Finding(
            "compute",
            "note",
            "cost of the tuning",
            "tune.json",
            f"{tune.seconds:.0f} s wall time, {tune.peak_memory_gb:.2f} GB peak memory, "
            f"{tune.tokens_seen} tokens seen ({tune.supervised_seen} supervised)",
            "none needed",
        )
    ]
    if memory_gb is not None and tune.peak_memory_gb > MEMORY_SHARE * memory_gb:
        findings.append(
            Finding(
                "compute",
                "warn",
                "the tuning nearly filled the memory",
                "tune.json",
                f"peak {tune.peak_memory_gb:.2f} GB of {memory_gb:.2f} GB",
                "lower tune.micro_batch_tokens, which does not change the result",
            )
        )
    return findings
