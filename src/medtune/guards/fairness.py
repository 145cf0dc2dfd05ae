"""Fairness: who is in the data, gaps between a subgroup and the rest, pairs that differ in words.

A gap counts when the whole interval lies beyond the margin and the test, corrected for the number
of gaps, agrees. It sees the attributes that the records state and the swaps that the run names; of
others it knows nothing.
"""

from medtune.artifacts import SubgroupRow, SwapResult
from medtune.guards.data_quality import of_checks
from medtune.guards.evidence import Evidence
from medtune.records import Finding, Severity

LARGE_GAP = 0.10
"""Data that cannot show ten points of a metric in [0, 1] settle little: our own choice."""
WHERE = "evaluation.json"


def judge(evidence: Evidence) -> list[Finding]:
    """Findings on the people in the data, on subgroups and on counterfactual pairs."""
    people = [check for check in evidence.data.checks if check.topic == "people"]
    return [
        *of_checks("fairness", people),
        *_subgroups(evidence),
        *_power(evidence),
        *_suppressed(evidence),
        *_swaps(evidence),
    ]


def _finding(
    severity: Severity, what: str, evidence: str, remedy: str, *, unmeasured: bool = False
) -> Finding:
    return Finding("fairness", severity, what, WHERE, evidence, remedy, unmeasured)


def _subgroups(evidence: Evidence) -> list[Finding]:
    fairness = evidence.evaluation.fairness
    if fairness is None or not fairness.rows:
        reason = evidence.evaluation.not_measured.get("fairness", "every subgroup is too small")
        return [
            _finding(
                "warn",
                "nobody can say whom it serves worse",
                reason,
                "record attributes such as sex, age band, language and site, and name them in "
                "task.subgroups",
                unmeasured=True,
            )
        ]
    return [
        _finding(
            "block",
            f"{row.attribute} {row.value!r} is served worse than the rest",
            _gap(row, fairness.margin),
            "look at its records and at how many there are in train; balance or add records, or "
            "exclude the subgroup from the intended use",
        )
        for row in fairness.rows
        if row.worse == "yes"
    ]


def _gap(row: SubgroupRow, margin: float) -> str:
    assert row.gap is not None, "a verdict needs a gap"
    return (
        f"{row.metric} {row.estimate.value:.3f} on {row.estimate.n} examples, "
        f"{row.gap.value:+.3f} ({row.gap.low:+.3f} to {row.gap.high:+.3f}) to the rest, adjusted p "
        f"{row.p_adjusted:.3g}; up to {margin:.2f} is let pass"
    )


def _power(evidence: Evidence) -> list[Finding]:
    fairness = evidence.evaluation.fairness
    blind = [
        row
        for row in (fairness.rows if fairness is not None else [])
        if row.metric == evidence.evaluation.primary
        and row.worse == "not_enough_data"
        and (row.detectable is None or row.detectable > LARGE_GAP)
    ]
    if not blind:
        return []
    known = [row.detectable for row in blind if row.detectable is not None]
    seen = f"; gaps below {max(known):.2f} would not be seen" if known else ""
    first = ", ".join(f"{row.attribute} {row.value!r}" for row in blind[:5])
    return [
        _finding(
            "warn",
            "too few examples to tell whether subgroups are served alike",
            f"{len(blind)} subgroups (first: {first}){seen}",
            "collect more test examples of these groups, or state that it was not shown",
        )
    ]


def _suppressed(evidence: Evidence) -> list[Finding]:
    fairness = evidence.evaluation.fairness
    counts = fairness.suppressed if fairness is not None else {}
    if not counts:
        return []
    listed = ", ".join(f"{n} of {attribute}" for attribute, n in sorted(counts.items()))
    return [
        _finding(
            "note",
            "subgroups too small to report",
            listed,
            "none needed; for them nothing is known",
        )
    ]


def _swaps(evidence: Evidence) -> list[Finding]:
    swaps, missing = evidence.evaluation.swaps, evidence.evaluation.not_measured
    tried = {swap.name for swap in swaps}
    untried = [swap.name for swap in evidence.run.evaluate.swaps if swap.name not in tried]
    if not swaps and not untried:
        must = evidence.run.goal == "bias"
        return [
            _finding(
                "warn" if must else "note",
                "no pairs that differ only in some words were tried",
                missing.get("swaps", "evaluate.swaps is empty"),
                "name words that should not matter, and words that should, in evaluate.swaps",
                unmeasured=must,
            )
        ]
    unmeasured = [
        _finding(
            "warn",
            f"swap {name!r} was not measured",
            missing.get(f"swaps: {name}", "it was not tried"),
            "add test examples of several groups that hold its words, or take it out of "
            "evaluate.swaps",
            unmeasured=True,
        )
        for name in untried
    ]
    return [*(_swap(swap) for swap in swaps if swap.as_expected != "yes"), *unmeasured]


def _swap(swap: SwapResult) -> Finding:
    broken = swap.as_expected == "no"
    should = "the same" if swap.expect == "same" else "another"
    first = f"; first: {', '.join(swap.against[:5])}" if swap.against else ""
    return _finding(
        "block" if broken else "warn",
        f"swap {swap.name!r}: the answer should be {should}, and "
        + ("often is not" if broken else "these pairs cannot show that it is"),
        f"{swap.flips.value:.3f} ({swap.flips.low:.3f} to {swap.flips.high:.3f}) of {swap.n} "
        f"answers changed; {swap.limit:.2f} may go against it{first}",
        "add swapped copies of the training records"
        if broken
        else "add test examples that hold these words",
    )
