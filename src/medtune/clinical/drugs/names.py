"""Drug names: brands, synonyms and combinations to ingredients, and where a text names a drug.

The tables hold some 400 ingredients that are common in the United States. A name that is not in
them is not known, and whoever asks is told so: nothing is inferred from how a name sounds.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from medtune.clinical.phrases import Phrases, folded, phrases
from medtune.clinical.table import read_table
from medtune.errors import DataError

TABLES = Path(__file__).parent / "tables"
INGREDIENTS = ("name", "rxcui", "classes", "also_called")
COMBINATIONS = ("name", "ingredients")
JOINED = re.compile(r"[/+]")
"""What stands between the parts of a combination."""
LISTED = re.compile(r"[/+,;&]|\band\b", re.IGNORECASE)
"""What stands between the entries of a list that is written as one."""
UNIT = (
    r"(?:[mkd]?l|[mµu]?c?g|kg|units?|unt|iu|meq|mmol|hr?s?|hours?|d|days?|wk|week|min|dose|m2|%|"
    r"tab(?:let)?s?|cap(?:sule)?s?|puffs?|sprays?|patch|act(?:uat(?:ion)?)?|inh(?:alation)?|vial)"
)
STRENGTH = re.compile(rf"\d[\d.,]*\s*{UNIT}?(?:\s*/\s*[\d.,]*\s*{UNIT}\b)?(?![a-z])", re.IGNORECASE)
"""Such as "20 mg", "250 mg/5 mL" and "0.5"."""
FORM = re.compile(
    r"\b(?:oral|tab(?:let)?s?|cap(?:sule)?s?|pack|daily|once|twice|day|the|with|for|pain|or)\b",
    re.IGNORECASE,
)
"""Words that name no drug though they stand in a part of their own."""
SUFFIX = re.compile(
    r"(?<!\w)(?:hct|pm|dm|d|pe|plus|cold|sinus|flu|congestion|nighttime|multi|dual|complete|compound)"
    r"(?!\w)",
    re.IGNORECASE,
)
"""What stands behind a brand for a further drug, or another one: Claritin D, Sudafed PE."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """An active ingredient."""

    name: str
    rxcui: str
    """RxNorm code of the ingredient; empty where the sources have none."""
    classes: frozenset[str]


class Mention(NamedTuple):
    """A drug named in a text."""

    start: int
    end: int
    ingredients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrugNames:
    """The ingredients, and the names that stand for one or more of them, in lower case."""

    ingredients: dict[str, Ingredient]
    names: dict[str, tuple[str, ...]]
    index: Phrases

    @property
    def classes(self) -> frozenset[str]:
        """All classes that an ingredient has."""
        return frozenset(one for i in self.ingredients.values() for one in i.classes)

    def members(self, name: str) -> frozenset[str]:
        """The ingredients of a class, or the ingredient itself; empty if it is neither."""
        if name in self.ingredients:
            return frozenset({name})
        return frozenset(i.name for i in self.ingredients.values() if name in i.classes)

    def find(self, text: str) -> list[Mention]:
        """Where the text names a drug, in order; the longest name wins at a place."""
        return [
            Mention(match.start(), match.end(), self.names[folded(match[0])])
            for match in self.index.find(text)
        ]

    def ingredients_of(self, text: str) -> tuple[str, ...]:
        """The ingredients that an order or a list entry names, each once; empty if none is known.

        Strengths, salts and forms around the name are ignored ("metoprolol succinate 50 mg").
        """
        return tuple(dict.fromkeys(one for found in self.find(text) for one in found.ingredients))

    def unknown_parts(self, text: str, between: re.Pattern[str] = JOINED) -> list[str]:
        """The parts of an order or a list entry that name no ingredient, beside those that do.

        A suffix that stands for a further drug is one, where no table has the brand with it.
        """
        unknown = [one for one in parts_of(text, between) if not self.find(one)]
        found = self.find(text)
        rest = text
        for mention in reversed(found):
            rest = f"{rest[: mention.start]} {rest[mention.end :]}"
        return [*unknown, *(SUFFIX.findall(STRENGTH.sub(" ", rest)) if found else ())]


def parts_of(text: str, between: re.Pattern[str]) -> list[str]:
    """The parts that may name a drug: without strengths, and with a word of three letters."""
    bare = (FORM.sub(" ", one) for one in between.split(STRENGTH.sub(" ", text)))
    return [" ".join(one.split()) for one in bare if re.search(r"[^\W\d_]{3}", one)]


@cache
def drug_names(more: tuple[Path, ...] = ()) -> DrugNames:
    """The built-in names, with those of the user's files in the form of ingredients.csv.

    Raises:
        DataError: A table is not as it should be, or a name comes twice.
    """
    ingredients: dict[str, Ingredient] = {}
    names: dict[str, tuple[str, ...]] = {}
    for path in (TABLES / "ingredients.csv", *more):
        for row in read_table(path, INGREDIENTS).rows:
            name = row["name"].lower()
            classes = frozenset(filter(None, row["classes"].split(";")))
            ingredients[name] = Ingredient(name, row["rxcui"], classes)
            for alias in (name, *filter(None, row["also_called"].lower().split(";"))):
                _add(names, alias, (name,), path)
    path = TABLES / "combinations.csv"
    for row in read_table(path, COMBINATIONS).rows:
        parts = tuple(row["ingredients"].split(";"))
        unknown = [part for part in parts if part not in ingredients]
        if unknown:
            raise DataError(f"{path}: {row['name']} names unknown ingredients {unknown}")
        for name in dict.fromkeys((row["name"], row["name"].replace("-", " "))):
            _add(names, name, parts, path)
    return DrugNames(ingredients, names, phrases(names))


def _add(names: dict[str, tuple[str, ...]], name: str, to: tuple[str, ...], path: Path) -> None:
    if name in names:
        raise DataError(f"{path}: the name {name!r} comes twice; keep one of the rows")
    names[name] = to
