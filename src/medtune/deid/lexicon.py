"""What a word can be, by the tables of names, places and words: one small set of bits per word."""

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

from medtune.deid.kinds import Kind, Language
from medtune.deid.vocabulary import VOCABULARIES

GIVEN = 1
"""A given name of the census or of any language in the tables."""
SURNAME = 2
CITY = 4
"""A city of one word."""
STATE = 8
COUNTRY = 16
WORD = 32
"""An English word that is more than a name."""
KNOWN = 64
"""In a list of English words that holds many names, too."""
TOP = 128
"""A given name or surname among the commonest of the census."""

TOP_GIVEN = 600
TOP_SURNAME = 2_000


def fold(text: str) -> str:
    """Lower case without accents; tables and texts are compared in this form."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(c for c in parts if not unicodedata.combining(c))


@cache
def table(name: str) -> dict[str, list[str]]:
    """The sections of a table beside this module, names as written."""
    text = (files("medtune.deid") / "tables" / f"{name}.txt").read_text(encoding="utf-8")
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line[1:-1], [])
        elif not line.startswith("#"):
            current += line.replace("_", " ").split(" ") if "_" not in line else _joined(line)
    return sections


def _joined(line: str) -> list[str]:
    return [name.replace("_", " ") for name in line.split(" ")]


@cache
def _bits(language: Language) -> dict[str, int]:
    bits: dict[str, int] = {}

    def mark(names: Iterable[str], bit: int) -> None:
        for name in names:
            word = fold(name)
            bits[word] = bits.get(word, 0) | bit

    for names in table("given").values():
        mark(names, GIVEN)
    for names in table("surnames").values():
        mark(names, SURNAME)
    for sex in ("f", "m"):
        mark(table("given")[f"{language} {sex}"][:TOP_GIVEN], TOP)
    mark(table("surnames")[language][:TOP_SURNAME], TOP)
    for names in table("cities").values():
        mark([name for name in names if " " not in name], CITY)
    parts = table("regions")
    mark(parts["country en"] + parts["country es"], COUNTRY)
    mark(parts["state us"] + parts["province es"], STATE)
    words = table("words")
    if language == "es":
        mark([*words["es"], *VOCABULARIES["es"].ambiguous], WORD | KNOWN)
    else:
        mark(words["common"], WORD | KNOWN)
        mark(words["rare"], KNOWN)
    return bits


@lru_cache(maxsize=200_000)
def bits(word: str, language: Language) -> int:
    """What the word can be: the sum of the bits above, 0 if no table knows it."""
    return _bits(language).get(fold(word), 0)


@cache
def long_places() -> dict[str, set[tuple[str, ...]]]:
    """Cities, states and countries of several words, by their first word, folded."""
    found: dict[str, set[tuple[str, ...]]] = {}
    names = [name for part in table("cities").values() for name in part]
    names += [name for part in table("regions").values() for name in part]
    for name in names:
        words = tuple(fold(name).replace(",", "").split(" "))
        if len(words) > 1:
            found.setdefault(words[0], set()).add(words)
    return found


@cache
def regions() -> dict[str, Kind]:
    """Countries and states by folded name, and which they are."""
    parts = table("regions")
    found: dict[str, Kind] = {fold(name).replace(",", ""): "state" for name in parts["state us"]}
    found |= {fold(name): "city" for name in parts["province es"]}
    for section in ("country en", "country es"):
        found |= {fold(name).replace(",", ""): "country" for name in parts[section]}
    return found


@cache
def sexes() -> dict[str, str]:
    """Sex of a given name, `f` or `m`, where the tables know it; `u` where it is as often either.

    The lists of the census are by frequency: of a name in both, the list where it stands three
    times as high up decides.
    """
    given = table("given")
    rank = {
        sex: {fold(name): i for i, name in reversed(list(enumerate(given[f"en {sex}"], start=1)))}
        for sex in ("f", "m")
    }
    found: dict[str, str] = {}
    for section, names in given.items():
        sex = section.split(" ")[1]
        for word in map(fold, names):
            found[word] = sex if found.get(word, sex) == sex else "u"
    for word in rank["f"].keys() & rank["m"].keys():
        female, male = rank["f"][word], rank["m"][word]
        found[word] = "f" if 3 * female < male else "m" if 3 * male < female else "u"
    return found
