"""What a person said of themselves in a conversation: age, pregnancy, weight, medicines, allergies.

The ledger holds facts by person (self, child, other), notes what contradicts what, and says what
is still missing before a question can be answered. It is read anew from the turns each time, so
nothing is kept between conversations.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Person = Literal["self", "child", "other"]
Name = Literal["age_years", "pregnant", "weight_kg", "medicines", "allergies"]
CHILD = re.compile(
    r"\b(?:my|our|the)\s+(?:\w+\s+){0,3}?(?:baby|newborn|infant|toddler|child|kid|son|daughter|"
    r"little (?:boy|girl|one)|grandson|granddaughter)\b|\b(?:year|month|week)s?[- ]old (?:son|"
    r"daughter|boy|girl|baby|child)\b",
    re.IGNORECASE,
)
OTHER = re.compile(
    r"\bmy\s+(?:\w+\s+){0,2}?(?:mom|mum|mother|dad|father|husband|wife|partner|friend|brother|"
    r"sister|grand(?:ma|pa|mother|father)|nan|boyfriend|girlfriend|uncle|aunt)\b",
    re.IGNORECASE,
)
AGE = re.compile(
    r"\b(\d{1,3})[- ]?(year|yr|month|week|day)s?[- ]old\b|\b(?:i am|i'm|im|aged?|age is|she is|"
    r"he is|she's|he's)\s+(\d{1,3})\b(?!\s*(?:weeks?|months?|kg|kilos?|lbs?|pounds?|%|mg|days?))|"
    r"\b(\d{1,3})\s?y(?:/?o|rs?)\b",
    re.IGNORECASE,
)
UNITS = {"year": 1.0, "yr": 1.0, "month": 1 / 12, "week": 1 / 52.18, "day": 1 / 365.25}
WEIGHT = re.compile(r"\b(\d{1,3}(?:\.\d)?)\s?(kg|kilos?|lbs?|pounds?)\b", re.IGNORECASE)
PREGNANT = re.compile(
    r"\b(?:(not|never|isn't|am not|i'm not|no longer)\s+)?(?:\d{1,2}\s+weeks?\s+)?pregnant\b",
    re.IGNORECASE,
)
TRYING = re.compile(
    r"\b(?:get|getting|become|trying to be|fall|if i (?:am|was|get)) pregnant", re.I
)
TAKES = re.compile(
    r"(?<!can )(?<!could )(?<!should )(?<!may )(?<!to )"
    r"\b(?:i take|i'm taking|i am taking|i'm on|i am on|takes|he's on|she's on|is on|taking)\s+"
    r"((?!a\b|the\b|my\b|it\b|care\b|time\b|holiday\b|day\b|\d+\s*weeks?)[a-z][a-z-]{3,}"
    r"(?:(?:,| and|, and) (?!i\b|my\b|he\b|she\b|have\b|it\b)[a-z-]{4,})*)",
    re.IGNORECASE,
)
ALLERGIC = re.compile(
    r"\b(?:(not|no)\s+)?allerg(?:ic|y|ies)\s+to\s+([a-z][a-z-]+(?:(?:,| and| or) [a-z-]{4,})*)|"
    r"\bno (?:known )?(?:drug )?allergies\b",
    re.IGNORECASE,
)
POUND_KG = 0.45359237
ADULT_YEARS = 18
OLDEST = 125


@dataclass(frozen=True, slots=True)
class Fact:
    """One statement. Its `repr` shows no value: it is a patient's."""

    person: Person
    name: Name
    value: str = field(repr=False)
    turn: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """All facts of a conversation, in the order told."""

    facts: tuple[Fact, ...]

    def last(self, person: Person, name: Name) -> str | None:
        """What was said last of a person, or None."""
        values = [f.value for f in self.facts if f.person == person and f.name == name]
        return values[-1] if values else None

    def missing(self, person: Person) -> tuple[Name, ...]:
        """What must be known before a question on a medicine can be looked at."""
        wanted: list[Name] = ["age_years", "medicines", "allergies"]
        age = self.last(person, "age_years")
        if person == "child" or (age is not None and float(age) < ADULT_YEARS):
            wanted.append("weight_kg")
        if person != "child":
            wanted.append("pregnant")
        return tuple(name for name in wanted if self.last(person, name) is None)

    def contradictions(self) -> tuple[tuple[Fact, Fact], ...]:
        """Pairs of statements of one person that cannot both hold. Lists grow, and do not clash."""
        pairs: list[tuple[Fact, Fact]] = []
        for i, one in enumerate(self.facts):
            for other in self.facts[i + 1 :]:
                same = (one.person, one.name) == (other.person, other.name)
                if same and _clash(one, other):
                    pairs.append((one, other))
        return tuple(pairs)


def _clash(one: Fact, other: Fact) -> bool:
    match one.name:
        case "age_years":
            clashes = abs(float(one.value) - float(other.value)) > 1
        case "weight_kg":
            clashes = abs(float(one.value) - float(other.value)) > 0.1 * float(one.value)
        case "pregnant":
            clashes = one.value != other.value
        case "allergies":
            clashes = "none" in (one.value, other.value) and one.value != other.value
        case "medicines":
            clashes = False
    return clashes


def read_ledger(turns: Sequence[str]) -> Ledger:
    """The facts of the user's turns.

    A sentence that speaks of a child or of another person tells of that person, and so do those
    that follow it without a first person.
    """
    return Ledger(
        tuple(
            fact
            for sentence, person, number in _sentences(turns)
            for fact in _facts(sentence, person, number)
        )
    )


def person_asked_about(turns: Sequence[str], question: re.Pattern[str]) -> Person:
    """Of whom the last sentence speaks that holds the question; the writer if none does."""
    asked: Person = "self"
    for sentence, person, _ in _sentences(turns):
        if question.search(sentence):
            asked = person
    return asked


def _sentences(turns: Sequence[str]) -> Iterator[tuple[str, Person, int]]:
    """Each sentence, with the person it speaks of and its turn."""
    person: Person = "self"
    for number, turn in enumerate(turns):
        for sentence in re.split(r"(?<=[.!?;])\s+|\n", turn):
            person = _person(sentence, person)
            yield sentence, person, number


def _person(sentence: str, before: Person) -> Person:
    if CHILD.search(sentence):
        return "child"
    if OTHER.search(sentence):
        return "other"
    if re.search(r"\b(?:i|i'm|im|me|my)\b", sentence, re.IGNORECASE):
        return "self"
    return before


def _facts(sentence: str, person: Person, turn: int) -> list[Fact]:
    found: list[Fact] = []
    for match in AGE.finditer(sentence):
        years = _years(match)
        if 0 <= years <= OLDEST:
            found.append(Fact(person, "age_years", f"{years:.2f}", turn))
    for match in WEIGHT.finditer(sentence):
        factor = POUND_KG if match[2].lower().startswith(("lb", "pound")) else 1.0
        found.append(Fact(person, "weight_kg", f"{float(match[1]) * factor:.1f}", turn))
    for match in PREGNANT.finditer(sentence):
        if not TRYING.search(sentence):
            found.append(Fact(person, "pregnant", "no" if match[1] else "yes", turn))
    found += [
        Fact(person, "medicines", match[1].lower().strip(), turn)
        for match in TAKES.finditer(sentence)
    ]
    if re.search(r"\bno (?:other |regular )?(?:medicines?|medications?|meds)\b", sentence, re.I):
        found.append(Fact(person, "medicines", "none", turn))
    for match in ALLERGIC.finditer(sentence):
        value = "none" if match[2] is None or match[1] else match[2].lower().strip()
        found.append(Fact(person, "allergies", value, turn))
    return found


def _years(match: re.Match[str]) -> float:
    if match[1]:
        return float(match[1]) * UNITS[match[2].lower()]
    return float(match[3] or match[4])
