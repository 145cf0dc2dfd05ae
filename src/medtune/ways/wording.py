"""How a question is put: the wordings of the instruction, worked examples, and passages."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medtune.errors import ConfigError
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

    turns: Sequence[Message] = field(default=(), repr=False)
    """Worked examples, in the order shown."""
    passages: Sequence[str] = field(default=(), repr=False)
    """Texts put before the question."""
    found: tuple[str, ...] = ()
    """What was searched for and found, by name."""


def wordings(app: Application, train: Sequence[Example], own: Sequence[str]) -> list[str]:
    """The names of the ways to put the instruction of this task, the one as written first.

    Args:
        app: The task. Without a system message there is nothing to reword.
        train: To see whether all examples have the same labels.
        own: Instructions that the user gave; they come next.
    """
    names = [AS_WRITTEN, *(f"{OWN} {number}" for number in range(1, len(own) + 1))]
    instruction = instruction_of(app.prompt(train[0]))
    if not instruction:
        return names
    labels = one_of_few(app, train) or ()
    if labels and not all(label in instruction for label in labels):
        names.append(NAMED)
    return [*names, REPEATED, INSIDE]


def text_of(app: Application, wording: str, own: Sequence[str], example: Example) -> str:
    """What a wording adds that the task's own prompt does not hold: it is the same for all records.

    Args:
        app: The task.
        wording: One of `wordings`.
        own: The user's instructions.
        example: Any; where a wording names the answers, all records have the same.

    Raises:
        ConfigError: The wording is one of the user's that is not there any more.
    """
    if wording.startswith(OWN):
        number = int(wording.removeprefix(OWN))
        if number > len(own):
            raise ConfigError(
                f"decide.instructions: number {number}, which the decision chose, is not there any "
                "more; put it back, or run medtune decide again"
            )
        return own[number - 1]
    if wording == NAMED:
        assert app.choices is not None, "the wording is for labels only"
        return "; ".join(app.choices(example))
    return ""


def worked(app: Application, shots: Sequence[Example]) -> list[Message]:
    """Worked examples as turns."""
    turns: list[Message] = []
    for shot in shots:
        turns += [message for message in app.prompt(shot) if message.role != "system"]
        turns.append(Message("assistant", app.reply(shot)))
    return turns


def put(written: Sequence[Message], wording: str, text: str, added: Around) -> list[Message]:
    """A conversation as it is put to the model: the one place that writes it.

    Args:
        written: The task's own prompt, or what a user of the server wrote.
        wording: One of `wordings`.
        text: As of `text_of`.
        added: What is put around the question, which is the last message.
    """
    *before, last = [message for message in written if message.role != "system"]
    question = last.content
    if added.passages:
        listed = "\n".join(f"- {passage}" for passage in added.passages)
        question = f"{PASSAGES}\n{listed}\n\n{question}"
    system, question = _worded(wording, text, instruction_of(written), question)
    first = [Message("system", system)] if system else []
    return [*first, *added.turns, *before, replace(last, content=question)]


def instruction_of(messages: Sequence[Message]) -> str:
    """The system messages of a conversation."""
    return "\n\n".join(message.content for message in messages if message.role == "system")


def _worded(wording: str, text: str, instruction: str, question: str) -> tuple[str, str]:
    """System message and question under a wording."""
    if wording.startswith(OWN):
        return text, question
    return {
        AS_WRITTEN: (instruction, question),
        REPEATED: (instruction, f"{question}\n\n{instruction}"),
        INSIDE: ("", f"{instruction}\n\n{question}"),
        NAMED: (f"{instruction} Answer with one of: {text}.", question),
    }[wording]
