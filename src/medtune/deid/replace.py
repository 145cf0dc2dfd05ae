"""Put a surrogate, or a mark, where each identifier stands."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from medtune.deid.document import flatten
from medtune.deid.find import find
from medtune.deid.kinds import NAMES, OLDEST_KEPT, Kind, Language, Policy, is_removed
from medtune.deid.span import Span
from medtune.deid.surrogate.dates import Times, is_birth, offset_days, rewritten
from medtune.deid.surrogate.key import Key
from medtune.deid.surrogate.numbers import code, email, network, url
from medtune.deid.surrogate.words import city, person, reworded
from medtune.deid.surrogate.zips import postal_code
from medtune.deid.tagger import Tagger

Style = Literal["surrogate", "tag"]
CODES: frozenset[Kind] = frozenset(
    {"phone", "fax", "ssn", "mrn", "insurance", "account", "licence", "vehicle", "device", "id"}
)
AGE_BAND = 5


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


class Change(NamedTuple):
    """One identifier that was replaced: where it stood, and where its surrogate stands."""

    start: int
    end: int
    kind: Kind
    rule: str
    new_start: int
    new_end: int


class Clean(NamedTuple):
    """A de-identified text."""

    text: str
    changes: list[Change]


def deidentify(
    text: str, patient: str, method: Method, key: Key, known: Iterable[str] = ()
) -> Clean:
    """Replace the identifiers of a text.

    Args:
        text: The text.
        patient: Whose it is: surrogates agree within a patient and tell nothing across patients.
        method: What to find and what to put there.
        key: The secret.
        known: Names that the text may hold, such as those in other columns of the record.
    """
    spans = find(text, method.language, known, tagger=method.tagger)
    return replace_spans(text, spans, patient, method, key)


def replace_spans(
    text: str, spans: Sequence[Span], patient: str, method: Method, key: Key
) -> Clean:
    """Replace given spans, in order of place and not overlapping, as the method says."""
    own = key.patient(patient)
    flat = flatten(text)
    pieces: list[str] = []
    changes: list[Change] = []
    end = length = 0
    for span in spans:
        old = text[span.start : span.end]
        new = surrogate(old, span.kind, method, own, before=flat[: span.start])
        if new == old:
            continue
        pieces += [text[end : span.start], new]
        length += span.start - end
        changes.append(
            Change(span.start, span.end, span.kind, span.rule, length, length + len(new))
        )
        length += len(new)
        end = span.end
    return Clean("".join([*pieces, text[end:]]), changes)


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
        return _age(old, method)
    if kind in ("date", "year"):
        return _date(old, kind, method, own, before)
    if not is_removed(kind, method.policy):
        return old
    if method.style == "tag":
        return f"[{kind}]"
    return _drawn(old, kind, method.language, own)


def _drawn(old: str, kind: Kind, language: Language, own: Key) -> str:
    """A surrogate of a kind that has no rule of its own."""
    if kind in NAMES:
        return person(own, old, language)
    if kind in CODES:
        return code(own, old)
    makers = {"email": email, "url": url, "ip": network}
    if kind in makers:
        return makers[kind](own, old)
    makers = {"city": city, "zip": postal_code}
    makers |= dict.fromkeys(("street", "hospital", "organization"), reworded)
    return makers[kind](own, old, language) if kind in makers else f"[{kind}]"


def _age(old: str, method: Method) -> str:
    """Ages over 89 become one category; under `all` the others become bands of five years."""
    number = re.search(r"\d+", old)
    words = flatten(old)
    years = not re.search(r"mes|dia|seman|month|day|week", words)
    if number is None:
        return "[age]" if words.startswith("noventa") or method.policy == "all" else old
    age = int(number[0])
    if not years:
        return old
    if age > OLDEST_KEPT:
        return old.replace(number[0], "90+", 1)
    if method.policy == "all":
        low = age - age % AGE_BAND
        return old.replace(number[0], f"{low}-{low + AGE_BAND - 1}", 1)
    return old


def _date(old: str, kind: Kind, method: Method, own: Key, before: str) -> str:
    """Dates moved, or cut to their year; a year alone moves with the others."""
    if method.style == "tag":
        return "[date]" if kind == "date" else old
    times = Times(offset_days(own) if method.shift_dates else None, method.today)
    if kind == "year" and times.days is None and not is_birth(before):
        return old
    return rewritten(old, method.language, times, birth=is_birth(before))
