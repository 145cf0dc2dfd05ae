"""The model card's groups 5 and 6: for whom it works, and where it was tried."""

from medtune.guards import Evidence
from medtune.release.markdown import interval, plain, table


def people(evidence: Evidence) -> str:
    """Fairness and external validation."""
    fairness = evidence.evaluation.fairness
    lines = [
        "## 5. Fairness",
        "",
        "- Approach to fairness and bias: "
        + (
            "none; no subgroup was measured."
            if fairness is None
            else "every subgroup against the rest, corrected for their number; gaps up to "
            f"{fairness.margin:g} are let pass."
        ),
        *_swaps(evidence),
    ]
    if evidence.evaluation.subgroups:
        rows = [
            [attribute, value, interval(estimate)]
            for attribute, values in evidence.evaluation.subgroups.items()
            for value, estimate in values.items()
        ]
        lines += ["", table(["subgroup", "value", evidence.evaluation.primary], rows)]
    else:
        lines.append("- Results by subgroup: none, because no subgroup was large enough or named.")
    return "\n".join(
        [
            *lines,
            "",
            "## 6. External validation",
            "",
            *_external(evidence),
        ]
    )


def _external(evidence: Evidence) -> list[str]:
    rows = [
        [row.value, interval(row.before), interval(row.after), row.harmed.replace("_", " ")]
        for row in evidence.evaluation.transfer
        if row.n_train == 0
    ]
    if not rows:
        return [
            "Not done: every record is from the sources above. Validate it on your own site's "
            "records before any use."
        ]
    return [
        "Sets and domains that nothing was learnt from, before tuning and after:",
        "",
        table(["domain", "base model", "tuned model", "worse?"], rows),
    ]


def _swaps(evidence: Evidence) -> list[str]:
    return [
        f"- Counterfactual pairs, {plain(swap.name)}: {swap.flips.value:.3f} "
        f"({swap.flips.low:.3f} to {swap.flips.high:.3f}) of {swap.n} answers changed; expected: "
        f"{swap.expect}; as expected: {swap.as_expected.replace('_', ' ')}"
        for swap in evidence.evaluation.swaps
    ]
