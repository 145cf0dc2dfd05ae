"""Examples as token ids with their supervision: what a training step reads."""

import hashlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from medtune.errors import ConfigError, DataError
from medtune.llm.load import LanguageModel
from medtune.llm.render import Rendered
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
            digest.update(repr((name, [len(one.ids) for one in lesson])).encode())
            for one in lesson:
                digest.update(array("q", one.ids).tobytes() + bytes(one.supervised))
        return digest.hexdigest()

    def only(self, names: Collection[str]) -> "Lessons":
        """Those of these ids."""
        both = [pair for pair in zip(self.ids, self.rendered, strict=True) if pair[0] in names]
        return Lessons([name for name, _ in both], [lesson for _, lesson in both])


NONE = Lessons([], [])


def drawn_few(ids: Sequence[str], n: int) -> frozenset[str]:
    """At most `n` of the ids: the same in every run, whatever the order."""
    keys = {name: hashlib.sha256(f"few/{name}".encode()).digest() for name in ids}
    return frozenset(sorted(keys, key=keys.__getitem__)[:n])


def joined(*some: Lessons) -> Lessons:
    """Several sets as one."""
    return Lessons(
        [name for one in some for name in one.ids], [item for one in some for item in one.rendered]
    )


def packed(one: Rendered) -> Rendered:
    """The same in 9 bytes a token instead of some 44: a split stays in memory for a whole fit.

    64 bits for an id, because the ids of an image's own are beyond 32.
    """
    return Rendered(array("q", one.ids), bytes(one.supervised))


def render_texts(lm: LanguageModel, texts: Iterable[tuple[str, str]], where: str) -> Lessons:
    """Whole texts as lessons: every token is learnt.

    A text longer than the context is cut into pieces of about equal length. Each begins with the
    last token of the one before, which is not learnt again.

    Args:
        lm: The model.
        texts: Each with the id of its record.
        where: For messages.

    Raises:
        DataError: A text is empty, or contains a token that makes turns.
    """
    ids: list[str] = []
    rendered: list[Lesson] = []
    for name, text in texts:
        if not text.strip():
            raise DataError(f"{where}: record {name}: no text to learn; give it some or remove it")
        try:
            tokens = lm.renderer.document(text)
        except DataError as error:
            raise DataError(f"{where}: record {name}: {error}") from None
        for number, piece in enumerate(pieces(tokens, lm.context_tokens)):
            ids.append(f"{name}#{number}" if number else name)
            rendered.append((packed(piece),))
    return Lessons(ids, rendered)


def pieces(tokens: Sequence[int], longest: int) -> list[Rendered]:
    """Cut a text: each token but the first is learnt in exactly one piece."""
    n = -(-(len(tokens) - 1) // (longest - 1))
    cuts = [(len(tokens) - 1) * at // n for at in range(n + 1)]
    return [
        Rendered(list(tokens[start : end + 1]), [False] + [True] * (end - start))
        for start, end in pairwise(cuts)
    ]


def text_of(app: Application, example: Example) -> str:
    """A record as text: what the user says, without the instruction, and the reply."""
    said = [one.content for one in app.prompt(example) if one.role != "system"]
    return "\n\n".join([*said, app.reply(example)])


def render_lessons(
    app: Application, lm: LanguageModel, examples: Sequence[Example], split: Split, *, pairs: bool
) -> Lessons:
    """Render a split for training on its replies.

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
    refuse_none(examples, split)
    if pairs and app.rejected is None:
        raise ConfigError(
            f"tune.objective: {app.name} has no worse replies to prefer the good ones to; set "
            "task.rejected to their column, or tune.objective to sft"
        )
    lm.look_at(app.prompt(item) for item in examples)
    rendered = [_render(app, lm, item, split, pairs=pairs) for item in examples]
    ids = [item.id for item in examples]
    sequences = [(name, one) for name, some in zip(ids, rendered, strict=True) for one in some]
    refuse_long(lm, sequences, f"{split}.jsonl")
    _refuse(
        [name for name, one in sequences if not any(one.supervised[1:])],
        f"{split}.jsonl: no token to learn from",
        "give these records a reply or remove them",
    )
    return Lessons(ids, rendered)


def refuse_none(examples: Sequence[Example], split: Split) -> None:
    """Make sure that there is something to learn from, or to look at.

    Raises:
        DataError: There are no examples.
    """
    if not examples:
        raise DataError(
            f"{split}.jsonl: no examples, and tuning needs some; add data, or change the shares "
            "data.validation and data.test"
        )


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
        return tuple(packed(lm.renderer.training(app.prompt(example), reply)) for reply in replies)
    except DataError as error:
        raise DataError(f"{split}.jsonl: record {example.id}: {error}") from None


def refuse_long(lm: LanguageModel, sequences: Sequence[tuple[str, Rendered]], where: str) -> None:
    """Make sure that all sequences fit the context.

    Raises:
        DataError: Some do not.
    """
    _refuse(
        [name for name, one in sequences if len(one.ids) > lm.context_tokens],
        f"{where}: longer than {lm.context_tokens} tokens",
        "raise model.context_tokens or set data.too_long to 'drop'",
    )


def _refuse(ids: list[str], fault: str, remedy: str) -> None:
    if ids:
        raise DataError(f"{fault}: {len(ids)} records (first: {', '.join(ids[:NAMED])}); {remedy}")
