"""Sentences, words and turns with their places in the text, and one name for many ways to say it.

All places are character offsets into the text given. Words are reduced to a stem (plural and verb
endings off); phrases of the synonym table are reduced to one name, so that "short of breath" in a
dialogue meets "dyspnea" in a note.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from medtune.clinical.drugs.names import drug_names
from medtune.clinical.phrases import Phrases, folded, listed, phrases
from medtune.clinical.table import read_table

TABLES = Path(__file__).parent / "tables"
WORD = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*|\d+(?:[.,]\d+)*")
ABBREVIATION = re.compile(
    r"\b(?:dr|mr|mrs|ms|st|vs|no|approx|e\.g|i\.e|etc|jr|sr|b\.i\.d|t\.i\.d|q\.i\.d|q\.d|p\.o"
    r"|p\.r\.n|a\.m|p\.m|inc|fig|wt|ht|temp|rt|lt)\.$",
    re.IGNORECASE,
)
BREAK = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|\n+|;\s")
SPEAKER = re.compile(
    r"^[ \t]*(?:\[(?P<a>[A-Za-z_ ]{2,20})\]|(?P<b>[A-Z][A-Za-z_ ]{1,20}):)[ \t]*", re.MULTILINE
)
SPEAKERS = re.compile(
    r"(?:doctor|patient|nurse|physician|clinician|provider|dr|family|mother|father)[_ \d]*"
    r"|guest[_ ](?:family|clinician)[\w ]*"
)
CLINICIANS = frozenset({"doctor", "physician", "clinician", "nurse", "provider", "dr"})
STOP = frozenset(
    listed("""a an the of to in on at by for with from as and or but if then than that this these
    those it
    its is are was were be been being am do does did done has have had having i you he she we they
    me him her us them my your his our their mine yours patient pt who whom which what when where
    why how there here so very just also about into over under up down out off again further once
    all any both each few more most other some such only own same too can could will would should
    may might must shall not no nor never none denies denied deny without negative ok okay um uh
    yeah yes well like know think get got going go gone says said state states stated report
    reports reported note notes noted endorse endorses complain complains admit admits feel feels
    really kind little bit lot thing things right now day days week weeks month months year years
    old ago time times one two doctor today currently present presents presented history due per
    while since because after before during until let see look make take takes taking took give
    given use used using s t re ve ll d m mr mrs ms dr n't mg mcg ml milligram milligrams
    microgram micrograms unit units""")
)
"""Words that carry no content of their own here."""


class Span(NamedTuple):
    """A part of a text."""

    start: int
    end: int


class Token(NamedTuple):
    """A word, or a phrase of the synonym table."""

    start: int
    end: int
    stem: str
    """The word's stem, or the table's name for the phrase."""
    is_content: bool


class Turn(NamedTuple):
    """What one speaker says before another does; `speaker` is empty for plain text."""

    speaker: str
    start: int
    end: int


def turns(text: str) -> list[Turn]:
    """The turns of a dialogue written "Doctor: ..." or "[doctor] ...", or the text as one turn.

    A speaker is "clinician" or "patient", else the label itself in lower case.
    """
    marks = [m for m in SPEAKER.finditer(text) if _is_speaker(m)]
    if len(marks) < 2:  # noqa: PLR2004  one label may be a heading
        return [Turn("", 0, len(text))]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [Turn(_speaker(mark), mark.end(), end) for mark, end in zip(marks, ends, strict=True)]


def _is_speaker(mark: re.Match[str]) -> bool:
    name = (mark["a"] or mark["b"]).strip().lower()
    return bool(SPEAKERS.fullmatch(name))


def _speaker(mark: re.Match[str]) -> str:
    name = (mark["a"] or mark["b"]).strip().lower()
    if name.split("_")[0].split(" ")[0] in CLINICIANS or name.startswith("guest_clinician"):
        return "clinician"
    return "patient" if name.startswith("patient") else name


def sentences(text: str, within: Span | None = None) -> list[Span]:
    """The sentences of a text, or of a part of it, without their outer spaces and bullets."""
    start, end = within or Span(0, len(text))
    found: list[Span] = []
    begin = start
    for match in BREAK.finditer(text, start, end):
        piece = text[begin : match.end()]
        if match[0].startswith(".") and (
            ABBREVIATION.search(piece.rstrip()) or _is_list_number(piece)
        ):
            continue
        found.append(Span(begin, match.end()))
        begin = match.end()
    found.append(Span(begin, end))
    trimmed = (_trimmed(text, span) for span in found)
    return [span for span in trimmed if re.search(r"\w", text[span.start : span.end])]


def _is_list_number(piece: str) -> bool:
    """Whether the piece is no more than the number of a list's item, such as "1."."""
    return bool(re.search(r"(?:^|\n)\s*\d{1,2}\.$", piece))


def _trimmed(text: str, span: Span) -> Span:
    piece = text[span.start : span.end]
    left = len(piece) - len(piece.lstrip(" \t\r\n•*-"))
    right = len(piece) - len(piece.rstrip())
    return Span(span.start + left, max(span.end - right, span.start + left))


@cache
def synonym_rows() -> tuple[Mapping[str, str], ...]:
    """The rows of the synonym table: a name and its phrases."""
    return read_table(TABLES / "synonyms.csv", ("name", "phrases")).rows


@cache
def _synonyms() -> tuple[Phrases, dict[str, str]]:
    names: dict[str, str] = {}
    for row in synonym_rows():
        for phrase in (row["name"], *row["phrases"].split(";")):
            names[phrase] = row["name"].replace(" ", "_")
    for name, ingredients in drug_names().names.items():
        names.setdefault(name, "-".join(ingredients).replace(" ", "-"))
    return phrases(names), names


def tokens(text: str, within: Span | None = None) -> list[Token]:
    """The words of a text, or of a part of it, with phrases of the table as one token each."""
    start, end = within or Span(0, len(text))
    index, names = _synonyms()
    found: list[Token] = []
    place = start
    for match in index.find(text, start, end):
        found += _words(text, place, match.start())
        name = names[folded(match[0])]
        found.append(Token(match.start(), match.end(), name, is_content=True))
        place = match.end()
    found += _words(text, place, end)
    return found


def _words(text: str, start: int, end: int) -> Iterator[Token]:
    for match in WORD.finditer(text, start, end):
        word = match[0].lower()
        content = len(word) > 1 and word not in STOP and not word[0].isdigit()
        yield Token(match.start(), match.end(), stem(word), content)


def stem(word: str) -> str:
    """A word without plural, possessive and common verb endings. Crude, and the same everywhere."""
    word = word.removesuffix("'s").removesuffix("'")
    for ending, put in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch")):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)] + put
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:  # noqa: PLR2004
        word = word[:-1]
    for ending in ("ing", "ed", "ly"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return _undoubled(word[: -len(ending)])
    return word.removesuffix("e") if len(word) > 4 else word  # noqa: PLR2004


def _undoubled(word: str) -> str:
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":  # noqa: PLR2004
        return word[:-1]
    return word.removesuffix("e")
