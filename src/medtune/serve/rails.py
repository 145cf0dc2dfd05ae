"""The application's rails: what is judged before the model speaks, and before it is heard.

A conversation that an application answers by rule never reaches the model. A reply is judged
whole before any of it is told, so a stream cannot leak what the judgement takes back.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from medtune.records import Hook, Message, Shown


class Rails(NamedTuple):
    """What an application brings to the server; None where it has none."""

    before: Callable[[Sequence[Message]], str | Sequence[Message]] | None = None
    after: Callable[[Sequence[Message], str], str] | None = None
    hooks: Sequence[Hook] = ()
    look: Callable[[Shown], str] | None = None


def judged_before(rails: Rails, messages: Sequence[Message]) -> str | Sequence[Message]:
    """The fixed reply to a conversation, or what the model is to read."""
    return messages if rails.before is None else rails.before(messages)


def judged_images(rails: Rails, images: Iterable[Shown]) -> list[str]:
    """What must be said of the images of a conversation.

    Raises:
        DataError: The model must not read one of them.
    """
    said = [rails.look(one) for one in images] if rails.look is not None else []
    return [one for one in said if one]


def judged_after(rails: Rails, messages: Sequence[Message], text: str) -> str:
    """What is told to the person who wrote `messages`."""
    return text if rails.after is None else rails.after(messages, text)
