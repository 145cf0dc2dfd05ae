"""How a question is put: the wordings of the instruction, worked examples, and passages.

An application under another way of asking is an application again, so every arm goes through the
same code that asks, scores and reads the answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from medtune.measure import one_of_few
from medtune.records import Application, Example, Message

AS_WRITTEN, REPEATED, INSIDE, NAMED = (
    "as written",
    "repeated after the question",
    "inside the question",
    "with the answers named",
)
OWN = "own wording"
PASSAGES = "Use these passages:"


@dataclass(frozen=True, slots=True)
class Around:
    """What is put around one question."""

    shots: Sequence[Example] = ()
    """Worked examples, in the order shown."""
    passages: Sequence[str] = ()
    """Texts put before the question."""


def wordings(app: Application, train: Sequence[Example], own: Sequence[str]) -> list[str]:
    """The names of the ways to put the instruction of this task, the one as written first.

    Args:
        app: The task. Without a system message there is nothing to reword.
        train: To see whether all examples have the same labels.
        own: Instructions that the user gave; they come next.
    """
    names = [AS_WRITTEN, *(f"{OWN} {number}" for number in range(1, len(own) + 1))]
    instruction = _instruction(app.prompt(train[0]))
    if not instruction:
        return names
    labels = one_of_few(app, train) or ()
    if labels and not all(label in instruction for label in labels):
        names.append(NAMED)
    return [*names, REPEATED, INSIDE]


def asking(
    app: Application,
    wording: str,
    *,
    own: Sequence[str] = (),
    around: Callable[[Example], Around] | None = None,
) -> Application:
    """The application with its question put in another way.

    Args:
        app: The task.
        wording: One of `wordings`.
        own: The user's instructions.
        around: What to put around a question; None puts nothing.
    """
    return replace(app, prompt=partial(_messages, app, wording, tuple(own), around))


def _messages(
    app: Application,
    wording: str,
    own: Sequence[str],
    around: Callable[[Example], Around] | None,
    example: Example,
) -> list[Message]:
    added = Around() if around is None else around(example)
    written = app.prompt(example)
    turns: list[Message] = []
    for shot in added.shots:
        turns += [message for message in app.prompt(shot) if message.role != "system"]
        turns.append(Message("assistant", app.reply(shot)))
    *before, last = [message for message in written if message.role != "system"]
    question = last.content
    if added.passages:
        listed = "\n".join(f"- {passage}" for passage in added.passages)
        question = f"{PASSAGES}\n{listed}\n\n{question}"
    system, question = _worded(app, example, wording, own, (_instruction(written), question))
    first = [Message("system", system)] if system else []
    return [*first, *turns, *before, replace(last, content=question)]


def _worded(
    app: Application,
    example: Example,
    wording: str,
    own: Sequence[str],
    written: tuple[str, str],
) -> tuple[str, str]:
    """System message and question under a wording."""
    instruction, question = written
    if wording.startswith(OWN):
        return own[int(wording.removeprefix(OWN)) - 1], question
    labels = "; ".join(app.choices(example)) if app.choices is not None else ""
    return {
        AS_WRITTEN: (instruction, question),
        REPEATED: (instruction, f"{question}\n\n{instruction}"),
        INSIDE: ("", f"{instruction}\n\n{question}"),
        NAMED: (f"{instruction} Answer with one of: {labels}.", question),
    }[wording]


def _instruction(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages if message.role == "system")
