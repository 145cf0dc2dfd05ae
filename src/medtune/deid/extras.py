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

ENGLISH_AGE = (
    r"(?<![\w.,/-])(?P<one>\d{1,3}(?:\.\d)?[ -]?(?:years?[ -]?olds?|y/?o\b|yo\b|y\.o\.?"
    r"|yr?s?[ -]old|-?years? of age|months?[ -]old|m\.?o\.?\b|weeks?[ -]old|days?[ -]old))"
    r"|\b(?:aged|age|age of|turned) (?P<two>\d{1,3})\b"
)
NUMBER_WORDS = (
    r"(?:un|una|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince"
    r"|dieciseis|diecisiete|dieciocho|diecinueve|veinte|treinta|cuarenta|cincuenta|sesenta|setenta"
    r"|ochenta|noventa)"
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
        yield Span(*match.span(name), "age", "age", AGE)
    words = VOCABULARIES[document.language]
    for i, low in enumerate(document.low):
        before = document.low[i - 1] if i else ""
        is_kin = low in words.kin and before not in ("antecedentes", "historia", "family")
        kind: Kind | None = "kinship" if is_kin else None
        kind = "sex" if low in words.sex and len(low) > 1 else kind
        if kind:
            yield Span(document.starts[i], document.ends[i], kind, "word", WORDS)


@cache
def _age(language: Language) -> re.Pattern[str]:
    return re.compile(ENGLISH_AGE if language == "en" else SPANISH_AGE)
