"""Examples as token ids with their supervision: what a training step reads."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from medtune.errors import ConfigError, DataError
from medtune.llm.load import LanguageModel
from medtune.records import Application, Example, Split
from medtune.tune.batch import Lesson

NAMED = 5
"""How many record ids an error names."""


class Lessons(NamedTuple):
    """The rendered examples of one split, in the order of the file."""

    ids: list[str]
    rendered: list[Lesson]

    @property
    def sha256(self) -> str:
        """Names the ids, the tokens and the supervision, so also the template and the prompt."""
        digest = hashlib.sha256()
        for name, lesson in zip(self.ids, self.rendered, strict=True):
            digest.update(repr((name, [tuple(sequence) for sequence in lesson])).encode())
        return digest.hexdigest()


def render_lessons(
    app: Application, lm: LanguageModel, examples: Sequence[Example], split: Split, *, pairs: bool
) -> Lessons:
    """Render a split for training.

    Args:
        app: Makes prompt and reply of an example, and for pairs the reply to avoid.
        lm: The model.
        examples: The split.
        split: Its name, for messages.
        pairs: Whether each lesson is a pair of a better and a worse reply.

    Raises:
        ConfigError: Pairs are asked for, and the application knows no worse replies.
        DataError: There are no examples, or one is too long or has nothing to learn.
    """
    if not examples:
        raise DataError(
            f"{split}.jsonl: no examples, and tuning needs some; add data, or change the shares "
            "data.validation and data.test"
        )
    if pairs and app.rejected is None:
        raise ConfigError(
            f"tune.objective: {app.name} has no worse replies to prefer the good ones to; set "
            "task.rejected to their column, or tune.objective to sft"
        )
    lm.look_at(app.prompt(item) for item in examples)
    rendered = [_render(app, lm, item, split, pairs=pairs) for item in examples]
    ids = [item.id for item in examples]
    sequences = [(name, one) for name, some in zip(ids, rendered, strict=True) for one in some]
    _refuse(
        [name for name, one in sequences if len(one.ids) > lm.context_tokens],
        f"{split}.jsonl: longer than {lm.context_tokens} tokens",
        "raise model.context_tokens or set data.too_long to 'drop'",
    )
    _refuse(
        [name for name, one in sequences if not any(one.supervised[1:])],
        f"{split}.jsonl: no token to learn from",
        "give these records a reply or remove them",
    )
    return Lessons(ids, rendered)


def _render(
    app: Application, lm: LanguageModel, example: Example, split: Split, *, pairs: bool
) -> Lesson:
    replies = [app.reply(example)]
    if pairs:
        assert app.rejected is not None, "the caller looked"
        replies.append(app.rejected(example))
        if replies[0] == replies[1]:
            raise DataError(
                f"{split}.jsonl: record {example.id}: the better and the worse reply are the "
                "same; mend the record"
            )
    try:
        return tuple(lm.renderer.training(app.prompt(example), reply) for reply in replies)
    except DataError as error:
        raise DataError(f"{split}.jsonl: record {example.id}: {error}") from None


def _refuse(ids: list[str], fault: str, remedy: str) -> None:
    if ids:
        raise DataError(f"{fault}: {len(ids)} records (first: {', '.join(ids[:NAMED])}); {remedy}")
