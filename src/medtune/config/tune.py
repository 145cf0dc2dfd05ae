"""The section of a run file that says how to tune."""

import math
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.section import Count, Fraction, Section

FEWEST_TRIED = 2
SMALL_STEPS, MOST_PASSES = 64, 4
"""Steps that a small tune should have, and how often it may multiply the passes to have them."""


class SweepSection(Section):
    """Settings to try against each other by successive halving: every combination of those named.

    Each round trains those that are left for as many steps more, and leaves out the worse half.
    """

    learning_rate: tuple[Annotated[float, Field(gt=0)], ...] = ()
    rank: tuple[Count, ...] = ()
    """`alpha` stays as it is, so an adapter of a higher rank is scaled down."""
    alpha: tuple[Annotated[float, Field(gt=0)], ...] = ()
    weight_decay: tuple[Annotated[float, Field(ge=0)], ...] = ()
    towards_start: tuple[Annotated[float, Field(ge=0)], ...] = ()
    replay: tuple[Fraction, ...] = ()
    steps: Count = 200
    """Optimizer steps for all of them together; the winner then goes on to its end."""

    @property
    def combinations(self) -> list[dict[str, int | float]]:
        """Each combination, by the names of the settings, in the order given."""
        named = {
            name: values
            for name in type(self).model_fields
            if isinstance(values := getattr(self, name), tuple) and values
        }
        return [dict(zip(named, one, strict=True)) for one in product(*named.values())]

    @model_validator(mode="after")
    def _is_a_choice(self) -> Self:
        if len(self.combinations) < FEWEST_TRIED:
            raise ValueError("tune.sweep: name at least two values of a setting")
        return self


class TuneSection(Section):
    """The training itself."""

    objective: Literal["sft", "cpt", "dpo", "simpo"] = "sft"
    """`sft` learns the replies. `cpt` goes on with pre-training: it learns every token of the
    records' text and of `texts`. `dpo` and `simpo` learn to prefer the replies to the worse ones
    of `task.rejected`: with the base model as reference, and without one."""
    texts: tuple[Path, ...] = ()
    """Documents to learn from, for `cpt`: JSONL with a `text` in each row, or one text file each.
    Long ones are cut into pieces; no token is lost or learnt twice."""
    replay: Fraction = 0.0
    """Share of each step's loss that is replayed general text or instructions, against forgetting;
    some 0.1 to 0.3. The step's own examples are as many as without."""
    replay_file: Path | None = None
    """What to replay: JSONL with `prompt` and, if you like, `reply`; for `cpt` with `text`. None
    takes prompts of medtune's own. Replies that are missing are the base model's."""
    beta: Annotated[float, Field(gt=0)] = 0.1
    """How sharp the preference is; some 0.1 for `dpo`, 2 for `simpo`."""
    preference_margin: Annotated[float, Field(ge=0)] = 0.5
    """By how much `simpo` wants a better reply preferred, times the worse one's odds, in nats."""
    adapter: Literal["lora", "rslora", "dora", "full"] = "lora"
    """`rslora` scales by alpha over the root of the rank; `dora` also learns the size of each
    output's weights, and is slower. `full` learns all weights of the model themselves, without an
    adapter: it takes some ten times the memory, and a learning rate of about a tenth."""
    rank: Count = 16
    """Rank of the LoRA adapter, on all linear layers of the decoder."""
    alpha: float = 32.0
    """LoRA scaling: the update is multiplied by alpha / rank."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak rate; linear warm-up, then cosine to a tenth."""
    warmup: Fraction = 0.1
    """Share of the steps that warm up."""
    epochs: Count = 2
    """Passes over the training examples, at the most: validation may stop earlier."""
    examples_per_step: Count = 16
    """Examples in one optimizer step."""
    micro_batch_tokens: Count = 1024
    """Most tokens in one forward and backward pass; changes memory and speed, not the result."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    towards_start: Annotated[float, Field(ge=0)] = 0.0
    """Decay towards the base model: after each step, this times the learning rate of the way that
    each weight has gone is taken back; some 0.1 to 10, where `weight_decay` pulls to zero."""
    average: Fraction = 0.0
    """Decay of a running mean of the weights, such as 0.9 for about the last ten steps. The mean
    is what is looked at and kept; 0 keeps the weights of a step."""
    interpolate: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the way from the base to the tuned model at which the kept model lies."""
    validate_every: Count = 20
    """Optimizer steps between two looks at the validation loss, and between two checkpoints."""
    patience: Count = 3
    """Stop after this many looks without improvement."""
    stop_on: Literal["loss", "metric"] = "loss"
    """What a look goes by, to keep a step and to stop: the validation loss, or the metric that
    decides, by answering validation examples as the evaluation does."""
    metric_examples: Count = 64
    """Validation examples that each look answers, for `stop_on: metric`; the same each time, with
    each label and subgroup among them."""
    probe_examples: Annotated[int, Field(ge=0)] = 32
    """Training examples whose loss each look compares with validation's, to see learning by heart;
    0 leaves that out."""
    canaries: Annotated[int, Field(ge=0, le=64)] = 0
    """Made-up secrets to learn beside the records, to measure what the model gives away."""
    seeds: Annotated[int, Field(ge=1, le=10)] = 1
    """Tunings that differ in the seed only, from `seed` on; the best by validation is kept, and
    the spread is reported."""
    sweep: SweepSection | None = None
    """Settings to choose by validation before the tuning; None takes those given here."""

    @model_validator(mode="after")
    def _the_way_back_is_straight(self) -> Self:
        if self.interpolate < 1 and self.adapter == "dora":
            raise ValueError(
                "tune.interpolate: a DoRA adapter cannot be scaled; choose lora, rslora or full"
            )
        return self

    @model_validator(mode="after")
    def _full_tuning_has_no_rank(self) -> Self:
        if self.adapter == "full" and self.sweep and (self.sweep.rank or self.sweep.alpha):
            raise ValueError("tune.sweep: full tuning has no rank and no alpha; leave them out")
        return self

    @model_validator(mode="after")
    def _texts_are_learnt(self) -> Self:
        if self.texts and self.objective != "cpt":
            raise ValueError("tune.texts are learnt by tune.objective: cpt only; set it")
        return self

    def epochs_of_small(self, examples: int) -> int:
        """Passes of a small tune of the decision over so many examples.

        A tune of few steps has not learned the labels yet, and says nothing of what the data are
        worth: 32 steps over 256 records of drug_discovery gave macro-F1 0.12 on validation, 64
        steps 0.29 (docs/log.md).
        """
        wanted = math.ceil(SMALL_STEPS * self.examples_per_step / max(1, examples))
        return min(max(self.epochs, wanted), MOST_PASSES * self.epochs)
