"""Names by the tables of names, and unknown words that stand where names stand."""

from collections.abc import Iterator

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import CITY, COUNTRY, GIVEN, KNOWN, STATE, SURNAME, TOP, WORD
from medtune.deid.runs import (
    SHORT,
    SUFFIXES,
    Run,
    cut,
    is_capital,
    is_eponym,
    is_no_name,
    is_particle,
    named,
    run_from,
    starts_sentence,
    without_label,
)
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

LISTED = 60
"""Weight of a name that nothing announces."""
PLACE = CITY | STATE | COUNTRY
SURE_CUES = frozenset({"name is", "name was", "names is", "daughter named", "son named"})
"""What announces a name even where no capital does."""


def find_listed(document: Document) -> Iterator[Span]:
    """Yield names that the tables know, or that stand where names stand."""
    i, mixed = 0, document.case == "mixed"
    while i < len(document.words):
        if mixed and not is_capital(document, i):
            i += 1
            continue
        run = run_from(document, i) if mixed else _caseless_at(document, i)
        if run is None:
            i += 1
            continue
        parts = _names_in(document, run) if mixed else [run]
        for part in parts:
            if not is_eponym(document, part):
                kind: Kind = "clinician" if _has_credentials(document, part) else "person"
                yield named(document, part, kind, "name", LISTED)
        i = run.last


def _has_credentials(document: Document, run: Run) -> bool:
    """Whether letters such as MD follow a name."""
    letters = VOCABULARIES[document.language].credentials - SUFFIXES
    after = document.words[run.last : run.last + 2]
    return bool(after) and (after[0] in letters or (after[0] == "," and after[-1] in letters))


def _caseless_at(document: Document, i: int) -> Run | None:
    """A name where capitals tell nothing: it starts with a given name that is no word."""
    what = document.bits(document.words[i])
    sure = what & GIVEN and not what & WORD and (what & TOP or not what & KNOWN)
    is_new = document.words[i][0].isalpha() and not what & KNOWN
    sure = sure or (is_new and " ".join(document.low[max(0, i - 2) : i]) in SURE_CUES)
    if not sure or is_no_name(document, i) or len(document.words[i]) < SHORT:
        return None
    last = i + 1
    while last < min(len(document.words), i + SHORT) and document.gap(last) == " ":
        if not _is_surname(document, last):
            break
        last += 1
    return Run(i, last)


def _is_surname(document: Document, i: int) -> bool:
    """Whether a word in lower case may be the surname after a given name."""
    what = document.bits(document.words[i])
    if not document.words[i].isalpha() or is_no_name(document, i) or is_particle(document, i):
        return False
    return not what & WORD and not (what & KNOWN and not what & (SURNAME | GIVEN))


def _names_in(document: Document, run: Run) -> Iterator[Run]:
    """The parts of a run of capitalized words that are names."""
    i = run.first
    while i < run.last:
        part = _name_at(document, i, run.last)
        if part:
            yield part
        i = part.last if part else i + 1


def _name_at(document: Document, first: int, last: int) -> Run | None:
    """The name that starts at `first`, within the run that ends before `last`."""
    if not _may_start(document, first, last):
        return None
    if len(document.words[first]) == 1:
        return _initials(document, first, last)
    whole = cut(document, Run(first, last))
    second = next(
        (
            j
            for j in range(first + 1, whole.last)
            if len(document.words[j]) > 1 and is_capital(document, j)
        ),
        None,
    )
    if second is not None and _is_full_name(document, first, second):
        return without_label(document, whole)
    return Run(first, first + 1) if _is_single_name(document, first) else None


def _may_start(document: Document, first: int, last: int) -> bool:
    if is_particle(document, first) and not is_capital(document, first):
        return False
    return not is_no_name(document, first) or _is_month_name(document, first, last)


def _is_month_name(document: Document, first: int, last: int) -> bool:
    """`April Martin`: a month before a surname that is nothing else."""
    months = VOCABULARIES[document.language].months
    if document.low[first] not in months or first + 1 >= last:
        return False
    what = document.bits(document.words[first + 1])
    is_name = document.bits(document.words[first]) & TOP
    return bool(is_name and what & SURNAME and not what & WORD)


def _initials(document: Document, first: int, last: int) -> Run | None:
    """`J. Smith`, `J.R. Smith`."""
    j = first
    while j < last and len(document.words[j]) == 1:
        j += 1
    if j >= last or j - first < 2 or is_no_name(document, j):  # noqa: PLR2004  letter and stop
        return None
    what = document.bits(document.words[j])
    return Run(first, j + 1) if what & SURNAME and not what & WORD else None


def _is_full_name(document: Document, first: int, second: int) -> bool:
    """Whether two capitalized words that follow each other begin a name."""
    one, two = document.bits(document.words[first]), document.bits(document.words[second])
    shouted = document.words[first].isupper()
    if one & GIVEN and not one & WORD:
        return not shouted or bool(two & (SURNAME | GIVEN))
    if shouted or two & WORD:
        return False
    if one & GIVEN:
        inside = not starts_sentence(document, first)
        likely = two & SURNAME or inside or (one & TOP and not two & KNOWN)
        return bool(likely) and not two & PLACE
    return bool(one & SURNAME and not one & (WORD | PLACE) and two & (SURNAME | GIVEN))


def _is_single_name(document: Document, i: int) -> bool:
    """Whether one capitalized word alone is a name."""
    word, what = document.words[i], document.bits(document.words[i])
    if len(word) < SHORT or word.isupper():
        return False
    is_given = what & GIVEN and not what & WORD and not (what & PLACE and not what & TOP)
    if is_given:
        unknown = not what & KNOWN and document.language == "en"
        sure = what & TOP or unknown or not starts_sentence(document, i)
        return bool(sure) or _is_cued(document, i)
    if what & SURNAME and what & TOP and not what & WORD:
        return not what & (STATE | COUNTRY)
    is_word = what & (WORD | KNOWN) and not what & (GIVEN | SURNAME)
    return not is_word and _is_cued(document, i)


def _is_cued(document: Document, i: int) -> bool:
    """Whether the words around a word say that it names a person."""
    words = VOCABULARIES[document.language]
    before = document.low[max(0, i - 2) : i]
    after = document.low[i + 1 : i + 4]
    if before and (before[-1] in words.cues or " ".join(before) in words.cues):
        return True
    is_named = len(before) > 1 and before[0] in words.namings and before[1] in words.pronouns
    if is_named or (after[:2] == ["'", "s"] and after[-1] in words.belongings):
        return True
    is_subject = starts_sentence(document, i) and not document.bits(document.words[i]) & WORD
    return is_subject and bool({" ".join(after[:1]), " ".join(after[:2])} & words.verbs)
