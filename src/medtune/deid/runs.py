"""Runs of tokens that may be one name, and what the tokens around them say of it."""

from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.lexicon import GIVEN, SURNAME, WORD
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

MAX_WORDS = 6
SHORT = 3
"""Letters below which a word alone is no name."""
SUFFIXES = frozenset({"Jr", "Sr", "II", "III", "IV"})
"""Parts of a name, unlike other letters after one."""
POSSESSIVE = ("'", "s", "-")


class Run(NamedTuple):
    """Tokens by index: the first, and past the last."""

    first: int
    last: int


def is_capital(document: Document, i: int) -> bool:
    """Whether a token starts with a capital, or with one after an apostrophe: `d'Angelo`."""
    word = document.words[i]
    return word[0].isupper() or (word[1:2] == "'" and word[2:3].isupper())


def is_particle(document: Document, i: int) -> bool:
    """Whether a token is a small word within names, such as `de` or `van`."""
    return document.low[i] in VOCABULARIES[document.language].particles


def is_no_name(document: Document, i: int) -> bool:
    """Whether a token is a word that the tables hold as a name but notes use otherwise."""
    low = document.low[i]
    short = low.partition("'")[2] in ("m", "ll", "ve", "re", "d", "t")  # `I'm`, `don't`
    return short or low in VOCABULARIES[document.language].not_names


def starts_sentence(document: Document, i: int) -> bool:
    """Whether the capital of a token may come from its place alone."""
    if i == 0 or "\n" in document.gap(i):
        return True
    before = document.words[i - 1]
    return before != "," and not before[0].isalnum()


def run_from(document: Document, first: int, *, any_case: bool = False) -> Run | None:
    """The longest run of capitalized tokens from `first` on, with particles and initials.

    Args:
        document: The text.
        first: Index of the token that must start the run.
        any_case: Take words in lower case, too.
    """
    if first >= len(document.words) or not document.words[first][0].isalpha():
        return None
    last = i = first
    n_words = 0
    while i < len(document.words) and n_words < MAX_WORDS:
        if i > first and not _continues(document, i):
            break
        if document.words[i] == "." or (is_particle(document, i) and not is_capital(document, i)):
            if i == first:
                break
        elif document.words[i + 1 : i + 2] == ["/"] and len(document.words[i]) == 1:
            break  # `C/`, a street
        elif document.words[i][0].isalpha() and (any_case or is_capital(document, i)):
            n_words += 1
            last = i + 1
        else:
            break
        i += 1
    return Run(first, last) if last > first else None


def _continues(document: Document, i: int) -> bool:
    """Whether token `i` may stand in one name with the token before it."""
    gap = document.gap(i).replace("\ufeff", "")
    if document.words[i] == ".":
        return gap == "" and len(document.words[i - 1]) == 1
    if document.words[i - 1] == ".":
        return gap in ("", " ")
    return gap in (" ", "  ")


def cut(document: Document, run: Run, *, announced: bool = False) -> Run:
    """The run up to the first word that can be no name.

    Args:
        document: The text.
        run: The run.
        announced: A label or a title stands before, so that common words may be names, too.
    """
    for i in range(run.first + 1, run.last):
        what = document.bits(document.words[i])
        if is_particle(document, i) or len(document.words[i]) == 1:
            continue
        only_word = what & WORD and not what & (SURNAME | GIVEN) and not announced
        if is_no_name(document, i) or only_word:
            return _without_end(document, Run(run.first, i))
    return run


def without_label(document: Document, run: Run) -> Run | None:
    """The run without last words that are a label themselves, or letters such as MD."""
    words = VOCABULARIES[document.language]
    last = run.last
    while last > run.first:
        word = document.words[last - 1]
        is_label = document.words[last : last + 1] == [":"]
        is_letters = word in words.credentials - SUFFIXES
        if not (is_label or is_letters or is_no_name(document, last - 1)):
            break
        last = _without_end(document, Run(run.first, last - 1)).last
    return Run(run.first, last) if last > run.first else None


def _without_end(document: Document, run: Run) -> Run:
    """The run without trailing particles and stops."""
    last = run.last
    while last > run.first and (
        document.words[last - 1] == "."
        or (is_particle(document, last - 1) and not is_capital(document, last - 1))
    ):
        last -= 1
    return Run(run.first, last)


def named(document: Document, run: Run, kind: Kind, rule: str, weight: int) -> Span:
    """The span of a run that names somebody, with a `Jr` after a comma."""
    last = run.last
    after = document.words[last : last + 2]
    if after[:1] == [","] and after[-1] in SUFFIXES:
        last += 2
    return Span(document.starts[run.first], document.ends[last - 1], kind, rule, weight)


def is_eponym(document: Document, run: Run) -> bool:
    """Whether the name means a disease, a sign, a device: `Parkinson's disease`."""
    words = VOCABULARIES[document.language]
    if all(low in words.eponyms for low in document.low[run.first : run.last]):
        return True
    if document.language == "en":
        near = (low for low in document.low[run.last : run.last + 3] if low not in POSSESSIVE)
    else:
        before = reversed(document.low[max(0, run.first - 3) : run.first])
        near = (low for low in before if low not in ("de", "del", "la", "-"))
    return next(near, "") in words.eponym_heads
