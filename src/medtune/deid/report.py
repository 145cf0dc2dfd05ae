"""What a run of de-identification did and what is known of its quality: numbers, never text."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.artifacts import write_text
from medtune.errors import DataError
from medtune.records import Estimate


class DeidReport(BaseModel):
    """What was replaced in a file, and how. It says what was found, not what was missed."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    medtune_version: str
    created: str
    """UTC time, ISO 8601."""
    source_sha256: dict[str, str]
    """Of every file read, by the name of what was made of it: its own may be a patient's."""
    language: str
    policy: str
    style: str
    dates: str
    """What was done to dates."""
    key: str
    """Whether the key of the surrogates was kept."""
    tagger: str | None
    """The hash of its file, or the name of an outside one."""
    documents: int
    changed: int
    """Documents in which something was replaced."""
    kinds: dict[str, int]
    """Identifiers replaced, by kind."""
    rules: dict[str, int]
    """The same, by what found them."""
    note: str = (
        "This counts what was found and replaced. What was missed is not known from it: have "
        "people annotate a sample of your own notes and run medtune deid-score on it. Neither this "
        "report nor that score is a determination under 45 CFR 164.514."
    )

    def save(self, path: Path) -> Path:
        """Write it in one atomic step."""
        return write_text(path, self.model_dump_json(indent=2) + "\n")


class DeidScore(BaseModel):
    """What was measured on annotated notes. It holds for notes like them, and for no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    medtune_version: str
    created: str
    notes_sha256: str
    n_notes: int
    language: str
    policy: str
    tagger: str | None
    recall: dict[str, Estimate]
    """Share of annotated identifiers that were covered, by kind and for `all`."""
    precision: Estimate | None
    """Share of found stretches that touch an annotated identifier; None if nothing was found."""
    exact_f1: float
    """Of place and kind together, where the last letter matters."""
    leak_rate: Estimate
    """Share of the notes in which an annotated identifier was not covered."""

    def save(self, path: Path) -> Path:
        """Write it in one atomic step."""
        return write_text(path, self.model_dump_json(indent=2) + "\n")


def load_score(path: Path) -> DeidScore:
    """Read a score that `deid-score` wrote.

    Raises:
        DataError: It is missing, or was not written by this version.
    """
    try:
        return DeidScore.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such score; run medtune deid-score --out") from None
    except ValidationError as error:
        raise DataError(
            f"{path}: not a score of this version ({error.error_count()} faults); measure again"
        ) from None
