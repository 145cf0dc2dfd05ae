"""Medicines in a text: which drug, at which dose, by which route, how often."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from medtune.clinical.drugs.names import Mention, drug_names
from medtune.clinical.faithful.tokens import Span, sentences
from medtune.clinical.faithful.values import Quantity

ROUTES: Mapping[str, str] = {
    r"by mouth|p\.?o\.?|orally|oral": "oral",
    r"i\.?v\.?|intravenous(?:ly)?": "intravenous",
    r"i\.?m\.?|intramuscular(?:ly)?": "intramuscular",
    r"s\.?c\.?|subcutaneous(?:ly)?|subq|sub-q": "subcutaneous",
    r"topical(?:ly)?|cream|ointment": "topical",
    r"inhal(?:ed|er|ation)|nebuliz\w+": "inhaled",
    r"sublingual(?:ly)?|under the tongue": "sublingual",
    r"rectal(?:ly)?|suppository": "rectal",
    r"intranasal(?:ly)?|nasal spray": "nasal",
    r"eye drops?|ophthalmic": "ophthalmic",
    r"patch|transdermal": "transdermal",
}
FREQUENCIES: Mapping[str, Fraction] = {
    r"b\.?i\.?d\.?|twice (?:a day|daily|per day|each day)|two times (?:a day|daily|per day)"
    r"|2 times (?:a day|daily)|every (?:12|twelve) hours|q ?12 ?h(?:rs?)?": Fraction(2),
    r"t\.?i\.?d\.?|(?:three|3) times (?:a day|daily|per day)|every (?:8|eight) hours"
    r"|q ?8 ?h(?:rs?)?": Fraction(3),
    r"q\.?i\.?d\.?|(?:four|4) times (?:a day|daily|per day)|every (?:6|six) hours"
    r"|q ?6 ?h(?:rs?)?": Fraction(4),
    r"every (?:4|four) hours|q ?4 ?h(?:rs?)?": Fraction(6),
    r"every other day|q\.?o\.?d\.?": Fraction(1, 2),
    r"once a week|weekly|once weekly|every week|per week": Fraction(1, 7),
    r"once (?:a day|daily|per day)|q\.?d\.?|every (?:day|morning|evening|night)|nightly|at bedtime"
    r"|q\.?h\.?s\.?|(?<!twice )(?<!times )daily|a day|per day|each day": Fraction(1),
}
"""Ways of saying how often, and times a day. The first that matches counts."""
ROUTE = [(re.compile(rf"(?<![\w.])(?:{p})(?![\w])", re.IGNORECASE), v) for p, v in ROUTES.items()]
FREQUENCY = [
    (re.compile(rf"(?<![\w.])(?:{p})(?![\w])", re.IGNORECASE), v) for p, v in FREQUENCIES.items()
]
DOSE_UNITS = frozenset({"mg", "ug", "g", "mL", "[IU]", "meq", "mg/kg", "%"})
REACH = 80
"""Characters after a drug's name in which its dose, route and frequency are looked for."""


class Stated(NamedTuple):
    """What stands beside a drug, and where."""

    span: Span
    value: str | Fraction


class Medicine(NamedTuple):
    """A drug in a text with what is said of it."""

    mention: Mention
    doses: tuple[Quantity, ...]
    routes: tuple[Stated, ...]
    frequencies: tuple[Stated, ...]


def medicines(text: str, numbers: list[Quantity], *, reach_on: bool) -> list[Medicine]:
    """The drugs of a text. `reach_on` looks past the end of the sentence, as talk needs."""
    found: list[Medicine] = []
    mentions = drug_names().find(text)
    ends = [span.end for span in sentences(text)]
    for index, mention in enumerate(mentions):
        following = mentions[index + 1].start if index + 1 < len(mentions) else len(text)
        sentence_end = next((end for end in ends if end >= mention.end), len(text))
        limit = 3 * REACH if reach_on else REACH
        end = min(following, mention.end + limit)
        if not reach_on:
            end = min(end, sentence_end)
        part = Span(mention.end, end)
        before = Span(max(mention.start - 45, 0), mention.start)
        doses = tuple(
            one
            for one in numbers
            if _is_dose(one, reach_on=reach_on)
            and (part.start <= one.start < part.end or _is_before(text, one, before))
        )
        found.append(
            Medicine(mention, doses, _said(ROUTE, text, part), _said(FREQUENCY, text, part))
        )
    return found


def _is_dose(number: Quantity, *, reach_on: bool) -> bool:
    """Whether a number can be a dose; in talk the unit is often left out."""
    if number.label:
        return False
    return number.unit in DOSE_UNITS or (reach_on and not number.unit)


def _is_before(text: str, number: Quantity, part: Span) -> bool:
    """Whether a dose stands right before the name, as in "50 mg of tramadol"."""
    if not (part.start <= number.start < part.end and number.unit in DOSE_UNITS):
        return False
    return bool(re.fullmatch(r"[\s\w./%-]{0,8}?(?:of|of the)?\s*", text[number.end : part.end]))


def _said(
    patterns: list[tuple[re.Pattern[str], str]] | list[tuple[re.Pattern[str], Fraction]],
    text: str,
    part: Span,
) -> tuple[Stated, ...]:
    found: list[Stated] = []
    for pattern, value in patterns:
        for match in pattern.finditer(text, part.start, part.end):
            span = Span(match.start(), match.end())
            if not any(one.span.start < span.end and span.start < one.span.end for one in found):
                found.append(Stated(span, value))
    return tuple(found)
