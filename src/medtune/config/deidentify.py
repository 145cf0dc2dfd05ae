"""The section `data.deidentify` of a run file."""

from pathlib import Path
from typing import Literal

from medtune.config.section import Section


class DeidentifySection(Section):
    """Replace identifiers in every record before anything else reads it."""

    language: Literal["en", "es"] = "en"
    """Of the records."""
    key: Path
    """File with the secret of the surrogates; made at first use, for its owner only. The same key
    gives the same surrogates. Keep it apart from the run's folder."""
    shift_dates: bool = True
    """Move all dates of a group by one offset of whole weeks; off keeps only years."""
    tagger: str | None = None
    """A file that `medtune deid-train` made, `spacy:PIPELINE` or `presidio:PIPELINE`."""
    measured: Path | None = None
    """What `medtune deid-score --out` wrote about annotated notes like these records."""
