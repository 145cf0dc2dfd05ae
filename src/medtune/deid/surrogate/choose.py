"""What stands in the place of one identifier, by its kind."""

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from medtune.deid.document import flatten
from medtune.deid.kinds import NAMES, OLDEST_KEPT, Kind, Language, Policy, is_removed
from medtune.deid.surrogate.dates import Times, is_birth, offset_days, rewritten
from medtune.deid.surrogate.key import Key
from medtune.deid.surrogate.numbers import code, email, network, url
from medtune.deid.surrogate.words import city, institution, person, street
from medtune.deid.surrogate.zips import postal_code
from medtune.deid.tagger import Tagger

Style = Literal["surrogate", "tag"]
CODES: frozenset[Kind] = frozenset(
    {"phone", "fax", "ssn", "mrn", "insurance", "account", "licence", "vehicle", "device", "id"}
)
BY_FORM = {"email": email, "url": url, "ip": network} | dict.fromkeys(CODES, code)
BY_WORDS = (
    {"city": city, "zip": postal_code}
    | dict.fromkeys(NAMES, person)
    | {"street": street, "hospital": institution, "organization": institution}
)
AGE_BAND = 5
NINETY = re.compile(r"\b(?:ninety|noventa|hundred|cien|nonagen|centen)")
YOUNG = re.compile(r"mes|dia|seman|month|day|week|m\.?o\b")
"""An age in months, weeks or days."""


@dataclass(frozen=True, slots=True)
class Method:
    """How identifiers are found and what is put in their place."""

    language: Language
    policy: Policy = "safe_harbor"
    style: Style = "surrogate"
    shift_dates: bool = True
    """Off: of a date only the year stays, as the letter of Safe Harbor wants it."""
    today: date = field(default_factory=date.today)
    """From which it is counted whether somebody is over 89."""
    tagger: Tagger | None = None


def surrogate(old: str, kind: Kind, method: Method, own: Key, before: str = "") -> str:
    """What is put in the place of one identifier; the text itself where it may stay.

    Args:
        old: The identifier.
        kind: Its kind.
        method: What to put there.
        own: The key of its patient.
        before: What stands before it, in lower case without accents.
    """
    if kind == "age":
        new = _age(old, method)
    elif kind in ("date", "year"):
        new = _date(old, kind, method, own, before)
    elif not is_removed(kind, method.policy):
        new = old
    elif method.style == "tag" or kind not in BY_FORM | BY_WORDS:
        new = f"[{kind}]"
    elif kind in BY_FORM:
        new = BY_FORM[kind](own, old)
    else:
        new = BY_WORDS[kind](own, old, method.language)
    return new


def _age(old: str, method: Method) -> str:
    """Ages over 89 become one category; under `all` the others become bands of five years."""
    number = re.search(r"(\d+)(?:[.,]\d+)?\+?", old)
    flat = flatten(old)
    if number is None:
        return "[age]" if NINETY.search(flat) or method.policy == "all" else old
    if YOUNG.search(flat):
        return old
    age = int(number[1])
    low = age - age % AGE_BAND
    band = f"{low}-{low + AGE_BAND - 1}" if method.policy == "all" else number[0]
    return old.replace(number[0], f"{OLDEST_KEPT + 1}+" if age > OLDEST_KEPT else band, 1)


def _date(old: str, kind: Kind, method: Method, own: Key, before: str) -> str:
    """Dates moved, or cut to their year; a year alone moves with the others."""
    if method.style == "tag":
        return "[date]" if kind == "date" else old
    times = Times(offset_days(own) if method.shift_dates else None, method.today)
    if kind == "year" and times.days is None and not is_birth(before):
        return old
    return rewritten(old, method.language, times, birth=is_birth(before))
