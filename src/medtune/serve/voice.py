"""What the server needs of a language model: three functions, so that a test can give its own."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from medtune.config import Run
from medtune.records import Message
from medtune.serve.image import Pixels

if TYPE_CHECKING:
    from medtune.llm.load import LanguageModel


class Spoken(NamedTuple):
    """A whole reply."""

    text: str
    n_new: int
    """Tokens of the reply."""
    stopped: bool
    """Whether the model ended it, rather than the limit on its tokens."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A model that answers. All three raise MedtuneError for messages that cannot be rendered."""

    count: Callable[[Sequence[Message]], int]
    """Tokens of the prompt, with the chat template."""
    answer: Callable[[Sequence[Message], int], Spoken]
    """The reply, of so many tokens at the most."""
    stream: Callable[[Sequence[Message], int], Generator[str, None, Spoken]]
    """Yields the pieces of the same reply and returns it whole."""
    look: Callable[[Mapping[str, Pixels]], None] | None = None
    """Takes in the images that messages mark; None for a model that sees none."""


def voice_of(run: Run, lm: "LanguageModel") -> Voice:
    """The voice of a loaded model: greedy, by the code that evaluated it."""
    # torch may be imported only after the numerics of the process are set, so not with this module
    from medtune.llm.generate import generate, stream

    def count(messages: Sequence[Message]) -> int:
        return len(lm.renderer.prompt(messages))

    def answer(messages: Sequence[Message], max_new_tokens: int) -> Spoken:
        (reply,) = generate(
            lm,
            [messages],
            max_new_tokens=max_new_tokens,
            batch_tokens=run.evaluate.batch_tokens,
            advance=lambda _: None,
        )
        return Spoken(reply.text, reply.n_new, reply.stopped)

    def pieces(messages: Sequence[Message], max_new_tokens: int) -> Generator[str, None, Spoken]:
        reply = yield from stream(lm, messages, max_new_tokens=max_new_tokens)
        return Spoken(reply.text, reply.n_new, reply.stopped)

    eyes = lm.eyes
    if eyes is None:
        return Voice(count, answer, pieces)

    def look(images: Mapping[str, Pixels]) -> None:
        for pixels_RC in images.values():
            eyes.admit(pixels_RC)

    return Voice(count, answer, pieces, look)
