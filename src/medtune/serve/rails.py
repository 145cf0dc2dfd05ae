"""The application's rails: what is judged before the model speaks, and before it is heard.

A conversation that an application answers by rule never reaches the model. A reply is judged
whole before any of it is told, so a stream cannot leak what the judgement takes back.

An application that computes the facts of a record is asked with the record itself. The model reads
what was computed, as it did when it was tuned and tested; what it writes is held against the facts.
It stands below the text that is written by rule, unless the application says how it is told.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from medtune.records import Application, Example, Finding, Hook, Message, Shown

WITHHELD = "The model's draft was withheld"
BELOW = "The above is written by rule. The model's words, which no finding blocks:"


class Rails(NamedTuple):
    """What an application brings to the server; None where it has none."""

    before: Callable[[Sequence[Message]], str | Sequence[Message]] | None = None
    after: Callable[[Sequence[Message], str], str] | None = None
    hooks: Sequence[Hook] = ()
    look: Callable[[Shown], str] | None = None


def rails_of(app: Application) -> Rails:
    """Those of the application, or those of its computed facts."""
    if app.read is None:
        return Rails(app.before, app.after, app.hooks, app.look)
    return Rails(partial(_asked, app), partial(_checked, app), app.hooks, app.look)


def _record(app: Application, messages: Sequence[Message]) -> Example:
    assert app.read is not None, app.name
    return app.read(messages[-1].content)


def _asked(app: Application, messages: Sequence[Message]) -> list[Message]:
    return app.prompt(_record(app, messages))


def _checked(app: Application, messages: Sequence[Message], text: str) -> str:
    return told_of(app, _record(app, messages), text)


def told_of(app: Application, example: Example, text: str) -> str:
    """What is told of a reply to a record, by an application that computes its facts."""
    assert app.facts is not None, app.name
    assert app.check is not None, app.name
    tell = app.tell or partial(_or_by_rule, app)
    return tell(example, text, app.check(app.facts(example), text))


def _or_by_rule(app: Application, example: Example, text: str, found: Sequence[Finding]) -> str:
    """The reply by rule, always; the model's below it, if it says so in other words unblocked."""
    by_rule = app.reply(example)
    blocking = [one.what for one in found if one.severity == "block"]
    if blocking or not text.strip():
        why = "; ".join(dict.fromkeys(blocking)) or "it was empty"
        return f"{by_rule}\n\n[{WITHHELD}: {why}. This text is written by rule.]"
    if text.split() == by_rule.split():
        return by_rule
    told = f"{by_rule}\n\n[{BELOW}]\n\n{text}"
    seen = "; ".join(dict.fromkeys(f"{one.what} ({one.where})" for one in found))
    return f"{told}\n\n[To be looked at: {seen}.]" if found else told


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
