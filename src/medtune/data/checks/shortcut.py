"""Does the source of a record give its label away?

Where the sick come from one hospital and the healthy from another, a model learns the hospital.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medtune.artifacts import Check
from medtune.data.checks.shares import not_run
from medtune.records import Example

NAME = "source and label"
TELLS = 0.5
"""Cramer's V from which the source tells the label. A large association for Cohen 1988."""
FEWEST = 30


def source_tells_label(examples: Sequence[Example]) -> Check:
    """How strongly source and label go together, by Cramer's V."""
    pairs = Counter((e.source, str(e.target)) for e in examples)
    sources = sorted({source for source, _ in pairs})
    labels = sorted({label for _, label in pairs})
    if min(len(sources), len(labels)) < 2 or len(examples) < FEWEST:  # noqa: PLR2004
        return not_run(NAME, "labels", "one source, one label, or too few records")
    found = cramers_v(np.array([[pairs[one, label] for label in labels] for one in sources]))
    return Check(
        name=NAME,
        topic="labels",
        outcome="warn" if found >= TELLS else "pass",
        found=f"{len(sources)} sources tell the label by Cramer's V {found:.2f} (0 not at all, 1 "
        "fully)",
        remedy="take cases and controls from the same sources, or report results by source"
        if found >= TELLS
        else "",
        figures={"cramers_v": found},
    )


def cramers_v(table: NDArray[np.int64]) -> float:
    """Association of rows and columns, in [0, 1]. Source: Cramer 1946, Mathematical methods."""
    n = table.sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    chi2 = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(chi2 / n / (min(table.shape) - 1)))
