"""The model under test, as functions: what the parts of the evaluation need of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from medtune.config import EvaluateSection
from medtune.llm.generate import generate
from medtune.llm.likeness import cosines
from medtune.llm.load import LanguageModel
from medtune.llm.predict import fits, predict
from medtune.llm.score import score_replies
from medtune.progress import progress
from medtune.records import Application, ArmResult, Example, Message

Conversation = Sequence[Message]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that answers. A test gives plain functions instead."""

    name: str
    ask: Callable[[Application, Sequence[Example]], ArmResult]
    """The answers to an application's examples, in order."""
    fits: Callable[[Application, Sequence[Example]], list[bool]]
    """Whether each example, as the application asks it, fits the context."""
    score: Callable[[Sequence[tuple[Conversation, Sequence[str]]]], list[list[float]]]
    """Log-probability in nats of each reply to each conversation."""
    write: Callable[[Sequence[Conversation]], list[str]]
    """A greedy reply to each conversation."""
    liken: Callable[[Sequence[tuple[str, str]]], list[float]]
    """The cosine of the mean hidden states of each pair of texts."""


def subject_of(lm: LanguageModel, name: str, settings: EvaluateSection) -> Subject:
    """A language model as a subject.

    Args:
        lm: The model.
        name: Shown in bars, such as "tuned".
        settings: Sizes of batches and replies.
    """

    def ask(app: Application, examples: Sequence[Example]) -> ArmResult:
        return predict(lm, app, examples, settings=settings, what=f"{name}: {app.name}")

    def score(items: Sequence[tuple[Conversation, Sequence[str]]]) -> list[list[float]]:
        with progress(f"{name}: loss", len(items), "replies") as advance:
            return score_replies(lm, items, batch_tokens=settings.batch_tokens, advance=advance)

    def write(prompts: Sequence[Conversation]) -> list[str]:
        with progress(f"{name}: replies", len(prompts), "prompts") as advance:
            replies = generate(
                lm,
                prompts,
                max_new_tokens=settings.max_new_tokens,
                batch_tokens=settings.batch_tokens,
                advance=advance,
            )
        return [reply.text for reply in replies]

    def liken(pairs: Sequence[tuple[str, str]]) -> list[float]:
        with progress(f"{name}: likeness", len(pairs), "pairs") as advance:
            return cosines(lm, pairs, advance=advance)

    return Subject(name, ask, partial(fits, lm), score, write, liken)
