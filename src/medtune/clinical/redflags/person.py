"""May two statements be of one person? A pregnancy and a symptom join only if they may.

The maternal warning signs are signs of the one who is pregnant or gave birth (CDC, Hear Her, 2020).
A missed emergency costs more than a false alarm, so a symptom is another's only where the text says
so plainly: "my dad has chest pain" beside "I am pregnant". A pronoun, a name, a word that may mean
the same woman, or anything between the person and the symptom but a plain "has", leaves them one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from medtune.clinical.redflags.context import Cues
from medtune.clinical.redflags.lexicon import Found

BEARING: Final = frozenset({"pregnant", "weeks_along", "postpartum"})
"""Concepts that say who is, or lately was, pregnant."""
SELF: Final = "self"
MEN: Final = frozenset(
    (
        *("dad", "father", "daddy", "husband", "brother", "boyfriend", "grandpa", "grandfather"),
        *("grandad", "granddad", "uncle", "son", "grandson", "nephew", "boy", "guy", "man"),
        *("he", "hes", "him", "his", "dog", "cat", "puppy", "kitten"),
    )
)
"""Who is not the one who is pregnant, unless the text says that he is."""
ELDERS: Final = frozenset(
    ("mother", "mom", "mum", "mommy", "mummy", "grandma", "grandmother", "nan", "nana", "aunt")
)
"""Women who are not the one named by another of these words, or by a younger one."""
KIN: Final = (
    MEN
    | ELDERS
    | frozenset(
        (
            *("wife", "girlfriend", "fiancee", "sister", "cousin", "friend", "daughter", "niece"),
            *("granddaughter", "baby", "newborn", "infant", "toddler", "child", "kid", "girl"),
        )
    )
)
"""Words that name one person. Others, such as "partner" or "she", may mean anybody."""
HAS: Final = frozenset(
    (
        *("has", "have", "had", "is", "was", "gets", "got", "feels", "felt", "suddenly", "just"),
        *("keeps", "started", "am", "im", "ive"),
    )
)
"""What may stand between a person and what that person has."""
NEAR_OWNER: Final = 2
"""Words between "his" and a symptom: "his knee is bleeding"."""
NEAR_BEARING: Final = 3
"""Words between a person and the pregnancy: "is 30 weeks"."""


def is_of_another(place: Found, cues: Cues, bearers: frozenset[str]) -> bool:
    """Whether a symptom is plainly not of the one who is pregnant.

    Args:
        place: Of the symptom.
        cues: Of its message.
        bearers: Who is pregnant, from `bearers_of`.
    """
    owner = _owner(place, cues)
    if owner is None or not bearers or owner in bearers or bearers & MEN:
        return False
    if owner == SELF:
        return bearers <= KIN
    if owner in MEN or bearers == frozenset({SELF}):
        return True
    return owner in ELDERS and bearers <= KIN


def bearers_of(messages: Iterable[Cues]) -> frozenset[str]:
    """Who is said to be pregnant: words of `KIN`, "self", or "" for somebody who is not clear."""
    return frozenset(
        name
        for cues in messages
        for concept in BEARING
        for place in cues.by_concept.get(concept, ())
        for name in _named(place, cues)
    )


def _named(place: Found, cues: Cues) -> Sequence[str]:
    after = [one for one in cues.text.words[place.end : place.end + 1] if one in KIN - MEN]
    person = _before(place, cues)
    if person is None:
        return [*after, "" if _others(cues) else SELF]
    name = _name(person, cues)
    is_close = place.start - person.end <= NEAR_BEARING and _is_plain(person, place, cues)
    is_clear = name == SELF or (is_close and name in KIN)
    return [*after, name if is_clear else ""]  # after: "my pregnant wife"


def _owner(place: Found, cues: Cues) -> str | None:
    """Whose symptom it plainly is, or None."""
    person = _before(place, cues)
    if person is None:
        return None
    name = _name(person, cues)
    is_known = name == SELF or name in KIN
    return name if is_known and _is_plain(person, place, cues) else None


def _is_plain(person: Found, place: Found, cues: Cues) -> bool:
    """Whether nothing but a word like "has" stands between, and no pregnancy or other person."""
    words = cues.text.words
    between = words[person.end : place.start]
    sentence = cues.text.sentence[place.start]
    bearings = [one for concept in BEARING for one in cues.within(concept, sentence)]
    if any(person.end <= one.start < place.start for one in bearings) or KIN & {*between}:
        return False
    if "," in cues.text.after_mark[person.end : place.start + 1] or _begins_anew(between):
        return False
    last = words[person.end - 1]
    if last == "his" or _is_possessive(last):
        return len(between) <= NEAR_OWNER
    return not between or last in ("im", "ive", "hes") or between[0] in HAS


def _begins_anew(between: Sequence[str]) -> bool:
    """Whether an "and" begins something that need not be of the person: "and there is blood"."""
    follows = [after for one, after in pairwise(between) if one == "and"]
    return not HAS.issuperset(follows)


def _before(place: Found, cues: Cues) -> Found | None:
    """The person named last before a place in its sentence."""
    sentence = cues.text.sentence[place.start]
    before = [
        one
        for concept in ("self", "kid", "other", "animal")
        for one in cues.within(concept, sentence)
        if one.end <= place.start
    ]
    # "my son": the child ends later than "my", so it counts
    return max(before, key=lambda one: one.end, default=None)


def _others(cues: Cues) -> bool:
    return any(cues.by_concept.get(concept) for concept in ("kid", "other"))


def _name(person: Found, cues: Cues) -> str:
    last = cues.text.words[person.end - 1]
    if person.concept == SELF:
        return SELF
    return last[:-1] if _is_possessive(last) else last


def _is_possessive(word: str) -> bool:
    return word.endswith("s") and word[:-1] in KIN
