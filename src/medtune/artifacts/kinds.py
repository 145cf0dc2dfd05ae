"""The artifacts, one for each stage, and their parts."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from medtune.artifacts.decision import Arm, Comparison
from medtune.artifacts.head import Artifact
from medtune.records import Estimate, Finding, Verdict


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


class DataCard(Artifact):
    """What the data is, what was done to it, and what is wrong with it."""

    file: ClassVar[str] = "data.json"

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
    train too: their twins were removed from train. Nothing leaks in the splits as written."""
    first_example: list[dict[str, str | int | bool]]
    """The first training example token by token, if its source's licence lets it be shown:
    token, id, supervised. Empty for the user's own data, which may be a patient's."""


class TuneRecord(Artifact):
    """What the training did."""

    file: ClassVar[str] = "tune.json"

    method: str
    numerics: str
    steps: int
    best_step: int
    stopped: str
    """Why it ended: "all epochs", or "no improvement"."""
    trainable_parameters: int
    train_loss: float
    """Mean over the last looks, in nats per supervised token."""
    validation_loss: float
    """At the best step, in nats per supervised token."""
    tokens_seen: int
    supervised_seen: int
    seconds: float
    """Wall time spent in training, over all restarts."""
    peak_memory_gb: float
    resumed: int
    """How often the run was taken up again after an interruption."""


class Evaluation(Artifact):
    """How good, how sure, against what: the sealed test, opened once for this adapter."""

    file: ClassVar[str] = "evaluation.json"

    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    """The tuned model against every other arm."""
    calibration: dict[str, Estimate]
    """Expected calibration error (equal-mass bins) of each arm that gives confidences."""
    reliability: list[dict[str, float]]
    """The tuned model's reliability plot: confidence, accuracy, n per bin."""
    confusion: dict[str, dict[str, int]]
    """Target to answer to count, for the tuned model; empty for free answers."""
    subgroups: dict[str, dict[str, Estimate]]
    """The primary metric by subgroup value; groups too small to report are left out."""
    failed: int
    openings: int
    """How many different adapters have been scored on this sealed test, this one included."""


class Release(Artifact):
    """The verdict on the evidence. `released` says it; `reasons` says why not."""

    file: ClassVar[str] = "release.json"

    id: str
    """Content hash of the released weights and their evidence; every answer served carries it."""
    released: bool
    scope: str
    """What it may be used for: "research" until every guard has judged."""
    reasons: list[str]
    findings: list[Finding]
    guards_judged: list[str]
    guards_not_built: list[str]
    gates: list[dict[str, JsonValue]]
    """Each gate with its estimate, its bound and whether it was met."""
    intended_use: str
    not_for: str


class DriftTest(BaseModel):
    """One feature of the journal compared with the release's reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    feature: str
    test: str
    statistic: float
    p_value: float
    p_adjusted: float
    drifted: Verdict
    reference: str
    """Summary of the feature at release, such as "median 112 (n = 300)"."""
    now: str


class Monitor(Artifact):
    """Is the released model still used on what it was made for?"""

    file: ClassVar[str] = "monitor.json"

    release_id: str
    requests: int
    tests: list[DriftTest]
    drifted: Verdict
    proposal: str
    """What to do: go on, look closer, or tune again (a person decides)."""
