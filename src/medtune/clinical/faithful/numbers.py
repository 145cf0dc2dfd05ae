"""Numbers and dates of a draft that the source does not have, or has with another unit."""

import re
from collections.abc import Iterator
from fractions import Fraction

from medtune.clinical.faithful.claims import GENERIC
from medtune.clinical.faithful.dates import When
from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span
from medtune.clinical.faithful.values import Quantity
from medtune.clinical.labs import substances
from medtune.clinical.units import convert_exact, parse_unit
from medtune.errors import DataError
from medtune.records import Severity

VAGUE_WORDS = frozenset({"once", "twice", "half", "single", "couple", "one", "first", "second"})
CONTEXT = 2
"""Statements on either side of a number in which the source may say what it is about."""
VITALS = frozenset(
    {"blood pressure", "heart rate", "respiratory rate", "temperature", "oxygen saturation"}
)


def figures(draft: Reading, source: Reading) -> Iterator[Fault]:
    """Each number of the draft against the numbers of the source.

    Where the source measures the same thing, the value must be one of its values. Else the value
    must stand in the source where it speaks of what the sentence speaks of. Doses are judged by
    the drug rule.
    """
    doses = {one.start for medicine in draft.medicines for one in medicine.doses}
    for number in draft.numbers:
        at = Span(number.start, number.end)
        written = draft.text[number.start : number.end].lower()
        if number.start in doses or written in VAGUE_WORDS or _is_list_number(draft.text, number):
            continue
        sentence = draft.statement_at(number.start)
        same = [one for one in source.numbers if number.label and one.label == number.label]
        if any(_agrees(number, one) for one in same):
            continue
        if same:
            span = Span(same[0].start, same[0].end)
            severity: Severity = "warn" if number.label == "age" else "block"
            yield fault("number", sentence, at, span, severity)
            continue
        equal = [one for one in source.numbers if _agrees(number, one)]
        if not equal and not _stands_in_a_date(number, source):
            yield _missing(number, sentence, source)
        elif equal and not _in_context(draft, sentence, source, equal):
            yield fault("number", sentence, at, Span(equal[0].start, equal[0].end), "note")


def _in_context(draft: Reading, sentence: int, source: Reading, equal: list[Quantity]) -> bool:
    """Whether one of the equal numbers stands near a word of the draft's sentence."""
    words = {word.token.stem for word in draft.statements[sentence].words} - GENERIC
    if not words & source.places.keys():
        return True  # the source has other words for it: nothing can be told
    for number in equal:
        place = source.statement_at(number.start)
        near = source.statements[max(0, place - CONTEXT) : place + CONTEXT + 1]
        if words & {word.token.stem for one in near for word in one.words}:
            return True
    return False


def _missing(number: Quantity, sentence: int, source: Reading) -> Fault:
    at = Span(number.start, number.end)
    other_unit = [one for one in source.numbers if number.readings & one.readings]
    if other_unit and number.unit:
        return fault("unit", sentence, at, Span(other_unit[0].start, other_unit[0].end))
    return fault("number", sentence, at, None, "block" if number.label in VITALS else "warn")


def _is_list_number(text: str, number: Quantity) -> bool:
    """Whether the number only counts the items of a list, as in "1. Asthma. 2. Gout."."""
    before = text[: number.start].rstrip(" \t#•*-")
    starts = not before or before[-1] in ".\n:;"
    return starts and bool(re.match(r"[.):]\s", text[number.end : number.end + 2]))


def _stands_in_a_date(number: Quantity, source: Reading) -> bool:
    parts = {part for when in source.dates for part in (when.year, when.month, when.day) if part}
    return bool(number.readings & {Fraction(part) for part in parts}) and not number.unit


def _agrees(draft: Quantity, source: Quantity) -> bool:
    """Whether one reading of the source is the draft's number, in its unit if both have one."""
    if not draft.unit or not source.unit or draft.unit == source.unit:
        return bool(draft.readings & source.readings)
    slack = Fraction(1, 2 * 10**draft.decimals)
    try:
        if parse_unit(draft.unit).dimension == parse_unit(source.unit).dimension:
            turned = {convert_exact(one, source.unit, draft.unit) for one in source.readings}
        else:
            substance = substances().get(draft.label or source.label)
            turned = {
                convert_exact(one, source.unit, draft.unit, substance) for one in source.readings
            }
    except DataError:
        return False
    return any(abs(one - mine) <= slack for one in turned for mine in draft.readings)


def calendar(draft: Reading, source: Reading) -> Iterator[Fault]:
    """Each date of the draft must agree with a date of the source in all that both state."""
    for when in draft.dates:
        if not any(_is_same_day(when, one) for one in source.dates):
            yield fault("date", draft.statement_at(when.start), Span(when.start, when.end))


def _is_same_day(draft: When, source: When) -> bool:
    pairs = ((draft.year, source.year), (draft.month, source.month), (draft.day, source.day))
    return all(a == b for a, b in pairs if a and b) and draft.month == source.month
