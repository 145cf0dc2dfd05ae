"""Numbers and dates of a draft that the source does not have, or has with another unit."""

import re
from collections.abc import Iterator
from fractions import Fraction

from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span
from medtune.clinical.faithful.values import Quantity, When
from medtune.clinical.labs import substances
from medtune.clinical.units import convert_exact, parse_unit
from medtune.errors import DataError

VAGUE_WORDS = frozenset({"once", "twice", "half", "single", "couple", "one", "first", "second"})
VITALS = frozenset(
    {"blood pressure", "heart rate", "respiratory rate", "temperature", "oxygen saturation"}
)


def figures(draft: Reading, source: Reading) -> Iterator[Fault]:
    """Each number of the draft against the numbers of the source.

    Where the source measures the same thing, the value must be one of its values; else the value
    must stand somewhere in the source. Doses are judged by the drug rule.
    """
    doses = {one.start for medicine in draft.medicines for one in medicine.doses}
    for number in draft.numbers:
        at = Span(number.start, number.end)
        written = draft.text[number.start : number.end].lower()
        if number.start in doses or written in VAGUE_WORDS or _is_list_number(draft.text, number):
            continue
        same = [one for one in source.numbers if number.label and one.label == number.label]
        if any(_agrees(number, one) for one in same):
            continue
        sentence = draft.statement_at(number.start)
        if same and number.label != "age":
            span = Span(same[0].start, same[0].end)
            yield fault("number", sentence, at, span, grave=True)
        elif any(_agrees(number, one) for one in source.numbers):
            continue
        elif _stands_in_a_date(number, source):
            continue
        else:
            yield _missing(number, sentence, source)


def _missing(number: Quantity, sentence: int, source: Reading) -> Fault:
    at = Span(number.start, number.end)
    other_unit = [one for one in source.numbers if number.readings & one.readings]
    if other_unit and number.unit:
        return fault("unit", sentence, at, Span(other_unit[0].start, other_unit[0].end))
    return fault("number", sentence, at, grave=number.label in VITALS)


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
