"""Where the records are from: the licences they are used under."""

import re
from collections.abc import Mapping

from medtune.artifacts import RESTRICTED, Check
from medtune.data.checks.shares import not_run

RESTRICTS = re.compile(
    r"\b(nc|non-?commercial|nd|no-?deriv\w*|research|dua|data use agreement|credentialed)\b",
    re.IGNORECASE,
)
"""Words of a licence or agreement that forbids some uses."""


def licences(found: Mapping[str, Mapping[str, int]]) -> Check:
    """Whether each record has a licence.

    Args:
        found: Records per licence, by source; "" is not stated.
    """
    total = sum(n for counts in found.values() for n in counts.values())
    without = sum(counts.get("", 0) for counts in found.values())
    named = _named(found)
    return Check(
        name="licences",
        topic="origin",
        outcome="warn" if without else "pass",
        found=f"{without:,} of {total:,} records have no stated licence; "
        + (f"stated: {', '.join(named)}" if named else "none is stated"),
        remedy="state in data.sources.licence the licence, consent or agreement of each source"
        if without
        else "",
        figures={"without": float(without), "records": float(total)},
    )


def restrictions(found: Mapping[str, Mapping[str, int]]) -> Check:
    """Whether the words of a licence forbid some uses."""
    named = _named(found)
    bad = [one for one in named if RESTRICTS.search(one)]
    if not named:
        return not_run(RESTRICTED, "origin", "no licence is stated")
    return Check(
        name=RESTRICTED,
        topic="origin",
        outcome="warn" if bad else "pass",
        found=f"{len(bad)} of {len(named)} licences restrict what the data may be used for"
        + (f": {', '.join(bad)}" if bad else ""),
        remedy="have a person read whether they allow the intended use" if bad else "",
    )


def _named(found: Mapping[str, Mapping[str, int]]) -> list[str]:
    return sorted({one for counts in found.values() for one in counts if one})
