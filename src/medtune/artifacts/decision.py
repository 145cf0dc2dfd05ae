"""The decision: what was measured before tuning, what follows by the rule, what binds a release.

It is signed by its own hash. The tune is made from that hash, so neither the verdict nor a gate can
be changed afterwards without being noticed.
"""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from medtune.artifacts.files import canonical_sha256
from medtune.artifacts.head import Artifact
from medtune.errors import DataError
from medtune.records import Estimate, Gate, Verdict


class Part(BaseModel):
    """A part of an artifact: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Arm(Part):
    """One way of doing the task, measured on the same examples as all others."""

    name: str
    estimates: dict[str, Estimate]
    seconds_per_example: float
    prompt_tokens_per_example: float
    failed: int
    unparsed: int
    about: str
    """What was done, in one sentence."""


class Comparison(Part):
    """A paired comparison of two arms on the same examples."""

    arm: str
    against: str
    metric: str
    difference: Estimate
    """Of the metric, arm minus against; positive means that `arm` is better."""
    p_value: float
    """Two-sided, paired, before correction."""
    p_adjusted: float
    """After Holm's correction over the comparisons that answer the same question."""
    test: str
    verdict: Verdict
    """Is `arm` better than `against`?"""
    question: str = ""
    """In a decision, the question that it helps to answer; empty elsewhere."""


class Facts(Part):
    """What the rule uses besides the measurements, from the run file and the application."""

    must_retrieve: bool = False
    """Whether only arms that retrieve may be used: answers must cite, or change often."""
    may_learn: bool = True
    """Whether a model may learn from these records."""
    focus: str | None = None
    """The subgroup that the goal is about, as ATTRIBUTE=VALUE."""
    lower_is_better: bool = False
    """Whether less of the deciding metric is better. Differences are always signed so that more is
    better."""


class Recipe(Part):
    """The prompt that an arm ended with, and what its search tried on a part of train."""

    wording: str
    """How the instruction is put."""
    shots: list[str]
    """Ids of the worked examples of train, in the order shown; empty if none, or chosen anew for
    each question."""
    passages: int
    """Passages, or nearest training examples, that are put before each question."""
    tried: dict[str, float | None]
    """Each prompt that was tried, with the deciding metric on the search part of train; None where
    it has no value."""
    n_search: int
    """Training examples that the prompts were compared on."""


class Cost(Part):
    """What an arm costs in use, as measured here."""

    per_1000: float | None
    """Price of 1,000 requests in batches; None where an outside model does not say."""
    latency_median_s: float
    """Of single requests, one after the other."""
    latency_p95_s: float
    n_latency: int
    """Requests that the two are from."""
    peak_memory_gb: float
    """Most main memory that the process held while answering; on a GPU, most of its memory."""
    hours_to_absorb: float
    """Until a change of what must be known is in the answers: nothing for a prompt, the index for
    retrieval, the training for a tune (projected to all training examples)."""


class CurvePoint(Part):
    """One tune of the learning curve."""

    examples: int
    seed: int
    value: float
    """The deciding metric on validation."""
    seconds: float
    """Wall time of its training."""


class CurveBand(Part):
    """The fitted curve at one size, with its 95 % interval."""

    examples: int
    value: float
    low: float
    high: float


class Curve(Part):
    """How the tune grows with its training examples: limit - drop / (1 + (n / onset) ** rate)."""

    points: list[CurvePoint]
    limit: float
    drop: float
    onset: float
    rate: float
    draw_sd: float
    """Standard deviation of the metric between tunes that differ by their draw and seed only."""
    band: list[CurveBand]
    projected_to: int
    """Training examples that the projected comparisons are about: all there are, but at most four
    times the largest tune."""
    train_examples: int
    """Training examples that there are."""
    chances: dict[str, float]
    """Probability that a tune on so many examples beats the best other arm by the margin."""
    needed: int | None
    """Fewest examples at which that probability is 80 %, if there are any within reach."""
    still_rising: bool = False
    """Whether the curve would beat the best other arm by the margin at four times as many examples
    if it went on as between its two largest sizes, a rise of more than twice `draw_sd`."""


class Decision(Artifact):
    """Whether to tune, from measured arms, and the gates that a release must then pass."""

    file: ClassVar[str] = "decision.json"
    verb: ClassVar[str] = "decide"

    goal: str
    rule: str
    """The rule, as written before the experiment."""
    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    verdict: Verdict
    """Should we tune?"""
    recommendation: str
    """tune, tune_retrieve, prompt, retrieve, classical, collect_more_data, nothing_works, or
    not_enough_data."""
    reasons: list[str]
    """One sentence for each arm and for the verdict."""
    gates: list[Gate]
    minimum_detectable: float
    """Smallest difference of the deciding metric that the validation set could show."""
    objective: str = ""
    """The metric that the goal decides by, where it is not the primary metric itself."""
    winner: str = ""
    """The arm that is recommended, if one is."""
    margin: float = 0.0
    facts: Facts = Facts()
    recipes: dict[str, Recipe] = Field(default_factory=dict[str, Recipe])
    """By prompting arm."""
    costs: dict[str, Cost] = Field(default_factory=dict[str, Cost])
    """By arm."""
    currency: str = ""
    curve: Curve | None = None
    """None where nothing was tuned."""
    needed_groups: int | None = None
    """Validation groups with which the verdict could be told, where it could not."""
    look: int = 1
    """How many decisions this folder has seen, this one included."""
    signature: str = ""
    """SHA-256 of all the rest."""

    def signed(self) -> "Decision":
        """The same with its signature."""
        return self.model_copy(update={"signature": self._digest()})

    def verified(self, out: Path) -> "Decision":
        """The same, if it is what was signed.

        Args:
            out: Where it lies, for the message.

        Raises:
            DataError: It was changed after it was written.
        """
        if self.signature != self._digest():
            raise DataError(
                f"{out / self.file}: changed after it was signed, so its verdict and its gates "
                "bind nobody; run medtune decide again"
            )
        return self

    def _digest(self) -> str:
        return canonical_sha256(self.model_dump(mode="json", exclude={"signature"}))
