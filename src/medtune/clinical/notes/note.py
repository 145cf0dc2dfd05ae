"""A note with the provenance of every sentence, and whether anybody may sign it.

What a model drafts comes in as text by section; what the checks find is put beside it. Nothing in
the text can change a finding: the checks read it as data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from medtune.clinical.faithful import (
    FAMILY_RULES,
    RULES,
    Fault,
    Reading,
    Status,
    check,
    omissions,
    provenance,
    read_draft,
)
from medtune.clinical.notes.sections import Section, sections
from medtune.errors import DataError


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence of a note. A heading or a sentence too short to judge has no status."""

    text: str = field(repr=False)
    status: Status | None
    score: float
    turns: tuple[str, ...]
    """Ids of the turns or resources that bear it out."""
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a note."""

    section: Section
    text: str = field(repr=False)
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A checked note. It is a draft until a person signs."""

    document: str
    parts: tuple[Part, ...]
    missing: tuple[Fault, ...]
    """Critical facts of the source that no section has."""

    @property
    def faults(self) -> list[Fault]:
        """All faults, those of missing facts last."""
        return [f for part in self.parts for line in part.lines for f in line.faults] + list(
            self.missing
        )

    @property
    def may_be_signed(self) -> bool:
        """Whether no fault blocks it. Whether it is good is for the person who signs."""
        return not any(one.severity == "block" for one in self.faults)


def assemble(document: str, texts: Mapping[str, str], source: Reading) -> Note:
    """Check the texts of a note, by section name or heading, against their source.

    Raises:
        DataError: A section is not known, or none has text.
    """
    parts: list[Part] = []
    for name, text in texts.items():
        section = sections().get(name.strip().lower())
        if section is None:
            raise DataError(f"section {name!r} is not in sections.csv; use one of its headings")
        if text.strip():
            parts.append(Part(section, text, tuple(_lines(section.name, text, source))))
    if not parts:
        raise DataError("a note needs at least one section with text")
    whole = read_draft("\n".join(part.text for part in parts))
    return Note(document, tuple(parts), tuple(omissions(whole, source)))


def _lines(section: str, text: str, source: Reading) -> Sequence[Line]:
    reading = read_draft(text)
    faults = check(text, source, FAMILY_RULES if section == "family history" else RULES)
    by_sentence = {one.sentence: one for one in provenance(text, source)}
    lines: list[Line] = []
    for number, statement in enumerate(reading.statements):
        found = by_sentence.get(number)
        lines.append(
            Line(
                text[statement.span.start : statement.span.end],
                found.status if found else None,
                found.score if found else 0.0,
                found.turns if found else (),
                tuple(one for one in faults if one.sentence == number),
            )
        )
    return lines
