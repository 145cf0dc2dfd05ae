"""Where the records are from: their licences, and whether the source gives the label away."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from medtune.artifacts import Check
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.records import Example

RESTRICTS = re.compile(
    r"\b(nc|non-?commercial|nd|no-?deriv\w*|research|dua|data use agreement|credentialed)\b",
    re.IGNORECASE,
)
"""Words of a licence or agreement that forbids some uses."""
TELLS = 0.5
"""Cramer's V from which the source tells the label. A large association for Cohen 1988."""
FEWEST = 30


def licences(found: Mapping[str, Mapping[str, int]]) -> Check:
    """Whether each record has a licence, and which licences forbid some uses.

    Args:
        found: Records per licence, by source; "" is not stated.
    """
    total = sum(n for counts in found.values() for n in counts.values())
    without = sum(counts.get("", 0) for counts in found.values())
    named = sorted({one for counts in found.values() for one in counts if one})
    restricted = [one for one in named if RESTRICTS.search(one)]
    told = f"licences: {', '.join(named)}" if named else "no licence is stated"
    if restricted:
        told += f"; these restrict what the data may be used for: {', '.join(restricted)}"
    outcome = "warn" if without or restricted else "pass"
    return Check(
        name="licences",
        topic="origin",
        outcome=outcome,
        found=f"{without:,} of {total:,} records have no stated licence; {told}",
        remedy=""
        if outcome == "pass"
        else "state in data.sources.licence the licence, consent or agreement of each source, and "
        "have a person read whether it allows the intended use",
        figures={"without": float(without), "records": float(total)},
    )


def source_tells_label(examples: Sequence[Example]) -> Check:
    """Whether the source of a record gives its label away.

    Where the sick come from one hospital and the healthy from another, a model learns the hospital.
    """
    name = "source and label"
    pairs = Counter((e.source, str(e.target)) for e in examples)
    sources = sorted({source for source, _ in pairs})
    labels = sorted({label for _, label in pairs})
    if len(sources) < 2 or len(labels) < 2 or len(examples) < FEWEST:  # noqa: PLR2004
        return not_run(name, "origin", "one source, one label, or too few records")
    table = np.array([[pairs[source, label] for label in labels] for source in sources])
    found = _cramers_v(table)
    look = Look(
        name,
        "origin",
        f"come from {len(sources)} sources, which tell the label by Cramer's V {found:.2f} "
        "(0 not at all, 1 fully)",
        "take cases and controls from the same sources, or report the results by source",
    )
    bad = [e.id for e in examples] if found >= TELLS else []
    check = by_share(look, bad, len(examples))
    return check.model_copy(
        update={
            "found": f"{len(examples):,} records {look.what}",
            "figures": {"cramers_v": found},
            "ids": [],
        }
    )


def _cramers_v(table: np.ndarray) -> float:
    """Association of rows and columns, in [0, 1]. Source: Cramer 1946, Mathematical methods."""
    n = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    chi2 = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(chi2 / n / (min(table.shape) - 1)))
