"""How much of a drug somebody names: a number of pills, or a mass above the most for one day.

The masses are the adult `max_daily_mg` of `drugs/tables/doses.csv` (United States labels), the
names those of `drugs/tables/ingredients.csv`, also with a plural s. Ten and more of any drug need
advice.
"""

from collections.abc import Iterator
from functools import cache

from medtune.clinical.drugs.names import drug_names
from medtune.clinical.drugs.rules import drug_rules
from medtune.clinical.redflags.readings import Number
from medtune.clinical.redflags.text import Text

PILLS = {"pills", "tablets", "tabs", "capsules", "tylenol", "paracetamol", "ibuprofen", "aspirin"}
MILLIGRAMS = dict.fromkeys(("mg", "mgs", "milligram", "milligrams"), 1.0)
GRAMS = dict.fromkeys(("g", "gm", "gms", "gram", "grams"), 1000.0)
MASSES = {**MILLIGRAMS, **GRAMS}
"""Milligrams in a unit."""
LINKS = {"of", "my", "his", "her", "the", "their", "extra", "strength", "whole", "those"}
TAKEN = frozenset(
    (
        *("took", "taken", "take", "taking", "swallowed", "swallow", "downed", "popped", "ate"),
        *("eaten", "ingested", "had", "gave", "given", "necked"),
    )
)
REACH = 5
"""Words between an amount and the drug that it is of, or the word that it was taken."""


def find_amounts(text: Text, number: Number, near: frozenset[str]) -> Iterator[str]:
    """The concepts of an amount: "many_pills" and "mass_over_daily"."""
    words, place = text.words, number.place
    behind = words[place + 1 : place + 2 + REACH]
    unit = number.unit or next(iter(behind), "")
    names = [one for one in behind if one not in LINKS]
    is_count = 10 <= number.value <= 500  # noqa: PLR2004
    is_strength = place > 0 and bool(_ingredients(words[place - 1]))  # "simvastatin 20"
    is_taken = not TAKEN.isdisjoint(words[max(place - REACH, 0) : place])
    is_of_drug = is_taken and not number.unit and bool(names) and bool(_ingredients(names[0]))
    if is_count and (near & PILLS or (is_of_drug and not is_strength)):
        yield "many_pills"
    if unit in MASSES:
        mg = number.value * MASSES[unit]
        limits = [most_daily_mg().get(one) for one in _drug_of(text, place)]
        if any(limit is not None and mg > limit for limit in limits):
            yield "mass_over_daily"


def _drug_of(text: Text, place: int) -> tuple[str, ...]:
    """The drug that a mass is of: the word before it, else the first behind, else one before."""
    before = [i for i in range(place - 1, place - 1 - REACH, -1) if i >= 0]
    behind = [i for i in range(place + 1, place + 2 + REACH) if i < len(text.words)]
    here = [i for i in (*before[:1], *behind, *before[1:]) if _is_same(text, i, place)]
    return next((found for i in here if (found := _ingredients(text.words[i]))), ())


def _is_same(text: Text, place: int, other: int) -> bool:
    return text.sentence[place] == text.sentence[other]


def _ingredients(word: str) -> tuple[str, ...]:
    names = drug_names().names
    return names.get(word) or names.get(word.removesuffix("s"), ())


@cache
def most_daily_mg() -> dict[str, float]:
    """The highest labelled amount of a day by ingredient, in mg."""
    found: dict[str, float] = {}
    for rule in drug_rules():
        if rule.kind == "dose" and rule.max_daily_mg is not None:
            found[rule.subject] = max(found.get(rule.subject, 0.0), rule.max_daily_mg)
    return found
