"""The artifacts of the stages but `data` and `evaluate`, and their parts."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from medtune.artifacts.head import Artifact
from medtune.artifacts.way import Agreement, Way
from medtune.records import Finding, Verdict


class Watched(BaseModel):
    """What a look of the training shows of learning by heart. All losses are of one step."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    step: int
    train_loss: float
    """Of a sample of the training examples, in nats per supervised token."""
    validation_loss: float
    membership: float
    """AUROC of telling the sample from validation by a lower loss; 0.5 is chance."""
    membership_low: float
    membership_high: float
    canary_bits: float | None
    """Of the 19.9 bits of a planted code, how many its loss gives away, on average."""
    sign: str
    """`secrets`, `membership`, `rising` or `none`."""
    says: str
    """The same in one plain line."""


class SeedFit(BaseModel):
    """One of several tunings that differ in the seed only."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seed: int
    best_step: int
    validation_loss: float
    validation_metric: float | None
    kept: bool


class Tried(BaseModel):
    """One combination of settings that the sweep tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    settings: dict[str, int | float]
    steps: int
    """After which it was left out, or won."""
    validation_loss: float
    """Its best up to there."""
    validation_metric: float | None
    chosen: bool


class TuneRecord(Artifact):
    """What the training did."""

    file: ClassVar[str] = "tune.json"
    verb: ClassVar[str] = "tune"

    method: str
    numerics: str
    steps: int
    best_step: int
    stopped: str
    """Why it ended: "all epochs", "no improvement" or "budget"."""
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
    energy_kwh: float | None = None
    """Of the whole machine during the training, estimated; None where it was not asked for."""
    co2_kg: float | None = None
    """CO2 equivalents of that energy, estimated."""

    validation_metric: float | None = None
    """At the best step, on the examples that each look answered; None where it went by the loss."""
    watched: Watched | None = None
    """At the best step; None where nothing was watched."""
    seeds: tuple[SeedFit, ...] = ()
    """Where there were several; time and tokens are then those of all, steps those of the best."""
    tried: tuple[Tried, ...] = ()
    """What the sweep tried; time and tokens are then those of all, too."""

    @property
    def chosen(self) -> dict[str, int | float]:
        """The settings that the sweep chose; none without one."""
        return next((one.settings for one in self.tried if one.chosen), {})

    @property
    def used(self) -> str | None:
        """Energy and CO2 in words; None where they were not estimated."""
        if self.energy_kwh is None or self.co2_kg is None:
            return None
        return (
            f"{self.energy_kwh:.3g} kWh and {self.co2_kg:.3g} kg CO2 equivalents, the whole "
            "machine's, from its power and the country's electricity (codecarbon)"
        )


PARITY_NOISE = 1e-3
"""Nats per token: two stacks that differ by less give the same answers."""


class Parity(BaseModel):
    """How far a model's probabilities in one stack are from those in another.

    Mean absolute differences in nats per supervised token, on the same validation replies. The
    stacks are training and serving at a release, serving and an exported file at an export.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    tokens: int
    base: float
    """Between the two stacks on the base model: their own noise."""
    tuned: float
    """Between the two stacks on the tuned model."""
    effect: float
    """Between the tuned and the base model in the second stack."""

    @property
    def limit(self) -> float:
        """How far the tuned model may differ: twice what the base model does."""
        return max(2 * self.base, PARITY_NOISE)

    @property
    def agrees(self) -> bool:
        """Whether the tuned model differs by no more than that."""
        return self.tuned <= self.limit

    @property
    def shows(self) -> bool:
        """Whether the tuning makes more of a difference than that."""
        return self.effect > self.limit


class Release(Artifact):
    """The verdict on the evidence. `released` says it; `reasons` says why not."""

    file: ClassVar[str] = "release.json"
    verb: ClassVar[str] = "release"

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
    parity: Parity | None = None
    """None where it was not measured, or nothing was trained."""
    way: Way = Way()
    """What was released."""
    agreement: Agreement | None = None
    """Of the prompts that the server writes with those of the evaluation; None where the
    application's own prompt is used."""
    intended_use: str
    not_for: str


class Export(Artifact):
    """A release written as one set of plain weights, read back and scored again.

    `outputs` are the files beside it, relative to the export's folder.
    """

    file: ClassVar[str] = "export.json"
    verb: ClassVar[str] = "export"

    release_id: str
    format: str
    type: str
    """Of the matrices in the file."""
    merged: str
    """How the adapter got into the weights."""
    stacks: tuple[str, str]
    """What was compared: the model as it is evaluated and served, and the file as read back."""
    parity: Parity
    exported: bool
    reasons: list[str]
    """Why not; empty when it was."""


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
    verb: ClassVar[str] = "monitor"

    release_id: str
    requests: int
    tests: list[DriftTest]
    drifted: Verdict
    proposal: str
    """What to do: go on, look closer, or tune again (a person decides)."""
