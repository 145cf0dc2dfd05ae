"""Surrogates of codes: digits for digits, letters for letters, never a number that checks out."""

from collections.abc import Callable

from medtune.deid.checks import (
    compact,
    is_card,
    is_dea,
    is_dni,
    is_iban,
    is_nass,
    is_nhs,
    is_npi,
    is_ssn,
    is_vin,
)
from medtune.deid.surrogate.key import Key

CHECKS: tuple[Callable[[str], bool], ...] = (
    is_card, is_iban, is_npi, is_dea, is_ssn, is_dni, is_nass, is_nhs, is_vin,
)  # fmt: skip
TRIES = 200
DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def code(key: Key, text: str) -> str:
    """A code of the same form. The same digits written otherwise get the same digits.

    A surrogate that obeyed the check digit of its kind could be somebody's number, so the first of
    the key's proposals that obeys none is taken.
    """
    value = compact(text)
    proposal = text
    for attempt in range(TRIES):
        stream = key.stream(f"code {attempt}", value)
        proposal = "".join(_like(c, next(stream)) if c.isalnum() else c for c in text)
        if compact(proposal) != value and not any(check(proposal) for check in CHECKS):
            break
    return proposal


def _like(character: str, number: int) -> str:
    if character.isdigit():
        return DIGITS[number % len(DIGITS)]
    letter = LETTERS[number % len(LETTERS)]
    return letter if character.isupper() else letter.lower()


def email(key: Key, text: str) -> str:
    """An address at a domain that is reserved for examples (RFC 2606)."""
    return f"u{key.draw('email', text.lower().replace(' ', '')).hex()[:8]}@example.org"


def url(key: Key, text: str) -> str:
    """An address at a domain that is reserved for examples (RFC 2606)."""
    return f"https://example.org/{key.draw('url', text.lower()).hex()[:8]}"


def network(key: Key, text: str) -> str:
    """An address that is reserved for documentation (RFC 5737, RFC 3849), or a like MAC address."""
    number = key.number("network", text.lower(), 254) + 1
    if "." in text:
        return f"192.0.2.{number}"
    colons = text.count(":") + text.count("-")
    if colons == 5:  # noqa: PLR2004  six octets of a MAC address
        return ":".join(["02", *(f"{byte:02x}" for byte in key.draw("mac", text.lower())[:5])])
    return f"2001:db8::{number:x}"
