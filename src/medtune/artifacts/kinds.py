"""The artifacts of the stages but `data` and `evaluate`, and their parts."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from medtune.artifacts.head import Artifact
from medtune.records import Estimate, Finding, Gate, Verdict


class Arm(BaseModel):
    """One way of doing the task, measured on the same examples as all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    estimates: dict[str, Estimate]
    seconds_per_example: float
    prompt_tokens_per_example: float
    failed: int
    unparsed: int
    about: str
    """What was done, in one sentence."""


class Comparison(BaseModel):
    """A paired comparison of two arms on the same examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    arm: str
    against: str
    metric: str
    difference: Estimate
    """Of the metric, arm minus against; positive means that `arm` is better."""
    p_value: float
    """Two-sided, paired, before correction."""
    p_adjusted: float
    """After Holm's correction over the comparisons of this artifact."""
    test: str
    verdict: Verdict
    """Is `arm` better than `against`?"""


class Decision(Artifact):
    """Whether to tune, from measured arms, and the gates that a release must then pass."""

    file: ClassVar[str] = "decision.json"

    goal: str
    rule: str
    """The rule, as written before the experiment."""
    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    verdict: Verdict
    """Should we tune?"""
    recommendation: str
    """tune, prompt, classical or collect_more_data."""
    reasons: list[str]
    """One sentence for each arm and for the verdict."""
    shots: list[str]
    """Ids of the training examples in the few-shot prompt."""
    gates: list[Gate]
    minimum_detectable: float
    """Smallest difference of the primary metric that the validation set could show."""


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
