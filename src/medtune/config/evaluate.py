"""The sections of a run file that say what is measured of the tuned model, and what is stated."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.data import SourceSection
from medtune.config.section import Count, Section

Share = Annotated[float, Field(gt=0, lt=1)]
Some = Annotated[int, Field(ge=0)]
Perturbation = Literal[
    "options_order",
    "findings_order",
    "paraphrase",
    "typos",
    "units",
    "irrelevant_context",
    "negation",
]


class SwapSection(Section):
    """Counterfactual pairs: words that stand for each other, such as he and she."""

    name: str
    """What is swapped, such as `sex`."""
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1)
    """Whole words; each becomes the other, in one pass, and keeps its capitals."""
    fields: tuple[str, ...] = ()
    """The fields to look in; none means all."""
    when: tuple[str, ...] = ()
    """Only examples that hold one of these words; none means all."""
    expect: Literal["same", "differ"] = "same"
    """Whether the answer should stay the same, or must become another."""
    limit: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Share of pairs that may go against that."""


class JudgeSection(Section):
    """A judge model that scores replies by a rubric."""

    rubric: Path
    """JSON: a list of criteria with `id`, `text` and `points`."""
    labels: Path | None = None
    """JSONL of people's labels: `id`, `prompt`, `reply`, `criterion`, `met`; without, no gating."""
    endpoint: str | None = None
    """Address of an OpenAI-compatible server, up to and with `/v1`; None asks the base model. The
    replies go there: see that they may. The key is in the environment, MEDTUNE_JUDGE_KEY."""
    model: str = "default"
    """The name of the model on that server."""
    agreement: Share = 0.6
    """Lower bound of Cohen's kappa with people, within criteria, from which the judge may gate."""
    examples: Count = 100
    """Test examples that are judged."""


class EvaluateSection(Section):
    """The sealed test, and what is measured beside it. A number of 0 leaves a part out."""

    resamples: Annotated[int, Field(ge=200)] = 2000
    """Bootstrap resamples for every interval."""
    max_new_tokens: Count = 128
    """Longest generated reply, where replies are generated."""
    batch_tokens: Count = 2048
    """Most tokens in one scoring or generation batch."""
    validation_examples: Some = 120
    """Validation examples on which temperature, threshold and conformal sets are fitted."""
    asked_risk: Share = 0.1
    """Share of wrong answers to keep below by withholding unsure ones."""
    conformal_miss: Share = 0.1
    """Share of conformal sets that may miss their target."""
    subgroup_margin: Share = 0.05
    """The largest gap between a subgroup and the rest that is let pass."""
    swaps: tuple[SwapSection, ...] = ()
    """Counterfactual pairs."""
    retention_items: Some = 60
    """Items of each area of medtune's own battery (general, medical, safety), before and after."""
    retention: tuple[SourceSection, ...] = ()
    """Further batteries: JSONL with `id`, `area`, `question`, `options` and `answer`."""
    retention_margin: Share = 0.02
    """What may be lost of an ability."""
    robustness_examples: Some = 24
    """Test examples that each perturbation changes."""
    perturbations: tuple[Perturbation, ...] = (
        "options_order",
        "findings_order",
        "paraphrase",
        "typos",
        "units",
        "irrelevant_context",
        "negation",
    )
    """How they are changed. The answer should stay the same, but for `negation`."""
    membership_examples: Some = 50
    """Training examples, and as many test examples, whose loss is compared."""
    transfer: tuple[SourceSection, ...] = ()
    """Sets of the same task from elsewhere, never trained on; read as `data.sources` are."""
    leave_out: str | None = None
    """A subgroup attribute, such as `site`: small tunes without each of its values in turn."""
    dated_facts: tuple[SourceSection, ...] = ()
    """Facts with a date: JSONL with `id`, `question`, `answer`, `valid_from`, `superseded`, `other`
    and `source`."""
    judge: JudgeSection | None = None
    """A judge model for replies in free text."""

    @property
    def scoring(self) -> "EvaluateSection":
        """What of this decides how answers are made and intervals drawn; all else by default."""
        return EvaluateSection(
            resamples=self.resamples,
            max_new_tokens=self.max_new_tokens,
            batch_tokens=self.batch_tokens,
        )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [swap.name for swap in self.swaps]
        if len(set(names)) != len(names):
            raise ValueError("evaluate.swaps names two swaps alike; give each its own name")
        return self


class EthicsSection(Section):
    """What people must answer for: one sentence each. `not applicable: REASON` is an answer.

    Source: the six principles of WHO 2021, Ethics and governance of artificial intelligence for
    health, ISBN 978-92-4-002920-0, with privacy and human oversight asked for apart.
    """

    purpose: str = ""
    """Who benefits, and how it is better than what is done now."""
    autonomy: str = ""
    """How people consent to their data being used, and how they learn that a model answers."""
    justice: str = ""
    """Who might be served worse, and what is done about it."""
    privacy: str = ""
    """How the people in the data are protected."""
    transparency: str = ""
    """What users are told about the model and its limits."""
    accountability: str = ""
    """The role that answers for the model in use."""
    oversight: str = ""
    """The role that can overrule and stop it, and how."""
    environment: str = ""
    """What its energy use is, and why it is worth it."""
