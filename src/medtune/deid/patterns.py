"""Identifiers that their own form gives away: addresses of machines, numbers with check digits."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from medtune.deid.checks import is_card, is_dni, is_iban, is_nhs, is_npi, is_ssn, is_vin
from medtune.deid.kinds import Kind, Language
from medtune.deid.span import Span

SURE = 90
"""Weight of a form that nothing else has."""
CHECKED = 80
LIKELY = 50


class Form(NamedTuple):
    """One form of one kind."""

    kind: Kind
    pattern: re.Pattern[str]
    weight: int
    check: Callable[[str], bool] | None = None
    """What a match must pass besides; it gets the text of the match."""
    needs: str = ""
    """A character without which the pattern cannot match: texts that lack it are not searched."""
    language: Language | None = None


def _is_date_like(text: str) -> bool:
    return bool(re.fullmatch(r"(?:19|20)\d\d[ .-]?[01]\d[ .-]?[0-3]\d", text))


def _is_phone(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    return 7 <= digits <= 15 and not _is_date_like(text)  # noqa: PLR2004  ITU-T E.164


def _is_ip(text: str) -> bool:
    return all(int(part) < 256 for part in text.split("."))  # noqa: PLR2004  one octet


EXTENSION = r"(?:\s*(?:x|ext\.?|extension|extensión)\s*\d{1,5})?"
FORMS = (
    Form("email", re.compile(r"[\w.+%-]+ ?@ ?[\w-]+(?:\.[\w-]+)+"), SURE, needs="@"),
    Form(
        "url",
        re.compile(
            r"(?i:\bhttps?://[^\s<>\"')\]]+|\bwww\.[\w-]+\.[^\s<>\"')\]]+)"
            r"|\b(?:[A-Za-z0-9-]{2,}\.)+(?:com|org|net|edu|gov|info|biz|de|es|fr|it|uk|us|nl|eu|io"
            r"|cat|mx|ar|cl)\b(?:/[^\s<>\"')\]]*)?"
        ),
        SURE - 5,
        needs=".",
    ),
    Form("ip", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)"), SURE, _is_ip, "."),
    Form("ip", re.compile(r"\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b"), SURE, needs=":"),
    Form("ip", re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b"), SURE),
    Form("id", re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), SURE),
    Form(
        "account", re.compile(r"\b[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]{2,4}){3,9}\b"), CHECKED, is_iban
    ),
    Form("account", re.compile(r"\b\d(?:[ -]?\d){12,18}\b"), CHECKED, is_card),
    Form("ssn", re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), SURE, is_ssn, "-"),
    Form(
        "ssn", re.compile(r"\b[XYZxyz]?-?\d{1,2}\.?\d{3}\.?\d{3}[ -]?[A-Za-z]\b"), CHECKED, is_dni
    ),
    Form("licence", re.compile(r"\b[12]\d{9}\b"), LIKELY, is_npi),
    Form("ssn", re.compile(r"\b\d{3} \d{3} \d{4}\b"), LIKELY, is_nhs),
    Form("vehicle", re.compile(r"\b[A-HJ-NPR-Z0-9]{17}\b"), CHECKED, is_vin),
    Form(
        "phone",
        re.compile(
            r"(?<![\w.])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}\b" + EXTENSION
        ),
        CHECKED + 1,
        _is_phone,
    ),
    Form(
        "phone",
        re.compile(
            r"(?<![\w.])(?:\+|00 ?)[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}\b"
            + EXTENSION
        ),
        CHECKED - 2,
        _is_phone,
    ),
    Form(
        "phone",
        re.compile(r"(?<![\w.])\(\d{2,5}\) ?\d{2,4}(?:[ .-]?\d{2,4}){1,3}\b" + EXTENSION),
        LIKELY,
        _is_phone,
        needs="(",
    ),
    Form(
        "phone",
        re.compile(
            r"(?<![\w.,/-])(?:0\d{1,4}[ -]\d{5,8}"
            r"|0\d{2,4}[ -]\d{3}(?:[ -]\d{2}[ -]\d{2}|[ -]\d{3,4})"
            r"|0\d{1,4}(?:[ -]\d{2,4}){2,4}|0\d(?:\.\d{2}){4}"
            r"|\d{2}(?:[ -]\d{2}){3,4}|[2-9]\d{2}-\d{4})"
            r"(?![\w%-]|[.,/]\d|[ ](?:mg|ml|mcg|g|units|iu)\b)"
        ),
        LIKELY - 2,
        _is_phone,
        language="en",
    ),
    Form(
        "phone",
        re.compile(
            r"(?<![\w.,-])[6789]\d{2}[ .-]?(?:\d{3}[ .-]?\d{3}|\d{2}[ .-]\d{2}[ .-]\d{2})"
            r"(?![\w-]|[.,]\d)"
            r"|(?<![\w.,-])9\d[ .-]\d{3}[ .-]?\d{2}[ .-]?\d{2}(?![\w-]|[.,]\d)"
        ),
        LIKELY,
        language="es",
    ),
)


def find_forms(text: str, language: Language) -> Iterator[Span]:
    """Yield what has the form of an identifier."""
    if not any(c in text for c in "0123456789@") and "." not in text:
        return
    for form in FORMS:
        if (form.language or language) != language or form.needs not in text:
            continue
        for match in form.pattern.finditer(text):
            if form.check is None or form.check(match[0]):
                rule = "checksum" if form.weight == CHECKED else "form"
                end = match.end() - (match[0][-1] in ".,;:")
                yield Span(match.start(), end, form.kind, rule, form.weight)
