"""Examples as token ids with their supervision: what a training step reads."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from medtune.errors import DataError
from medtune.llm.load import LanguageModel
from medtune.llm.render import Rendered
from medtune.records import Application, Example, Split

NAMED = 5
"""How many record ids an error names."""


class Lessons(NamedTuple):
    """The rendered examples of one split, in the order of the file."""

    ids: list[str]
    rendered: list[Rendered]

    @property
    def sha256(self) -> str:
        """Names the ids, the tokens and the supervision, so also the template and the prompt."""
        digest = hashlib.sha256()
        for name, lesson in zip(self.ids, self.rendered, strict=True):
            digest.update(repr((name, lesson.ids, lesson.supervised)).encode())
        return digest.hexdigest()


def render_lessons(
    app: Application, lm: LanguageModel, examples: Sequence[Example], split: Split
) -> Lessons:
    """Render a split for training.

    Raises:
        DataError: There are no examples, or one is too long or has nothing to learn.
    """
    if not examples:
        raise DataError(
            f"{split}.jsonl: no examples, and tuning needs some; add data, or change the shares "
            "data.validation and data.test"
        )
    rendered = [_render(app, lm, item, split) for item in examples]
    ids = [item.id for item in examples]
    pairs = list(zip(ids, rendered, strict=True))
    _refuse(
        [name for name, lesson in pairs if len(lesson.ids) > lm.context_tokens],
        f"{split}.jsonl: longer than {lm.context_tokens} tokens",
        "raise model.context_tokens or set data.too_long to 'drop'",
    )
    _refuse(
        [name for name, lesson in pairs if not any(lesson.supervised[1:])],
        f"{split}.jsonl: no token to learn from",
        "give these records a reply or remove them",
    )
    return Lessons(ids, rendered)


def _render(app: Application, lm: LanguageModel, example: Example, split: Split) -> Rendered:
    try:
        return lm.renderer.training(app.prompt(example), app.reply(example))
    except DataError as error:
        raise DataError(f"{split}.jsonl: record {example.id}: {error}") from None


def _refuse(ids: list[str], fault: str, remedy: str) -> None:
    if ids:
        raise DataError(f"{fault}: {len(ids)} records (first: {', '.join(ids[:NAMED])}); {remedy}")
