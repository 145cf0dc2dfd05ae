"""The data card: what the data is, what was done to it, and what is wrong with it."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtune.artifacts.head import Artifact
from medtune.records import Estimate


class TokenCount(BaseModel):
    """What became of one source or split, in rows and tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: int
    kept: int
    dropped: dict[str, int]
    """Rows left out, by reason."""
    tokens: int
    """Tokens of the kept rows, prompt and reply."""
    supervised: int
    """Tokens that carry a training signal: the reply and the end-of-turn token."""
    longest: int


Outcome = Literal["pass", "warn", "fail", "not_run"]
"""`fail`: what is built on the data would be wrong. `warn`: a person must look. `not_run`: nothing
to look at, or not enough; `found` says why."""
Topic = Literal["integrity", "plausibility", "independence", "labels", "text", "people", "origin"]


DEIDENTIFICATION = "de-identification"
RESTRICTED = "restricted licences"
"""Name of the check that says what identifiers were replaced."""


class Check(BaseModel):
    """What one look at the data found."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    topic: Topic
    outcome: Outcome
    found: str
    """One sentence with the numbers; never text of a record."""
    remedy: str = ""
    """What to do; empty if nothing."""
    ids: list[str] = Field(default_factory=list[str])
    """Some of the records concerned."""
    figures: dict[str, float] = Field(default_factory=dict[str, float])
    """The numbers behind the sentence, by name."""


class Forecast(BaseModel):
    """How a cheap classical learner gains from more training data, and what twice would bring."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    metric: str
    sizes: list[int]
    """Training examples."""
    values: list[float]
    """The metric on the validation split, the mean over draws, by size."""
    spreads: list[float]
    """Standard deviation over draws, by size."""
    now: float
    """At the full size, on the fitted curve."""
    twice: Estimate
    """At twice the full size, extrapolated."""
    gain: Estimate
    """What twice would bring: `twice` minus `now`."""
    about: str


class DataCard(Artifact):
    """What the data is, what was done to it, and what is wrong with it."""

    file: ClassVar[str] = "data.json"
    verb: ClassVar[str] = "data"

    app: str
    sources: list[dict[str, str]]
    """For each source: name, sha256, licence."""
    note: str
    splits: dict[str, TokenCount]
    receipt: dict[str, TokenCount]
    """Per source, before splitting."""
    groups: dict[str, int]
    """Groups per split."""
    labels: dict[str, dict[str, int]]
    """Examples per label, by split; empty where the answer is not one of few."""
    subgroups: dict[str, dict[str, int]]
    """Examples per value of each subgroup attribute."""
    exact_duplicates: int
    """Records dropped because another has the same input and target."""
    near_duplicate_pairs: int
    """Pairs of near inputs that joined two groups into one; a chain of three counts two."""
    conflicts: list[str]
    """Ids of records whose input occurs with another target too."""
    leaks: list[str]
    """Ids of records in a validation or test that the sources fix, whose input, or nearly, was in
    train too, or is in the other of the two. Twins in train were removed; those in a fixed
    validation and test stay as published."""
    first_example: list[dict[str, str | int | bool]]
    """The first training example token by token, if its source's licence lets it be shown:
    token, id, supervised. Empty for the user's own data, which may be a patient's."""
    cuts: dict[str, str] = Field(default_factory=dict[str, str])
    """ISO dates from which validation and test begin, if the splits are by time."""
    remedies: list[str] = Field(default_factory=list[str])
    """What was changed in train beyond cleaning, one sentence each."""
    checks: list[Check] = Field(default_factory=list[Check])
    """What the looks at the data found, in the order of their topics."""
    forecast: Forecast | None = None
    """None where the answer is not one of few, or the data too few."""
