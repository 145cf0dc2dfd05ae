"""A prompt at work: records and conversations as they are put to the model.

A record has fields, so what is searched with is its question. A conversation has only what its
user wrote: the question is then the last message without the words that the application writes
around every question. A release checks on validation records that both ways give the same prompts.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from medtune.artifacts import Prompt, Recipe, Turn
from medtune.records import Application, Example, Message
from medtune.ways.library import Library, words_of
from medtune.ways.wording import AS_WRITTEN, Around, instruction_of, put, text_of, worked


class Put(NamedTuple):
    """What the model reads."""

    messages: Sequence[Message]
    found: tuple[str, ...] = ()
    """The passages or training examples in it that were searched for, by name."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A prompt with what it needs to be put."""

    app: Application
    """The task as it writes its own prompt."""
    prompt: Prompt
    library: Library | None
    """What is searched; None where nothing is."""
    fits: Callable[[Sequence[Message]], bool]
    """Whether a prompt leaves room for a reply."""

    @property
    def task(self) -> Application:
        """The task as this prompt puts it: every stage that asks, scores or trains takes it."""
        return replace(self.app, prompt=self.record)

    def record(self, example: Example) -> list[Message]:
        """A record as it is put."""
        words = () if self.library is None else self.library.words(example)
        return list(self._put(self.app.prompt(example), words, example.group).messages)

    def conversation(self, messages: Sequence[Message], instruction: str | None) -> Put:
        """A user's conversation as it is put.

        A system message of the user's own stays as it is: the wording is of the task's.

        Args:
            messages: The last is the user's, in the form in which the task writes its question.
            instruction: The system message that all prompts of the task share, if they share one.
        """
        given = instruction_of(messages)
        if not given and instruction is not None:
            messages = (Message("system", instruction), *messages)
        own = bool(given) and instruction is not None and given != instruction
        words = question_words(messages, self.prompt.frame)
        return self._put(messages, words, None, as_written=own)

    def _put(
        self,
        written: Sequence[Message],
        words: Sequence[str],
        group: str | None,
        *,
        as_written: bool = False,
    ) -> Put:
        """With as many of the passages as fit the context."""
        wording = AS_WRITTEN if as_written else self.prompt.wording
        turns = [Message(turn.role, turn.content) for turn in self.prompt.turns]
        if self.library is not None:
            for k in range(self.prompt.passages, 0, -1):
                added = self.library.around(words, k, group)
                tried = put(written, wording, self.prompt.text, added)
                if self.fits(tried):
                    return Put(tried, added.found)
        return Put(put(written, wording, self.prompt.text, Around(turns)))


def always(_: Sequence[Message]) -> bool:
    """Of a prompt that is only measured, or searches nothing."""
    return True


def prompt_of(
    app: Application, train: Sequence[Example], recipe: Recipe, own: Sequence[str]
) -> Prompt:
    """The prompt of a recipe, with its texts.

    Args:
        app: The task.
        train: Holds the worked examples.
        recipe: As a decision found it.
        own: The instructions of the run file.
    """
    wanted = set(recipe.shots)
    by_id = {example.id: example for example in train if example.id in wanted}
    turns = worked(app, [by_id[one] for one in recipe.shots])
    return Prompt(
        wording=recipe.wording,
        text=text_of(app, recipe.wording, own, train[0]),
        shots=recipe.shots,
        turns=[Turn.model_validate({"role": m.role, "content": m.content}) for m in turns],
        passages=recipe.passages,
    )


def frame_of(library: Library, examples: Sequence[Example]) -> dict[str, int]:
    """The words that the task writes around every question of these examples, with how often."""
    frames = [
        Counter(words_of(library.app.prompt(one)[-1].content)) - Counter(library.words(one))
        for one in examples
    ]
    shared = frames[0]
    for frame in frames[1:]:
        shared &= frame
    return dict(sorted(shared.items()))


def question_words(messages: Sequence[Message], frame: Mapping[str, int]) -> list[str]:
    """What a conversation is searched with: the words of the last message beyond the frame."""
    return list((Counter(words_of(messages[-1].content)) - Counter(frame)).elements())
