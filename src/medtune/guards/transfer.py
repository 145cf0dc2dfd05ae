"""Transfer: domains in which the tuned model is worse than the base model.

The domains are those that the records state (source, year, attributes) and the extra sets that the
run names. A domain that nobody named is not judged.
"""

from medtune.guards.evidence import Evidence
from medtune.records import Finding

WHERE = "evaluation.json"


def judge(evidence: Evidence) -> list[Finding]:
    """A block for each domain that was harmed, and a word on those that were not tried."""
    rows = evidence.evaluation.transfer
    if not rows:
        return [
            Finding(
                "transfer",
                "warn",
                "whether it holds from one domain to the next was not measured",
                WHERE,
                evidence.evaluation.not_measured.get("transfer", "one domain only"),
                "name a set from another site in evaluate.transfer",
                unmeasured=True,
            )
        ]
    harmed = [
        Finding(
            "transfer",
            "block",
            f"worse than the base model in {row.attribute} {row.value!r}",
            WHERE,
            f"{row.before.value:.3f} before, {row.after.value:.3f} after; change "
            f"{row.change.value:+.3f} ({row.change.low:+.3f} to {row.change.high:+.3f}), adjusted "
            f"p {row.p_adjusted:.3g}; {row.n_train} training examples of it",
            "add training examples of this domain, or exclude it from the intended use",
        )
        for row in rows
        if row.harmed == "yes"
    ]
    found = [*harmed, *_unmeasured(evidence)]
    if any(row.n_train == 0 for row in rows):
        return found
    return [
        *found,
        Finding(
            "transfer",
            "note",
            "no domain was tried that nothing was learnt from",
            WHERE,
            f"{len(rows)} domains, all with training examples",
            "validate on another site's records before use there (evaluate.transfer)",
        ),
    ]


def _unmeasured(evidence: Evidence) -> list[Finding]:
    """The domains that could not be measured beside those that could."""
    listed = evidence.evaluation.not_measured.items()
    missing = {name: why for name, why in listed if name.startswith("transfer: ")}
    if not missing:
        return []
    return [
        Finding(
            "transfer",
            "warn",
            "whether it holds in every domain was not measured",
            WHERE,
            "; ".join(f"{name.removeprefix('transfer: ')}: {why}" for name, why in missing.items()),
            "add records of these domains, or exclude them from the intended use",
            unmeasured=True,
        )
    ]
