"""Ages, and what Safe Harbor leaves but other rules do not: sex, relatives."""

import re
from collections.abc import Iterator
from functools import cache

from medtune.deid.document import Document
from medtune.deid.kinds import Kind, Language
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

AGE = 68
WORDS = 35

UNITS = r"(?:one|two|three|four|five|six|seven|eight|nine)"
OVER_89 = (
    rf"(?:ninety(?:[ -]{UNITS})?|(?:(?:a|one)[ -])?hundred(?:[ -](?:and[ -])?(?:{UNITS}|ten))?)"
)
DIGITS_OVER_89 = r"(?:9\d|1[012]\d)"
"""Short forms are read as ages where they are over 89 only: the others may stay."""
ENGLISH_AGE = (
    r"(?<![\w.,/-])(?P<one>\d{1,3}(?:\.\d)?[ -]?(?:years?[ -]?olds?|y/?o\b|yo\b|y\.o\.?"
    r"|yr?s?[ -]old|-?years? of age|months?[ -]old|m\.?o\.?\b|weeks?[ -]old|days?[ -]old))"
    r"|\b(?:aged|age|age of|turned) (?P<two>\d{1,3})\b"
    r"|\b(?:age ?/ ?(?:sex|gender)|(?:sex|gender) ?/ ?age) ?:? ?(?:(?:fe)?male|[fm])?[ /,]{0,3}"
    r"(?P<three>\d{1,3})\b"
    rf"|\b(?P<four>{OVER_89}[ -]?(?:years?[ -]?olds?|y/?o\b|years? of age))"
    rf"|\b(?:aged|age|age of|turned) (?P<five>{OVER_89})\b"
    r"|\b(?P<six>nonagenarian|centenarian)\b"
    rf"|(?<![\w.,/-])(?P<seven>{DIGITS_OVER_89} ?(?:/ ?|y(?:rs?|ears?)?[ /]?)(?:f|m|female|male)\b)"
    rf"|(?<![\w.,/-])(?P<bare>{DIGITS_OVER_89} ?(?:[fm]\b|(?<= )(?:fe)?male\b))"
)
HEAT = re.compile(
    r"\b(?:t|tm|tmax|temp|temps|temperatures?|fevers?|febrile|afebrile|vs|vitals|degrees)\b[^.\n]*$"
)
"""What stands before degrees Fahrenheit: `Temp 98F` is nobody's age."""
NUMBER_WORDS = (
    r"(?:un|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince"
    r"|dieciseis|diecisiete|dieciocho|diecinueve|veinte"
    r"|(?:treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa)(?: y \w+)?"
    r"|cien|ciento \w+)"
)
PERSON = (
    r"(?:paciente|varon|mujer|hombre|nin[oa]|lactante|enferm[oa]|senora?|joven|adolescente|neonat[oa]"
    r"|femenin[oa]|masculin[oa]|recien nacid[oa]|escolar|anciano|anciana|caballero|gestante|bebe"
    r"|adulto|adulta|soltera?o?|casad[oa])"
)
UNIT = r"(?:anos?|meses|mes|dias|semanas)"
SPANISH_AGE = (
    rf"(?<![\w.,/])(?P<one>(?:\d{{1,3}}|{NUMBER_WORDS}) {UNIT})\b(?= de edad)"
    rf"|\b{PERSON}\b[^.\n\d]{{0,30}}?\b(?:de|con|tiene) "
    rf"(?P<two>(?:\d{{1,3}}|{NUMBER_WORDS}) {UNIT})\b"
    r"(?! de evolucion)"
    rf"|\ba los (?P<three>\d{{1,2}} anos)\b(?! de (?:la|evolucion|seguimiento))"
)
"""How Spanish case reports tell ages: `varón de 57 años`, `a los 7 años de edad`."""


def find_extras(document: Document) -> Iterator[Span]:
    """Yield ages, words for sex and words for relatives."""
    for match in _age(document.language).finditer(document.flat):
        name = match.lastgroup or 0
        if name == "bare" and not _is_person(document, match):
            continue
        yield Span(*match.span(name), "age", "age", AGE)
    words = VOCABULARIES[document.language]
    for i, low in enumerate(document.low):
        before = document.low[i - 1] if i else ""
        is_kin = low in words.kin and before not in ("antecedentes", "historia", "family")
        kind: Kind | None = "kinship" if is_kin else None
        kind = "sex" if low in words.sex and len(low) > 1 else kind
        if kind:
            yield Span(document.starts[i], document.ends[i], kind, "word", WORDS)


def _is_person(document: Document, match: re.Match[str]) -> bool:
    """Whether `94F` or `94 M` is somebody, not degrees or metres."""
    written = document.text[match.start() : match.end()]
    line = document.flat[max(0, match.start() - 40) : match.start()]
    return not written.endswith(("f", "m")) and not HEAT.search(line)


@cache
def _age(language: Language) -> re.Pattern[str]:
    return re.compile(ENGLISH_AGE if language == "en" else SPANISH_AGE)
