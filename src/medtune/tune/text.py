"""Continued pre-training: the records' text and documents, learnt token by token.

Source: Gururangan et al. 2020, Don't stop pretraining, arXiv:2004.10964.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from medtune.artifacts import read_jsonl
from medtune.errors import DataError
from medtune.llm.load import LanguageModel
from medtune.records import Application, Example, Split
from medtune.tune.lesson import Lessons, joined, refuse_none, render_texts, text_of

ROWS = ".jsonl"


def read_texts(path: Path) -> Iterator[tuple[str, str]]:
    """The texts of a file, each with an id: the rows of JSONL, or else the whole file.

    Raises:
        DataError: The file is missing or not UTF-8, or a row has no text.
    """
    if path.suffix != ROWS:
        yield path.name, _whole(path)
        return
    for number, row in enumerate(read_jsonl(path), start=1):
        text = row.get("text")
        if not isinstance(text, str):
            raise DataError(f"{path}:{number}: no `text`, or not a string; mend the row")
        yield f"{path.name}:{number}", text


def read_all(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """The texts of all files, by the number of the file as well: two may have the same name."""
    for number, path in enumerate(paths, start=1):
        for name, text in read_texts(path):
            yield f"{number}/{name}", text


def render_split(
    app: Application,
    lm: LanguageModel,
    examples: Sequence[Example],
    split: Split,
    documents: Sequence[Path] = (),
) -> Lessons:
    """The text of each record, and the documents, whole or in pieces.

    Raises:
        DataError: There are no examples, or a text cannot be learnt.
    """
    refuse_none(examples, split)
    records = ((example.id, text_of(app, example)) for example in examples)
    return joined(
        render_texts(lm, records, f"{split}.jsonl"),
        render_texts(lm, read_all(documents), "tune.texts"),
    )


def _whole(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); correct the run file"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
