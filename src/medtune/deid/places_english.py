"""English addresses and institutions, and the addresses of other countries in English text."""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from medtune.deid.document import Document
from medtune.deid.kinds import Kind
from medtune.deid.span import Span
from medtune.deid.vocabulary import VOCABULARIES

STREET = 66
CITY = 63
ZIP = 67
HOSPITAL = 72
ORGANIZATION = 65

CODES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ"
    "|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|AP|AE|AA|PR|VI|GU"
)
BEFORE = (
    "calle|c/|rue|via|viale|ulica|ulice|ul|avenida|avda|plaza|rua|piazza|corso|camino|paseo|"
    "carretera|ctra|trg|cesta|strada|largo|boulevard|avenue|allee|chemin|route|rruga|str"
)
"""Street words of other languages, which stand before the name."""
AFTER = "utca|ter|ulica|ulice|put|trg|katu|tie|strasse|stra\\w?e|straat|gatan|str|vej|gade"
"""And those that stand behind it."""
SMALL = frozenset(
    {
        *BEFORE.split("|"),
        *AFTER.split("|"),
        *["th", "st", "nd", "rd", "box", "street", "apt", "suite", "corner", "the", "and"],
    }
)
"""Words of an address that may be written small."""
SHORT = 3
COMPOUND = (
    r"[^\W\d_][^\W\d_'-]+(?:strasse|stra\w?e|stasse|straat|gasse|weg|laan|plein|gatan|gata|vagen|vej"
    r"|gade|veien|allee|platz|singel|dijk|kade|katu|utca|vegur|stigur|gotu|straeti|stræti|tie|wal)"
)
NUMBER = r"\d{1,5}(?:[a-z]\b)?(?:[-/]\d{1,4})?"
WORD = r"(?!(?:and|of|to|at|on|in|or|is|the|was)\b)(?:[^\W\d_][\w'.-]*|\d{1,3}(?:st|nd|rd|th))"
NAME = r"[A-Z][\w'’.-]*"
JOINT = r"(?:[ -]| of (?:the )?| and | & | for (?:the )?)"
CARE = (
    r"(?:Hospitals?|Medical Cent(?:er|re)|Clinics?|Health System|Healthcare|Infirmary|Hospice"
    r"|Nursing Home|Rehabilitation Cent(?:er|re)|Surgery Cent(?:er|re)|Cancer Cent(?:er|re)"
    r"|Health Cent(?:er|re)|Urgent Care|Family Practice|Medical Group|Pharmacy)"
)
FIRM = (
    r"(?:Inc|LLC|Ltd|Corp|Corporation|Company|Co|PLC|plc|GmbH|Group|University|College|Institute"
    r"|Foundation|Academy|Bank|Associates|Industries|Enterprises|Solutions|Technologies"
    r"|Laboratories|Services|Systems|International|Agency|Holdings|Partners|Ventures|Consulting"
    r"|Pharmaceuticals|Insurance|Airlines|Software|Research|Media|Networks|Unlimited|Maintenance"
    r"|School|Church)"
)
HEAD = r"(?:University|Department|Bank|Ministry|College|Institute|School|Bureau|Church)"
EMPLOYED = r"(?:work(?:s|ed|ing)?|employed|job|position|year|career|employee) (?:at|for|by|with|of)"


class _Form(NamedTuple):
    kind: Kind
    weight: int
    pattern: re.Pattern[str]
    flat: bool = True
    """Whether the pattern reads the lower-case text; the others need capitals."""


def find_english_places(document: Document) -> Iterator[Span]:
    """Yield streets, flats, postal codes, hospitals and organizations."""
    has_digits = any(c.isdigit() for c in document.text)
    for form in _forms():
        if not (has_digits or form.kind in ("hospital", "organization", "city")):
            continue
        if not form.flat and document.case != "mixed":
            continue
        for match in form.pattern.finditer(document.flat if form.flat else document.text):
            start, end = match.span("value")
            if form.kind != "street" or _is_written_as_name(document, start, end):
                yield Span(start, end, form.kind, "address", form.weight)


def _is_written_as_name(document: Document, start: int, end: int) -> bool:
    """Whether a street's words have capitals, in a text where capitals tell."""
    words = re.findall(r"[^\W\d_]{2,}", document.text[start:end])
    if document.case != "mixed":
        return True
    small = VOCABULARIES["en"].particles | SMALL
    written = [word[0].isupper() for word in words if word.lower() not in small]
    is_short = len(words) == 1 and len(words[0]) < SHORT
    return not is_short and all(written)


@cache
def _forms() -> tuple[_Form, ...]:
    words = VOCABULARIES["en"]
    suffix = "|".join(sorted(map(re.escape, words.street_words), key=len, reverse=True))
    units = "|".join(sorted(map(re.escape, words.units), key=len, reverse=True))
    street = tuple(
        _Form("street", STREET - lighter, re.compile(rf"(?<![\w.,/])(?P<value>{pattern})"))
        for lighter, pattern in (
            (0, rf"(?:{NUMBER} )?{NUMBER},? (?:{WORD} ){{1,4}}?(?:{suffix})\b\.?(?!')"
                rf"(?:,? (?:n|s|e|w|ne|nw|se|sw)\b)?(?: {NUMBER})?(?!\w)"),
            (0, rf"(?:{NUMBER} ){{0,2}}(?:{BEFORE})\b\.? (?:{WORD} ){{0,4}}?{WORD},? {NUMBER}\b"),
            (0, rf"(?:{NUMBER} )?(?:{WORD} ){{1,3}}(?:{AFTER})\b\.? {NUMBER}\b"),
            (0, rf"(?:{NUMBER} )?{COMPOUND}(?: {NUMBER}\b|(?=[ ,.\n]|$))"),
            (2, rf"(?:{NUMBER} )?(?:(?:{units})\b\.? ?(?:no\.? ?|# ?)?(?:\d+[a-z]?|[a-z])\b"
                r"|p\.? ?o\.? box \d+|psc \d+,? box \d+|unit \d+,? box \d+)"),
            (2, r"(?:\w+ \w+[ \n]+)?[afd]po,? a[aep] \d{5}\b"),
            (4, rf"{NUMBER} (?:{WORD} ){{1,3}}{NUMBER}(?=[ ,]{{0,2}}\n?[ ]?(?:{units})\b)"),
            (6, rf"(?:(?<=address: )|(?<= at )|(?<= to )|(?<=address:\n))"
                rf"(?:{NUMBER} )?{NUMBER} (?:{WORD} ){{1,3}}{NUMBER}\b"),
            (5, rf"(?:the )?corner of (?:{NUMBER} )?(?:{WORD} ){{1,5}}(?:{NUMBER} )?and "
                rf"(?:{NUMBER} )?(?:{WORD} ){{0,3}}?(?:{suffix})\b"),
        )
    )  # fmt: skip
    return (
        *street,
        _Form("street", STREET - 4, re.compile(
            r"(?<=[a-z] )(?P<value>(?:[A-Z][\w'’-]+ ){1,2}"
            r"(?:Street|Road|Avenue|Lane|Drive|Boulevard|Court))\b"
        ), flat=False),
        _Form("zip", ZIP, re.compile(
            rf"(?<![A-Za-z])(?:{CODES})\.? (?P<value>\d{{5}}(?:-\d{{4}})?)(?!\d)"
        ), flat=False),
        _Form("state", CITY, re.compile(
            rf"(?<=[\w.], )(?P<value>{CODES})(?![\w-])(?=[.,;\n]| \d{{5}}|$)"
        ), flat=False),
        _Form("zip", ZIP, re.compile(
            r"(?<![\w-])(?P<value>[A-Z]{1,2}\d[A-Z\d]? ?\d[ABD-HJLNP-UW-Z]{2})(?!\w)"
        ), flat=False),
        _Form("city", CITY, re.compile(
            rf"(?P<value>[A-Z][\w'’-]{{2,}}(?: {NAME}){{0,2}}), "
            rf"(?:(?!MD|PA)(?:{CODES})|(?:MD|PA)(?= \d{{5}}))(?![\w-])"
        ), flat=False),
        _Form("hospital", HOSPITAL, re.compile(
            rf"(?P<value>(?:St\. )?(?!The ){NAME}(?:{JOINT}{NAME}){{0,4}} {CARE}"
            rf"(?: of {NAME}(?: {NAME})?)?)\b"
        ), flat=False),
        _Form("organization", ORGANIZATION, re.compile(
            rf"(?P<value>(?!The ){NAME}(?:(?:[ -]|, | and | & | of ){NAME}){{0,4}},? {FIRM}\b\.?)"
        ), flat=False),
        _Form("organization", ORGANIZATION, re.compile(
            rf"(?P<value>{HEAD} (?:of|for) (?:the )?{NAME}(?:{JOINT}{NAME}){{0,3}})"
        ), flat=False),
        _Form("organization", ORGANIZATION - 8, re.compile(
            rf"(?:{EMPLOYED}) (?:the )?(?P<value>{NAME}(?: {NAME}){{0,3}})"
        ), flat=False),
    )  # fmt: skip
