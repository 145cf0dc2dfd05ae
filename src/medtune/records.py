"""The nouns that every stage shares: plain frozen values, no behaviour beyond their meaning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Role = Literal["system", "user", "assistant"]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
Severity = Literal["block", "warn", "note"]
Verdict = Literal["yes", "no", "not_enough_data"]
"""Every judgement has three values; the third says that more data is needed to tell."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What a target or an answer may be: a label, a number, a list of spans, an object."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Example:
    """One question with its target. Its `repr` shows ids only: the text may be a patient's."""

    id: str
    group: str
    """What a split never divides: a patient, an article, a site."""
    fields: Mapping[str, str] = field(repr=False)
    target: Json = field(repr=False)
    split: Split | None = None
    """The split the source fixes, or None to let `data` choose."""
    subgroups: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Attributes to report by, such as sex or site."""
    time: str | None = None
    """ISO 8601 date of the record, if it has one."""
    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered to one example.

    There are three ways of having no answer, and they count differently: `abstained` (the model
    declined), unparsed (`answer` is None: counts as wrong), and `failed` (our fault, such as a
    timeout: counts as nothing, and blocks a release).
    """

    id: str
    group: str
    target: Json = field(repr=False)
    answer: Json = field(repr=False)
    confidence: float | None = None
    """Probability that the answer is right, in [0, 1], where the arm gives one."""
    abstained: bool = False
    failed: bool = False
    subgroups: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    probabilities: Mapping[str, float] | None = field(default=None, repr=False)
    """Of each choice, summing to 1, by the answer it states; None where none were scored."""

    @property
    def unparsed(self) -> bool:
        """Whether the model replied but no answer could be read."""
        return self.answer is None and not (self.abstained or self.failed)

    @property
    def right(self) -> bool:
        """Whether an answer was given and equals the target."""
        return self.answer is not None and self.answer == self.target and not self.abstained


@dataclass(frozen=True, slots=True)
class ArmResult:
    """The answers of one arm, and what they cost."""

    name: str
    about: str
    """What was done, in one sentence."""
    predictions: Sequence[Prediction] = field(repr=False)
    seconds: float
    """Wall time for all predictions together."""
    prompt_tokens: int
    """Tokens of all prompts together; 0 for an arm without a language model."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number with its 95 % interval. No metric exists without one."""

    value: float
    low: float
    high: float
    n: int
    """Examples that count: failed ones do not."""
    n_groups: int
    method: str
    """How the interval was made, such as "bootstrap by group, 2000 resamples"."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A release condition. It compares the bound of the 95 % interval, never the point.

    `at_least` is met when the lower bound reaches it, `at_most` when the upper bound does. With
    `against`, the estimate is the paired difference to that arm on the same examples.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guard has to say about one thing it judged."""

    guard: str
    severity: Severity
    what: str
    where: str
    evidence: str
    remedy: str
    unmeasured: bool = False
    """Whether the guard could not judge because nothing was measured or stated."""


REJECTED = "rejected:"
"""The field of a reply that is worse than the target: no part of the input. No column that an
input names can have a colon."""

Metric = Callable[[Sequence[Prediction]], float]
"""A number in [0, 1] from predictions that did not fail. Raises DataError if there are none."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The number that decides, or one that must be kept."""

    name: str
    metric: Metric
    """More is better."""
    counts: Callable[[Prediction], bool]
    """Which predictions it is about."""
    most: float
    """What it cannot exceed."""

    def part(self, result: ArmResult) -> ArmResult:
        """The answers that it is about."""
        return replace(result, predictions=[p for p in result.predictions if self.counts(p)])


@dataclass(frozen=True, slots=True)
class View:
    """What a picture is drawn from."""

    record: Example
    """The one to draw."""
    records: Sequence[Example] = field(repr=False)
    """All that may be looked at, for what stands beside the drawn one: the visits of a person, the
    other sentences on an entity."""
    answers: Mapping[str, Json] = field(repr=False)
    """What the tuned model answered, by record id; empty if it was not asked."""
    sources: Callable[[], Sequence[Path]] = field(repr=False)
    """Fetches the files of the run's sources."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image of a conversation."""

    pixels_RC: NDArray[np.uint8] = field(repr=False)
    """As a model sees it."""
    modality: str = ""
    """As DICOM names it; empty where the file does not say."""
    body_part: str = ""
    """As above."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A CDS Hooks service of an application: computed advice inside of a clinical record."""

    service: Mapping[str, Json]
    """Its entry in the discovery, in the standard's names."""
    advise: Callable[[Mapping[str, Json], Mapping[str, Json]], str]
    """The cards (JSON) for the context of the hook and the prefetched FHIR resources by key; None
    stands for no such data."""
    prepare: Callable[[], object]
    """Loads what the first call needs."""
    may_lack: frozenset[str] = frozenset()
    """Prefetch keys that a call may come without: the cards say what could not be checked."""


@dataclass(frozen=True, slots=True)
class Application:
    """One medical task, as plain functions. Each application is a value in a file of its own."""

    name: str
    intended_use: str
    not_for: str
    load: Callable[[Sequence[Path]], Iterator[Example]]
    """Read the examples out of the files of the run's sources, in the order of `data.sources`."""
    prompt: Callable[[Example], list[Message]]
    """What the model reads."""
    reply: Callable[[Example], str]
    """What the model should write: the training target, and the oracle of the tests."""
    parse: Callable[[Example, str], Json]
    """The answer that a reply states, or None if it states none."""
    metrics: Mapping[str, Metric]
    """By name; higher is better, except for those in `lower_is_better`."""
    primary: str
    """The metric that decides."""
    choices: Callable[[Example], Sequence[str]] | None = None
    """The replies the model may give, where they are few: they are then scored, not generated."""
    question: Callable[[Example], str] | None = None
    """What retrieval may search with: the question, never its options or its answer. None: all
    fields but those that hold the record's own choices."""
    left_out: Callable[[Sequence[Path]], Mapping[str, Mapping[str, int]]] | None = None
    """Rows that `load` leaves out of the same files: their number by reason, by source."""
    rejected: Callable[[Example], str] | None = None
    """A reply that is worse than `reply`, where the data has one: preference tuning needs it."""
    lower_is_better: frozenset[str] = frozenset()
    gates: tuple[Gate, ...] = ()
    """Conditions beyond those that `decide` fixes from the baselines."""
    data_note: str = ""
    """What a reader of the report must know about the data: where it is from, what is synthetic."""
    facts: Callable[[Example], Mapping[str, Json]] | None = None
    """What the clinical kernel computes for an example; a model may explain it, never change it."""
    check: Callable[[Mapping[str, Json], str], list[Finding]] | None = None
    """What a reply contradicts in those facts; an empty list if nothing. Any reply will do."""
    read: Callable[[str], Example] | None = None
    """The record that a served message holds; DataError, which quotes no patient, for other text.
    With it the server lets the model read `prompt` of the record, and holds the reply against its
    `facts` by `check`. `before` and `after` are then not asked."""
    tell: Callable[[Example, str, Sequence[Finding]], str] | None = None
    """What is told of such a reply with what `check` found. None: `reply` of the record, which is
    written by rule, and below it the model's with its warnings where no finding blocks it."""
    before: Callable[[Sequence[Message]], str | Sequence[Message]] | None = None
    """What the server does with a conversation first: a fixed reply, told instead of the model's,
    or the messages that the model is to read."""
    after: Callable[[Sequence[Message], str], str] | None = None
    """What the server tells instead of the model's reply to a conversation: the reply with what
    must stand in it, or another one. Nothing is told before it has judged the whole reply."""
    look: Callable[[Shown], str] | None = None
    """What the server must say of an image of a conversation, empty if nothing. It raises DataError
    for one that the model must not read."""
    picture: Callable[[View], str] | None = None
    """What a person would look at, as one HTML page that loads nothing from elsewhere."""
    hooks: tuple[Hook, ...] = ()
    """What the server offers to a clinical record beside the chat."""
