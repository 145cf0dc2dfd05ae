"""Surrogates of names and places: from the tables, in the case and the form of the original."""

import re
from functools import cache
from typing import NamedTuple

from medtune.deid.kinds import Language
from medtune.deid.lexicon import GIVEN, SURNAME, TOP, WORD, bits, fold, sexes, table
from medtune.deid.surrogate.key import Key
from medtune.deid.vocabulary import VOCABULARIES

TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w]+|_+")
NAME = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|[\W\d_]+")
MOST_GIVEN = 300
MOST_SURNAMES = 1_000
MOST_CITIES = 500
SHORTEST = 4
COUNTRY: dict[Language, str] = {"en": "US", "es": "ES"}
_CONNECTORS = "of the and for de del la las los y e i el a st"
CONNECTORS = frozenset(_CONNECTORS.split())


class Pools(NamedTuple):
    """What surrogates are drawn from. No name in it is a common word."""

    given: dict[str, list[str]]
    """By sex, `f` and `m`."""
    surnames: list[str]
    cities: list[str]


@cache
def pools(language: Language) -> Pools:
    """The pools of a language, from the tables."""

    def plain(names: list[str], most: int) -> list[str]:
        usable = [n for n in names if n.isalpha() and len(n) >= SHORTEST]
        return [n for n in usable if not bits(n, language) & WORD][:most]

    given = table("given")
    return Pools(
        {sex: plain(given[f"{language} {sex}"], MOST_GIVEN) for sex in ("f", "m")},
        plain(table("surnames")[language], MOST_SURNAMES),
        table("cities")[COUNTRY[language]][:MOST_CITIES],
    )


def person(key: Key, text: str, language: Language) -> str:
    """Another name, part for part, so that `John Smith` and `Mr. Smith` stay one person."""
    particles = VOCABULARIES[language].particles
    parts: list[str] = []
    for part in NAME.findall(text):
        if not part[0].isalpha() or (fold(part) in particles and part.islower()):
            parts.append(part)
        elif len(part) == 1:
            parts.append(_cased("ABCDEFGHJLMNPRST"[key.number("initial", fold(part), 16)], part))
        else:
            parts.append(_name(key, part, language))
    return "".join(parts)


def _name(key: Key, part: str, language: Language) -> str:
    """A given name of the same sex for a given name, a surname for any other word."""
    pool, word, what = pools(language), fold(part), bits(part, language)
    sex = sexes().get(word)
    is_given = what & GIVEN and (not what & SURNAME or what & TOP or sex in ("f", "m"))
    if sex and is_given:
        if sex == "u":
            sex = "fm"[key.number("sex", word, 2)]
        return _drawn(key, part, pool.given[sex])
    return _drawn(key, part, pool.surnames)


def _drawn(key: Key, text: str, pool: list[str]) -> str:
    """One of the pool, never the text itself, in its case."""
    start = key.number("name", fold(text), len(pool))
    one = pool[start] if fold(pool[start]) != fold(text) else pool[(start + 1) % len(pool)]
    return _cased(one, text)


def _cased(name: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return name.upper()
    return name.lower() if like[:1].islower() else name


def city(key: Key, text: str, language: Language) -> str:
    """Another large city of the same country."""
    name = _drawn(key, text, pools(language).cities)
    return name.upper() if text.isupper() and len(text) > 2 else name  # noqa: PLR2004  "LA"


def street(key: Key, text: str, language: Language) -> str:
    """Another street: the words for street and floor stay, names and numbers do not."""
    words = VOCABULARIES[language]
    return _reworded(key, text, language, words.street_words | words.units)


def institution(key: Key, text: str, language: Language) -> str:
    """Another hospital or firm: the words for what it is stay, its name does not."""
    words = VOCABULARIES[language]
    return _reworded(key, text, language, words.hospital_words | words.organization_words)


def _reworded(key: Key, text: str, language: Language, kept: frozenset[str]) -> str:
    parts: list[str] = []
    for part in TOKEN.findall(text):
        low = fold(part)
        if part.isdigit():
            parts.append(_number(key, part))
        elif not part.isalpha() or low in kept or low in CONNECTORS or len(part) == 1:
            parts.append(part)
        else:
            parts.append(_drawn(key, part, pools(language).surnames))
    return "".join(parts)


def _number(key: Key, digits: str) -> str:
    """Another number with as many digits."""
    low, high = 10 ** (len(digits) - 1), 10 ** len(digits)
    number = low + key.number("house", digits, high - low)
    return str(number if str(number) != digits else low + (number - low + 1) % (high - low))
