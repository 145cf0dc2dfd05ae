"""Retrieval: passages of the user's documents, or the nearest training examples, by BM25.

What is searched with is the question alone. Neither the options of a record nor its answer are in
the query, for a passage that is found because it holds an option gives the answer away.

Source: Robertson and Zaragoza 2009, Found Trends Inf Retr 3:333; the `lucene` variant of bm25s.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bm25s
import numpy as np

from medtune.artifacts import read_jsonl
from medtune.errors import DataError
from medtune.measure import one_of_few
from medtune.records import Application, Example
from medtune.ways.wording import Around, worked

WORD = r"(?u)\b\w+\b"
"""Also words of one letter, which scikit-learn leaves out unless told."""

MOST_WORDS = 120
"""Longest passage; a longer paragraph is cut into parts."""
LOOKED_AT = 50
"""Examples whose queries are searched for their options."""


@dataclass(frozen=True, slots=True)
class Library:
    """What can be found, and how long it took to make it findable."""

    app: Application
    """The task, whose records are asked for and may be what is found."""
    names: Sequence[str]
    """Of each text: the file and the number of the passage, or the id of the training example."""
    texts: Sequence[str] = field(repr=False)
    """Passages, or the questions of training examples."""
    examples: Sequence[Example]
    """The training examples; empty for passages."""
    query: Callable[[Example], str]
    """The question of an example, without its options."""
    index: bm25s.BM25
    seconds: float

    @property
    def of_documents(self) -> bool:
        """Whether passages are found, not training examples."""
        return not self.examples

    def words(self, example: Example) -> list[str]:
        """What an example is searched with."""
        return words_of(self.query(example))

    def nearest(self, words: Sequence[str], k: int, group: str | None = None) -> list[int]:
        """Places of the `k` texts nearest to the question, the nearest first.

        None that shares no word with it, and no training example of its own group.

        Args:
            words: Of the question, in any order.
            k: So many at the most.
            group: Of the example that asks; None for a question from outside.
        """
        # In one order: the last digit of a sum depends on it, and so the order of ties.
        known = sorted(word for word in words if word in self.index.vocab_dict)
        if not known:
            return []
        scores = self.index.get_scores(known)
        order: list[int] = np.argsort(-scores, kind="stable").tolist()
        groups = [one.group for one in self.examples]
        fit = (i for i in order if scores[i] > 0 and (self.of_documents or groups[i] != group))
        return [place for place, _ in zip(fit, range(k), strict=False)]

    def around(self, words: Sequence[str], k: int, group: str | None = None) -> Around:
        """What to put before the question: `k` passages, or worked examples, the nearest last."""
        places = self.nearest(words, k, group)[::-1]
        found = tuple(self.names[i] for i in places)
        if self.of_documents:
            return Around(passages=[self.texts[i] for i in places], found=found)
        return Around(worked(self.app, [self.examples[i] for i in places]), found=found)


def library(app: Application, train: Sequence[Example], documents: Sequence[Path]) -> Library:
    """Index the documents, or without any, the questions of the training examples.

    Raises:
        DataError: A document cannot be read or is empty, or the queries hold the options.
    """
    query = question_of(app, train)
    refuse_options(app, train, query)
    started = time.perf_counter()
    named = [
        (f"{path.name}#{number}", passage)
        for path in documents
        for number, passage in enumerate(read_passages(path), start=1)
    ] or [(example.id, query(example)) for example in train]
    names, texts = [name for name, _ in named], [text for _, text in named]
    index = bm25s.BM25()
    index.index([words_of(text) for text in texts], show_progress=False)
    seconds = time.perf_counter() - started
    return Library(app, names, texts, () if documents else tuple(train), query, index, seconds)


def words_of(text: str) -> list[str]:
    """The words of a text as they are searched for."""
    return re.findall(WORD, text.casefold())


def read_passages(path: Path) -> list[str]:
    """The passages of a document: its paragraphs, or the `text` of each line of a .jsonl file.

    Raises:
        DataError: It is not UTF-8, has no text, or a line has no `text`.
    """
    if path.suffix == ".jsonl":
        texts = [row.get("text") for row in read_jsonl(path)]
        if bad := [i for i, text in enumerate(texts, start=1) if not isinstance(text, str)]:
            raise DataError(f"{path}: object {bad[0]} has no key 'text' that holds a text")
    else:
        try:
            texts = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 ({error.reason}); convert it to UTF-8") from None
    passages = [part for text in texts for part in _parts(str(text))]
    if not passages:
        raise DataError(f"{path}: no text in it; take it out of decide.documents or fill it")
    return passages


def question_of(app: Application, train: Sequence[Example]) -> Callable[[Example], str]:
    """What retrieval may search with: the fields of an example.

    Where each record has options of its own, the fields that hold them are left out.
    """
    if app.question is not None:
        return app.question
    fixed = app.choices is None or one_of_few(app, train) is not None

    def query(example: Example) -> str:
        options = [] if fixed or app.choices is None else app.choices(example)
        shown = [text for text in example.fields.values() if not _holds(text, options)]
        return "\n".join(shown)

    return query


def refuse_options(
    app: Application, train: Sequence[Example], query: Callable[[Example], str]
) -> None:
    """Make sure that the queries are of the question alone.

    Raises:
        DataError: Most queries hold every option of their record.
    """
    if app.choices is None or one_of_few(app, train) is not None:
        return
    looked = train[:LOOKED_AT]
    bad = [one.id for one in looked if _holds(query(one), app.choices(one))]
    if 2 * len(bad) > len(looked):
        raise DataError(
            f"retrieval: the query of {len(bad)} of {len(looked)} examples (first: {bad[0]}) holds "
            "all their options, and so gives the answer away; let the application's `question` "
            "leave them out"
        )


def _holds(text: str, options: Sequence[str]) -> bool:
    """Whether all options stand in the text as whole words."""
    folded = text.casefold()
    return bool(options) and all(
        re.search(rf"(?<!\w){re.escape(option.casefold())}(?!\w)", folded) for option in options
    )


def _parts(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + MOST_WORDS]) for i in range(0, len(words), MOST_WORDS)]
