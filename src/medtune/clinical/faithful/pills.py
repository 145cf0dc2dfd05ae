"""Drugs, their doses, routes and frequencies, and allergies of a draft against the source."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from medtune.clinical.faithful.assertion import denied_parts
from medtune.clinical.faithful.kinds import Fault, Kind, fault
from medtune.clinical.faithful.meds import Medicine, Stated
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span
from medtune.clinical.faithful.values import Quantity
from medtune.clinical.units import convert_exact, parse_unit
from medtune.errors import DataError

NO_ALLERGY = re.compile(
    r"\bnkd?a\b|\bno (?:known )?(?:drug |medication |medical |food )?allerg\w+|\bdenies (?:any )?"
    r"(?:known )?(?:drug |medication )?allerg\w+|\ballergies\s*:?\s*none\b|\bnot allergic to any",
    re.IGNORECASE,
)
BARE = re.compile(r"daily|(?:a|per|each|every) day", re.IGNORECASE)
TOLERATED = re.compile(
    r"\btolerat\w+|\b(?:not|n't|never|denies being) allergic|\bcan (?:safely )?(?:take|have|get)\b"
    r"|\bsafe(?:ly)?\b",
    re.IGNORECASE,
)
ALLERGY = "allergy"
ALLERGEN_REACH = 2
"""Statements after one that speaks of allergy in which an allergen may be named."""


def drugs(draft: Reading, source: Reading) -> Iterator[Fault]:
    """Each drug of the draft must be in the source, with the source's dose, route and frequency."""
    known = {name for one in source.medicines for name in one.mention.ingredients}
    for medicine in draft.medicines:
        mention = medicine.mention
        sentence = draft.statement_at(mention.start)
        if not known & set(mention.ingredients):
            yield fault("drug", sentence, Span(mention.start, mention.end))
            continue
        same = [
            one
            for one in source.medicines
            if set(one.mention.ingredients) & set(mention.ingredients)
        ]
        yield from _doses(medicine, sentence, same, source)
        theirs = [stated for one in same for stated in one.routes]
        yield from _said("route", medicine.routes, sentence, theirs)
        if not theirs:
            for stated in medicine.routes:
                yield fault("route", sentence, stated.span, severity="warn")
        theirs = [stated for one in same for stated in one.frequencies]
        often = any(isinstance(one.value, Fraction) and one.value > 1 for one in theirs)
        mine = [one for one in medicine.frequencies if not (often and _is_bare(one, draft.text))]
        yield from _said("frequency", mine, sentence, theirs)


def _doses(
    medicine: Medicine, sentence: int, same: Sequence[Medicine], source: Reading
) -> Iterator[Fault]:
    theirs = [dose for one in same for dose in one.doses]
    for dose in medicine.doses:
        if any(_is_same_dose(dose, one) for one in theirs):
            continue
        at = Span(dose.start, dose.end)
        if theirs:
            yield fault("dose", sentence, at, Span(theirs[0].start, theirs[0].end))
        elif not any(dose.readings & one.readings for one in source.numbers):
            yield fault("dose", sentence, at)


def _is_same_dose(draft: Quantity, source: Quantity) -> bool:
    if not draft.unit or not source.unit:
        return bool(draft.readings & source.readings)
    try:
        if parse_unit(draft.unit).dimension != parse_unit(source.unit).dimension:
            return False
        turned = {convert_exact(one, source.unit, draft.unit) for one in source.readings}
    except DataError:
        return draft.unit == source.unit and bool(draft.readings & source.readings)
    return bool(turned & draft.readings)


def _said(
    kind: Kind, mine: Sequence[Stated], sentence: int, theirs: Sequence[Stated]
) -> Iterator[Fault]:
    values = {one.value for one in theirs}
    for stated in mine:
        if values and stated.value not in values:
            yield fault(kind, sentence, stated.span, theirs[0].span)


def _is_bare(stated: Stated, text: str) -> bool:
    """Whether it is "daily" alone, which beside "twice daily" is no contradiction of its own."""
    return BARE.fullmatch(text, stated.span.start, stated.span.end) is not None


def allergies(draft: Reading, source: Reading) -> Iterator[Fault]:
    """No allergy may be denied, invented or changed."""
    theirs = allergens(source)
    denied = NO_ALLERGY.search(source.text)
    for match in NO_ALLERGY.finditer(draft.text):
        if theirs:
            first = min(theirs.values())
            at = Span(match.start(), match.end())
            yield fault("allergy", draft.statement_at(match.start()), at, first)
    yield from _tolerated(draft, source, theirs)
    for name, at in allergens(draft).items():
        if name not in theirs:
            contrary = Span(denied.start(), denied.end()) if denied else None
            yield fault("allergy", draft.statement_at(at.start), at, contrary)


def _tolerated(draft: Reading, source: Reading, theirs: Mapping[str, Span]) -> Iterator[Fault]:
    """No allergen may be called tolerated, unless the source speaks of that, too."""
    if TOLERATED.search(source.text):
        return
    for number, statement in enumerate(draft.statements):
        span = statement.span
        match = TOLERATED.search(draft.text, span.start, span.end)
        denied = denied_parts(draft.text[span.start : span.end])
        if not match or any(p.start < match.start() - span.start < p.end for p in denied):
            continue
        for mention in draft.mentions:
            if span.start <= mention.start < span.end:
                for name in theirs.keys() & set(mention.ingredients):
                    yield fault("allergy", number, Span(match.start(), match.end()), theirs[name])


def allergens(reading: Reading) -> dict[str, Span]:
    """Drugs that are named as allergens, each with its place."""
    found: dict[str, Span] = {}
    speaking = [
        number
        for number, one in enumerate(reading.statements)
        if any(w.token.stem == ALLERGY and w.polarity != "denied" for w in one.words)
    ]
    for number in speaking:
        first = reading.statements[number]
        reach = ALLERGEN_REACH if first.is_question else 0
        last = reading.statements[min(number + reach, len(reading.statements) - 1)]
        for mention in reading.mentions:
            if first.span.start <= mention.start < last.span.end:
                for name in mention.ingredients:
                    found.setdefault(name, Span(mention.start, mention.end))
    return found
