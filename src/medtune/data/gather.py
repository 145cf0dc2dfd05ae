"""Read the records once, into a temporary file, and keep of each only what dividing them needs.

So the memory a record takes does not depend on its length: some hundred bytes. Everything later
reads the file again.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from medtune.artifacts import iter_examples, write_examples
from medtune.config import Run, SourceSection
from medtune.data.duplicates import Numbering, Signature, signature
from medtune.data.readers import source_names
from medtune.data.shingles import digest, input_text
from medtune.data.wording import some
from medtune.deid.example import Cleaner
from medtune.deid.kinds import Kind
from medtune.errors import DataError
from medtune.progress import progress
from medtune.records import Application, Example, Split

if TYPE_CHECKING:
    from medtune.llm import Renderer


class Size(NamedTuple):
    """The length of one example, in tokens."""

    tokens: int
    """Prompt and reply."""
    supervised: int
    """The reply and the end-of-turn token."""


class Entry(NamedTuple):
    """One record, without its text."""

    id: str
    group: str
    input: int
    """Number of its input: equal inputs have one number."""
    target: int
    """Hash of its target."""
    split: Split | None
    """The split that its source fixes."""
    source: str
    time: str | None
    tokens: int
    """Prompt and reply; 0 if it cannot be rendered."""
    supervised: int
    """Tokens of the reply and the end-of-turn token."""


class Prepared(NamedTuple):
    """One record, cleaned and measured: what needs no other record."""

    example: Example
    size: Size | str
    """Its length, or why it cannot be rendered."""
    signed: Signature


class Part(NamedTuple):
    """Some neighbouring records, prepared."""

    records: Sequence[Prepared]
    replaced: Counter[Kind]
    """Identifiers that were replaced in them."""


Spread = Callable[[Iterator[Example]], Iterator[Part]]
"""Others who prepare the records, in their order."""


@dataclass(frozen=True, slots=True)
class Preparer:
    """Does to a record all that can be done to it alone."""

    app: Application
    renderer: "Renderer"
    cleaner: Cleaner | None

    def prepare(self, example: Example) -> Prepared:
        """Clean and measure a record.

        Raises:
            DataError: It holds half a character.
        """
        _refuse_half_characters(example)
        clean = self.cleaner.clean(example) if self.cleaner else example
        size = measured(clean, self.app, self.renderer)
        return Prepared(clean, size, signature(input_text(clean.fields)))


@dataclass(frozen=True, slots=True)
class Gathered:
    """All records that the sources hold."""

    file: Path
    """Every example, in the order of `entries`."""
    entries: Sequence[Entry]
    numbering: Numbering
    refused: dict[str, str]
    """By id, why a record cannot be rendered. Never holds text of the record."""

    def examples(self) -> Iterator[Example]:
        """Read the examples again."""
        return iter_examples(self.file)


def gather(
    run: Run,
    paths: Sequence[Path],
    folder: Path,
    preparer: Preparer,
    spread: Spread | None = None,
) -> Gathered:
    """Read every record of the sources, with what the run file says of its source.

    Args:
        run: The run.
        paths: The files of `run.data.sources`, in their order.
        folder: For the temporary files.
        preparer: Cleans a record before anything else reads it, and counts its tokens.
        spread: Others who do that; None does it here.

    Raises:
        DataError: A record cannot be used, an id comes twice, or a source with a `split` is empty.
    """
    sections = dict(zip(source_names(paths), run.data.sources, strict=True))
    entries: list[Entry] = []
    refused: dict[str, str] = {}
    numbering = Numbering(folder)

    def seen() -> Iterator[Example]:
        with progress("reading the records", 0, "records") as advance:
            sourced = (_with_source(loaded, sections) for loaded in preparer.app.load(paths))
            for example, size, signed in _prepared(sourced, preparer, spread):
                if isinstance(size, str):
                    refused[example.id] = size
                    size = Size(0, 0)
                entries.append(entry_of(example, numbering.numbered(signed), size))
                yield example
                advance(1)

    file = write_examples(folder / "examples.jsonl", seen())
    _refuse_repeated_ids(entries)
    _refuse_empty_sources(entries, sections)
    return Gathered(file, entries, numbering, refused)


def _prepared(
    sourced: Iterator[Example], preparer: Preparer, spread: Spread | None
) -> Iterator[Prepared]:
    """The records in their order, prepared here or by others."""
    if spread is None:
        yield from map(preparer.prepare, sourced)
        return
    for part in spread(sourced):
        if preparer.cleaner:
            preparer.cleaner.replaced.update(part.replaced)
        yield from part.records


def _with_source(example: Example, sections: Mapping[str, SourceSection]) -> Example:
    only = next(iter(sections)) if len(sections) == 1 else ""
    source = example.source if example.source in sections else only or example.source
    section = sections.get(source)
    return replace(
        example,
        source=source,
        split=example.split or (section.split if section else None),
        licence=example.licence or (section.licence if section else ""),
    )


def _refuse_half_characters(example: Example) -> None:
    try:
        json.dumps([dict(example.fields), example.target], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError(
            f"{example.source}: record {example.id} holds half a character (a lone surrogate, such "
            "as \\ud83d), which no text may; write the source again as UTF-8"
        ) from None


def measured(example: Example, app: Application, renderer: "Renderer") -> Size | str:
    """The length of an example as training will render it, or why it cannot be rendered."""
    try:
        rendered = renderer.training(app.prompt(example), app.reply(example))
    except DataError as error:
        return str(error)
    return Size(len(rendered.ids), sum(rendered.supervised))


def entry_of(example: Example, number: int, size: Size) -> Entry:
    """What is kept of an example whose input has this number."""
    return Entry(
        example.id,
        example.id if example.group == example.id else example.group,
        number,
        digest(json.dumps(example.target, sort_keys=True)),
        example.split,
        example.source,
        example.time,
        size.tokens,
        size.supervised,
    )


def _refuse_repeated_ids(entries: Sequence[Entry]) -> None:
    counts = Counter(entry.id for entry in entries)
    if len(counts) == len(entries):
        return
    repeated = [name for name, n in counts.items() if n > 1]
    sources = sorted({entry.source for entry in entries if counts[entry.id] > 1})
    raise DataError(
        f"{', '.join(sources)}: {len(repeated)} ids name more than one record: "
        f"{some(repeated)}; give every record an id of its own"
    )


def _refuse_empty_sources(entries: Sequence[Entry], sections: Mapping[str, SourceSection]) -> None:
    present = {entry.source for entry in entries}
    for source, section in sections.items():
        if section.split and source not in present and entries:
            raise DataError(
                f"data.sources: `split: {section.split}` cannot be kept, for no record came from "
                f"{source}; mend that source, or leave out its `split`"
            )
