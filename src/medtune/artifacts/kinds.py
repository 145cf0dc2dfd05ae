"""The artifacts of the stages but `data` and `evaluate`, and their parts."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from medtune.artifacts.head import Artifact
from medtune.records import Finding, Verdict


class TuneRecord(Artifact):
    """What the training did."""

    file: ClassVar[str] = "tune.json"

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

    @property
    def used(self) -> str | None:
        """Energy and CO2 in words; None where they were not estimated."""
        if self.energy_kwh is None or self.co2_kg is None:
            return None
        return (
            f"{self.energy_kwh:.3g} kWh and {self.co2_kg:.3g} kg CO2 equivalents, the whole "
            "machine's, from its power and the country's electricity (codecarbon)"
        )


class Parity(BaseModel):
    """How far training's probabilities are from those of evaluation and serving.

    Mean absolute differences in nats per supervised token, on the same validation replies.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    tokens: int
    base: float
    """Between the two stacks on the base model: their own noise."""
    tuned: float
    """Between the two stacks with the adapter."""
    effect: float
    """Between the tuned and the base model as served."""


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
    parity: Parity | None = None
    """None where it was not measured."""
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
