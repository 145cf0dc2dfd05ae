"""Names that something announces: a label with a colon, or a title."""

import re
from collections.abc import Iterator
from functools import cache

from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
from medtune.deid.lexicon import GIVEN, KNOWN, SURNAME, WORD
from medtune.deid.runs import (
    SHORT,
    Run,
    cut,
    is_capital,
    is_no_name,
    is_particle,
    named,
    run_from,
    without_label,
)
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

LABELLED = 79
TITLED = 78
_UNDOTTED = (
    "doctor professor nurse surgeon attending miss master sir madam mister missus reverend father "
    "mother sister brother judge officer uncle aunt president senator captain colonel sergeant "
    "lieutenant"
)
UNDOTTED = frozenset(_UNDOTTED.split())
"""Titles that are no abbreviations: a stop after one ends the sentence."""


def find_announced(document: Document) -> Iterator[Span]:
    """Yield names after labels and titles."""
    if ":" in document.text:
        yield from _labelled(document)
    yield from _titled(document)


def _labelled(document: Document) -> Iterator[Span]:
    """Names after a label with a colon: `Attending: ...`, `Nombre: ...`."""
    for kind, pattern in _labels(document.language):
        for match in pattern.finditer(document.flat):
            first = document.token_at(match.end())
            run = _after_label(document, first)
            gap = document.text[match.end() : document.starts[run.first]] if run else ""
            if run and "\n" not in gap and _is_named(document, run, match[0]):
                yield named(document, run, kind, "label", LABELLED)


@cache
def _labels(language: Language) -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    fields = [field for field in VOCABULARIES[language].fields if field.reads == "name"]
    return tuple(
        (field.kind, re.compile(rf"(?<!\w)(?:{field.label})[ \t]*:[ \t]*")) for field in fields
    )


def _after_label(document: Document, first: int) -> Run | None:
    """The name after a label: titles are passed over, the next label is left out."""
    titles = VOCABULARIES[document.language].titles
    while first < len(document.words) and (
        document.low[first] in titles or document.words[first] in ".:"
    ):
        first += 1
    run = run_from(document, first, any_case=document.case != "mixed")
    run = without_label(document, cut(document, run, announced=True)) if run else None
    if run is None or _is_word(document, _core(document, run)):
        return None
    return _with_comma(document, run)


def _core(document: Document, run: Run) -> int:
    """The first token of a name that is no particle: `Puebla` in `De la Puebla`."""
    return next((i for i in range(run.first, run.last) if not is_particle(document, i)), run.first)


def _is_named(document: Document, run: Run, label: str) -> bool:
    """Whether a label names: before speech, as in `Doctor: Good morning`, it does not."""
    what = document.bits(document.words[run.first])
    doubtful = what & WORD or (what & KNOWN and not what & (GIVEN | SURNAME))
    if not doubtful or document.language == "es" or "name" in label:
        return True
    last = document.bits(document.words[run.last - 1])
    return run.last - run.first > 1 and not last & WORD


def _is_word(document: Document, i: int) -> bool:
    """Whether a token is a word and no name."""
    what = document.bits(document.words[i])
    words = VOCABULARIES[document.language]
    other = document.low[i] in words.sex or document.low[i] in words.kin
    return bool(what & WORD and not what & (GIVEN | SURNAME)) or is_no_name(document, i) or other


def _with_comma(document: Document, run: Run) -> Run:
    """`Smith, John A`: the part after the comma belongs to it."""
    i = run.last
    if document.words[i : i + 1] != [","]:
        return run
    more = run_from(document, i + 1)
    more = without_label(document, more) if more else None
    if more and document.bits(document.words[i + 1]) & GIVEN and more.last - more.first < SHORT:
        return Run(run.first, more.last)
    return run


def _titled(document: Document) -> Iterator[Span]:
    """Names after a title."""
    titles = VOCABULARIES[document.language].titles
    n = len(document.words)
    for i, low in enumerate(document.low):
        if low not in titles:
            continue
        j = i + 1
        while j < n and document.words[j] in (".", "/", ")", "(", "a", "ª"):
            j += 1
        if j >= n or document.low[j] in titles:
            continue  # of `Sr. Dr. X` the second title is read
        run = _after_title(document, i, j)
        if run and "\n" not in document.text[document.ends[i] : document.starts[j]]:
            kind: Kind = "clinician" if titles[low] == "clinician" else "person"
            yield named(document, run, kind, "title", TITLED)


def _after_title(document: Document, i: int, j: int) -> Run | None:
    """The name that starts at token `j` after the title at `i`, if it is meant as one."""
    if not _is_title(document, i, j):
        return None
    if document.case != "mixed":
        return _lower_run(document, j)
    run = run_from(document, j) or run_from(document, j, any_case=True)
    return without_label(document, cut(document, run, announced=True)) if run else None


def _is_title(document: Document, i: int, j: int) -> bool:
    """Whether token `i` is meant as a title of what starts at token `j`."""
    low, dotted = document.low[i], document.words[i + 1] == "."
    if document.words[i] == "DNA":
        return False  # `Dña` without its accent, but this is the molecule
    ends = dotted and low in UNDOTTED
    if document.case != "mixed":
        return not ends and (len(low) > 1 or dotted)
    written = is_capital(document, j) or is_particle(document, j)
    if len(low) == 1:
        return written and dotted and document.words[i].isupper()
    plain = len(low) > SHORT and not (dotted or document.words[i][0].isupper())
    return written and not ends and not (plain and _is_word(document, j))


def _lower_run(document: Document, first: int) -> Run | None:
    """A name in a text whose capitals tell nothing: one or two words that are no common words."""
    last = first
    while last < min(len(document.words), first + 2) and document.words[last][0].isalpha():
        joined = last == first or document.gap(last) == " "
        is_word = document.bits(document.words[last]) & WORD or is_particle(document, last)
        if not joined or is_word:
            break
        last += 1
    return Run(first, last) if last > first else None
