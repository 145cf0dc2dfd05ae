"""What the evaluate stage writes: how good, how sure, for whom, and what broke.

Parts that were not measured are empty, and `not_measured` says why.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from medtune.artifacts.decision import Arm, Comparison
from medtune.artifacts.head import Artifact
from medtune.artifacts.way import Way
from medtune.records import Estimate, Verdict

STRICT = ConfigDict(extra="forbid", frozen=True)


class SubgroupRow(BaseModel):
    """One metric of the tuned model for one value of an attribute, against everybody else."""

    model_config = STRICT
    attribute: str
    """Such as "sex", or "sex and site" for an intersection."""
    value: str
    metric: str
    estimate: Estimate
    gap: Estimate | None
    """This subgroup minus the rest, turned so that negative is worse; None where the rest is too
    small, or the metric has no value."""
    p_adjusted: float | None
    """Of the gap, after Holm's correction over all gaps of this evaluation."""
    detectable: float | None
    """The smallest gap that these examples show with 80 % power."""
    worse: Verdict
    """Is the subgroup served worse than the rest by more than the margin?"""
    before: Estimate | None
    """The base model's value, for the primary metric."""
    change: Estimate | None
    """Tuned minus base in this subgroup, in pairs, turned so that negative is worse."""


class Fairness(BaseModel):
    """Every metric by subgroup and intersection."""

    model_config = STRICT
    margin: float
    """The largest gap that is let pass."""
    rows: list[SubgroupRow]
    suppressed: dict[str, int]
    """By attribute, how many values have too few examples or groups to be reported."""


class SwapResult(BaseModel):
    """Counterfactual pairs: the same examples with some words swapped."""

    model_config = STRICT
    name: str
    expect: Literal["same", "differ"]
    limit: float
    """Share of answers that may go against the expectation."""
    n: int
    """Pairs; the examples where no word could be swapped are not among them."""
    flips: Estimate
    """Share of pairs whose two answers differ."""
    shift: float | None
    """Mean change of the probability of the first answer; None without probabilities."""
    against: list[str]
    """Ids of the examples that went against the expectation."""
    as_expected: Verdict


class Selection(BaseModel):
    """Answers below a confidence are withheld; the confidence was chosen on validation."""

    model_config = STRICT
    asked_risk: float
    """Share of wrong answers that was asked for."""
    threshold: float | None
    """None where no threshold kept the risk on validation."""
    coverage: Estimate | None
    """On the test: the share of examples that are answered."""
    risk: Estimate | None
    """On the test: the share of wrong answers among those."""


class SetResult(BaseModel):
    """Conformal sets, fitted on validation and held against the test."""

    model_config = STRICT
    kind: Literal["LAC", "APS"]
    promised: float
    """The coverage that was asked for."""
    coverage: Estimate
    size: Estimate
    """Mean number of choices in a set, as a share of all choices."""
    covers: Verdict
    """Does the promise hold on the test?"""


class Confidence(BaseModel):
    """What the tuned model's confidence is worth."""

    model_config = STRICT
    n_validation: int
    """Validation examples that temperature, threshold and sets were fitted on."""
    temperature: float | None
    """None where the arm gives no probabilities of choices."""
    error_at_temperature: Estimate | None
    """Expected calibration error on the test, at that temperature."""
    brier: Estimate
    slope: Estimate
    """Of the calibration line; 1 is best."""
    intercept: Estimate
    """0 is best."""
    area: Estimate
    """Area under the risk-coverage curve; lower is better."""
    curve: list[dict[str, float]]
    """Coverage and risk."""
    selection: Selection | None
    sets: list[SetResult]


class Retained(BaseModel):
    """One area of ability, before and after tuning, by the same scorer on the same items."""

    model_config = STRICT
    area: str
    source: str
    """"medtune", or the name of the user's file."""
    chance: float
    """What guessing would score."""
    before: Estimate
    after: Estimate
    change: Estimate
    """After minus before; negative is lost."""
    p_adjusted: float
    """McNemar's exact test, after Holm's correction over the areas."""
    margin: float
    kept: Verdict
    """Was at most the margin lost?"""
    right_to_wrong: list[str]
    wrong_to_right: list[str]


class Perturbed(BaseModel):
    """The tuned model on test examples that were changed by a rule."""

    model_config = STRICT
    name: str
    expect: Literal["same", "differ"]
    n: int
    same: Estimate
    """Share of answers that stayed the same."""
    change: Estimate | None
    """Of the primary metric, changed minus plain, turned so that negative is worse; None where the
    answer should differ, for the target is then another, or where the metric has no value."""
    differing: list[str]
    """Ids of the examples whose answer changed."""


class Memorisation(BaseModel):
    """Does the model give away what it was trained on?"""

    model_config = STRICT
    membership: Estimate | None
    """AUROC of telling training examples from test examples by the loss of their reply; 0.5 means
    that they cannot be told apart."""
    n_train: int
    n_held_out: int
    canaries: int
    """Secrets that were planted in the training data."""
    extracted: int
    """Canaries that the model writes out when asked."""
    exposure: Estimate | None
    """Mean exposure of the canaries in bits; 1.44 is what a model that never saw them has."""
    most_exposure: float | None
    """The exposure of a canary that is more likely than every other secret."""


class Domain(BaseModel):
    """The primary metric on one part of the test or one extra set, for base and tuned model."""

    model_config = STRICT
    attribute: str
    """"source", "time", a subgroup attribute, or "set" for an extra set."""
    value: str
    n_train: int
    """Training examples of the same value; 0 means that nothing of it was learnt from."""
    before: Estimate
    after: Estimate
    change: Estimate
    """After minus before, turned so that negative is worse."""
    p_adjusted: float
    harmed: Verdict
    """Is the tuned model worse here than the base model? "yes" is negative transfer."""
    left_out: int = 0
    """Examples of an extra set that are not counted, because train holds the same, nearly
    the same, or half of its runs of 13 words."""


class LeftOut(BaseModel):
    """One value left out of a small tune, against a small tune of the same size with all values."""

    model_config = STRICT
    attribute: str
    value: str
    with_it: Estimate
    without_it: Estimate
    change: Estimate
    """Without minus with, on validation examples of that value; negative is what is lost."""


class Dated(BaseModel):
    """Facts with a date: are the answers those of today?"""

    model_config = STRICT
    source: str
    n_changed: int
    n_unchanged: int
    current_before: Estimate | None
    current: Estimate | None
    """Share of changed facts that are answered as they are today; None without changed facts."""
    stale_before: Estimate | None
    stale: Estimate | None
    """Share of changed facts that are answered as they were before."""
    unchanged_before: Estimate | None
    unchanged: Estimate | None
    by_year: dict[str, Estimate]
    """Share of current answers by the year from which the fact holds."""
    stale_ids: list[str]


class Judged(BaseModel):
    """A rubric, scored by a judge model that was itself measured against people."""

    model_config = STRICT
    judge: str
    criteria: int
    labels: int
    """Human labels that the judge also gave one for."""
    agreement: Estimate | None
    """Cohen's kappa of judge and people, within criteria; None without labels."""
    alpha: float | None
    """Krippendorff's alpha of the same."""
    asked_agreement: float
    may_gate: bool
    """Whether the lower bound of the agreement reaches what was asked, and few judgements lack."""
    score: Estimate | None
    """Clipped mean of the rubric scores of the tuned model; None if too few were judged."""
    missing: list[str]
    """Ids of the examples that the judge failed on: they have no score, not a score of 0."""


class Evaluation(Artifact):
    """How good, how sure, against what: the sealed test, opened once for this adapter."""

    file: ClassVar[str] = "evaluation.json"
    verb: ClassVar[str] = "evaluate"

    way: Way = Way()
    """What is under test: the first arm, whose name is the way's."""
    primary: str
    arms: list[Arm]
    comparisons: list[Comparison]
    """The way under test against every other arm."""
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
    """How many different adapters or prompts were scored on this sealed test, this one included."""
    detectable: float | None = None
    """The smallest difference that the test could be expected to show, fixed before it was opened,
    from the spread that the decision saw on validation."""
    confidence: Confidence | None = None
    fairness: Fairness | None = None
    swaps: list[SwapResult] = Field(default_factory=list[SwapResult])
    retention: list[Retained] = Field(default_factory=list[Retained])
    robustness: list[Perturbed] = Field(default_factory=list[Perturbed])
    memorisation: Memorisation | None = None
    transfer: list[Domain] = Field(default_factory=list[Domain])
    left_out: list[LeftOut] = Field(default_factory=list[LeftOut])
    dated: list[Dated] = Field(default_factory=list[Dated])
    judged: Judged | None = None
    likeness: Estimate | None = None
    """Mean cosine of mean hidden states of answer and target, by the base model: how alike the two
    texts look to it, not whether they agree. No gate may use it."""
    not_measured: dict[str, str] = Field(default_factory=dict[str, str])
    """What was not measured, and why."""
