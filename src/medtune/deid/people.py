"""Names of people: after labels and titles, by the tables of names, and again where they recur.

No table holds every name. What carries the most weight is context: a label, a title, letters after
the name, a neighbour that is surely a name; then the tables; then the same name once more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
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
    run_from,
    starts_sentence,
    without_label,
)
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

SURE_CUES = frozenset({"name is", "name was", "names is", "daughter named", "son named"})
"""What announces a name even where no capital does."""
LABELLED = 79
TITLED = 78
LISTED = 60
"""Weight of a name that the tables of names know."""
REPEATED = 55
UNDOTTED = frozenset(
    {
        "doctor", "professor", "nurse", "surgeon", "attending", "miss", "master", "sir", "madam",
        "mister", "missus", "reverend", "father", "mother", "sister", "brother", "judge", "officer",
        "uncle", "aunt", "president", "senator", "captain", "colonel", "sergeant", "lieutenant",
    }
)  # fmt: skip
"""Titles that are no abbreviations."""
PLACE = CITY | STATE | COUNTRY


def find_people(document: Document, known: Iterable[str] = ()) -> list[Span]:
    """Names of people in a document.

    Args:
        document: The text.
        known: Names that are known from elsewhere, such as a column of the same record: they and
            their parts are found wherever they stand.
    """
    found = [*_labelled(document), *_titled(document)]
    found += _listed(document) if document.case == "mixed" else _caseless(document)
    found += _joined(document, found)
    roles = _roles(document, found) | {part: "patient" for name in known for part in _parts(name)}
    named = [_in_role(document, span, roles) for span in found]
    return named + list(_repeated(document, roles))


def _span(document: Document, run: Run, kind: Kind, rule: str, weight: int) -> Span:
    last = run.last
    after = document.words[last : last + 2]
    if after[:1] == [","] and after[1:] and after[1] in SUFFIXES:
        last += 2
    return Span(document.starts[run.first], document.ends[last - 1], kind, rule, weight)


def _labelled(document: Document) -> Iterator[Span]:
    """Names after a label with a colon: `Attending: ...`, `Nombre: ...`."""
    if ":" not in document.text:
        return
    for kind, pattern in _labels(document.language):
        for match in pattern.finditer(document.flat):
            first = document.token_at(match.end())
            if (
                first < len(document.words)
                and "\n" not in document.text[match.end() : document.starts[first]]
            ):
                run = _after_label(document, first)
                if run and _is_named(document, run, match[0]):
                    yield _span(document, run, kind, "label", LABELLED)


def _is_named(document: Document, run: Run, label: str) -> bool:
    """Whether a label names: before speech, as in `Doctor: Good morning`, it does not."""
    what = document.bits(document.words[run.first])
    doubtful = what & WORD or (what & KNOWN and not what & (GIVEN | SURNAME))
    if not doubtful or document.language == "es" or "name" in label:
        return True
    second = document.bits(document.words[run.last - 1])
    return run.last - run.first > 1 and not second & WORD


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
    if first >= len(document.words):
        return None
    run = run_from(document, first, any_case=document.case != "mixed")
    run = without_label(document, cut(document, run, announced=True)) if run else None
    return _with_comma(document, run) if run and not _is_only_word(document, run.first) else None


def _is_only_word(document: Document, i: int) -> bool:
    what = document.bits(document.words[i])
    words = VOCABULARIES[document.language]
    other = document.low[i] in words.sex or document.low[i] in words.kin
    return bool(what & WORD and not what & (GIVEN | SURNAME)) or is_no_name(document, i) or other


def _with_comma(document: Document, run: Run) -> Run:
    """`Smith, John A`: the part after the comma belongs to it."""
    i = run.last
    if document.words[i : i + 1] != [","] or i + 1 >= len(document.words):
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
        while j < n and (document.words[j] in "./)" or document.words[j] in ("a", "ª", "(")):
            j += 1
        if j < n and low in titles and document.low[j] in titles:
            continue  # `Sr. Dr. X`: the next one is read
        if j < n and "\n" not in document.text[document.ends[i] : document.starts[j]]:
            run = _after_title(document, i, j)
            if run:
                kind: Kind = "clinician" if titles[low] == "clinician" else "person"
                yield _span(document, run, kind, "title", TITLED)


def _after_title(document: Document, i: int, j: int) -> Run | None:
    """The name that starts at token `j` after the title at `i`, if it is meant as one."""
    dotted = document.words[i + 1] == "."
    if dotted and document.low[i] in UNDOTTED:
        return None  # the end of a sentence: `Yes, sir. What ...`
    if document.case != "mixed":
        return _lower_run(document, j) if len(document.low[i]) > 1 or dotted else None
    if not is_capital(document, j) and not is_particle(document, j):
        return None
    if len(document.low[i]) == 1 and not (dotted and document.words[i].isupper()):
        return None
    if len(document.low[i]) > SHORT and not (dotted or document.words[i][0].isupper()):
        if _is_only_word(document, j):
            return None
    run = run_from(document, j) or run_from(document, j, any_case=True)
    return without_label(document, cut(document, run, announced=True)) if run else None


def _lower_run(document: Document, first: int) -> Run | None:
    """A name in a text whose capitals tell nothing: one or two words that are no common words."""
    last = first
    while last < min(len(document.words), first + 2) and document.words[last][0].isalpha():
        joined = last == first or document.gap(last) == " "
        if not joined or document.bits(document.words[last]) & WORD or is_particle(document, last):
            break
        last += 1
    return Run(first, last) if last > first else None


def _listed(document: Document) -> Iterator[Span]:
    """Names that the tables know, or that stand where names stand, in text with capitals."""
    credentials = VOCABULARIES[document.language].credentials
    i, n = 0, len(document.words)
    while i < n:
        run = run_from(document, i) if document.words[i][0].isalpha() else None
        if run is None:
            i += 1
            continue
        for part in _names_in(document, run):
            if not is_eponym(document, part):
                after = document.words[part.last : part.last + 2]
                is_staff = after[:1] == [","] and after[-1] in credentials
                is_staff = is_staff or (after[:1] != [] and after[0] in credentials - SUFFIXES)
                kind: Kind = "clinician" if is_staff else "person"
                yield _span(document, part, kind, "name", LISTED)
        i = run.last


def _caseless(document: Document) -> Iterator[Span]:
    """The same where capitals tell nothing: a name starts with a given name that is no word."""
    i = 0
    while i < len(document.words):
        run = _caseless_at(document, i)
        if run is not None and not is_eponym(document, run):
            yield _span(document, run, "person", "name", LISTED)
        i = run.last if run else i + 1


def _caseless_at(document: Document, i: int) -> Run | None:
    what = document.bits(document.words[i])
    sure = what & GIVEN and not what & WORD and (what & TOP or not what & KNOWN)
    is_new = document.words[i][0].isalpha() and not what & KNOWN
    if is_new and " ".join(document.low[max(0, i - 2) : i]) in SURE_CUES:
        sure = True
    if not sure or is_no_name(document, i) or len(document.words[i]) < SHORT:
        return None
    last = i + 1
    while last < min(len(document.words), i + SHORT) and document.gap(last) == " ":
        more = document.bits(document.words[last])
        if not document.words[last].isalpha() or more & WORD or is_no_name(document, last):
            break
        if (more & KNOWN and not more & (SURNAME | GIVEN)) or is_particle(document, last):
            break
        last += 1
    return Run(i, last)


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
    if is_no_name(document, first) and not _is_month_name(document, first, last):
        return None
    if is_particle(document, first) and not is_capital(document, first):
        return None
    if len(document.words[first]) == 1:
        return _initials(document, first, last)
    whole = cut(document, Run(first, last))
    rest = [
        j
        for j in range(first + 1, whole.last)
        if len(document.words[j]) > 1 and is_capital(document, j)
    ]
    if rest and _is_full_name(document, first, rest[0]):
        return without_label(document, whole)
    if rest and not _is_single_name(document, first):
        return None
    return Run(first, first + 1) if _is_single_name(document, first) else None


def _is_month_name(document: Document, first: int, last: int) -> bool:
    """`April Martin`: a month before a surname that is nothing else."""
    months = VOCABULARIES[document.language].months
    if document.low[first] not in months or first + 1 >= last:
        return False
    what = document.bits(document.words[first + 1])
    return bool(document.bits(document.words[first]) & TOP and what & SURNAME and not what & WORD)


def _initials(document: Document, first: int, last: int) -> Run | None:
    """`J. Smith`, `J.R. Smith`."""
    j = first
    while j < last and (len(document.words[j]) == 1):
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
    if one & GIVEN:
        if two & (WORD | PLACE) or shouted:
            return False
        inside = not starts_sentence(document, first)
        return bool(two & SURNAME) or inside or bool(one & TOP and not two & KNOWN)
    surnames = one & SURNAME and not one & (WORD | PLACE) and two & (SURNAME | GIVEN)
    return bool(surnames) and not two & WORD and not shouted


def _is_single_name(document: Document, i: int) -> bool:
    """Whether one capitalized word alone is a name."""
    word, what = document.words[i], document.bits(document.words[i])
    if len(word) < SHORT or word.isupper():
        return False
    if what & GIVEN and not what & WORD and not (what & PLACE and not what & TOP):
        unknown = not what & KNOWN and document.language == "en"
        sure = what & TOP or unknown or not starts_sentence(document, i)
        return bool(sure) or _is_cued(document, i)
    if what & SURNAME and what & TOP and not what & WORD:
        return not what & (STATE | COUNTRY)
    if what & (WORD | KNOWN) and not what & (GIVEN | SURNAME):
        return False
    return _is_cued(document, i)


def _is_cued(document: Document, i: int) -> bool:
    """Whether the words around a word say that it names a person."""
    words = VOCABULARIES[document.language]
    before = document.low[max(0, i - 2) : i]
    after = document.low[i + 1 : i + 4]
    if (before[-1:] and before[-1] in words.cues) or " ".join(before) in words.cues:
        return True
    if len(before) > 1 and before[0] in words.namings and before[1] in words.pronouns:
        return True
    if after[:2] == ["'", "s"] and after[-1] in words.belongings:
        return True
    if not starts_sentence(document, i) or document.bits(document.words[i]) & WORD:
        return False
    return bool({after[0] if after else "", " ".join(after[:2])} & words.verbs)


def _joined(document: Document, found: Sequence[Span]) -> Iterator[Span]:
    """`Kovalev, Lee and Phillips`: words that stand in one list with a name."""
    if document.case != "mixed":
        return
    starts = {document.token_at(span.start) for span in found}
    ends = {document.token_at(span.end) for span in found}
    taken = {
        i
        for span in found
        for i in range(document.token_at(span.start), document.token_at(span.end))
    }
    for i in range(len(document.words)):
        if i in taken or not is_capital(document, i) or len(document.words[i]) < SHORT:
            continue
        what = document.bits(document.words[i])
        if what & (WORD | PLACE) or (what & KNOWN and not what & (GIVEN | SURNAME)):
            continue
        left = i > 1 and document.low[i - 1] in (",", "and", "y", "&") and i - 1 in ends
        right = document.low[i + 1 : i + 2] in ([","], ["and"], ["y"], ["&"]) and i + 2 in starts
        run = Run(i, i + 1)
        if (left or right) and not is_no_name(document, i) and not is_eponym(document, run):
            yield _span(document, run, "person", "list", REPEATED)


def _parts(name: str) -> Iterator[str]:
    for part in re.split(r"[\s,.]+", name.lower()):
        if len(part) >= SHORT:
            yield part


def _roles(document: Document, found: Iterable[Span]) -> dict[str, Kind]:
    """Who bears each part of the names found; a label or a title tells more than the tables."""
    roles: dict[str, Kind] = {}
    for span in found:
        for low in _usable(document, span):
            if roles.get(low) in (None, "person"):
                roles[low] = span.kind
    return roles


def _usable(document: Document, span: Span) -> Iterator[str]:
    """The parts of a name that are a name wherever they stand."""
    eponyms = VOCABULARIES[document.language].eponyms
    for i in range(document.token_at(span.start), document.token_at(span.end)):
        low, what = document.low[i], document.bits(document.words[i])
        if len(low) >= SHORT and low not in eponyms and not is_no_name(document, i):
            if not what & WORD and not is_particle(document, i):
                yield low


def _in_role(document: Document, span: Span, roles: Mapping[str, Kind]) -> Span:
    """The span in the role of its first part that has one."""
    if span.kind != "person":
        return span
    known = (roles[low] for low in _usable(document, span) if roles.get(low, "person") != "person")
    return span._replace(kind=next(known, span.kind))


def _repeated(document: Document, roles: Mapping[str, Kind]) -> Iterator[Span]:
    """The same names once more, or a part of one, wherever they stand."""
    for i, low in enumerate(document.low):
        kind = roles.get(low)
        if kind and (document.case != "mixed" or is_capital(document, i)):
            if not is_eponym(document, Run(i, i + 1)):
                yield _span(document, Run(i, i + 1), kind, "repeat", REPEATED)
