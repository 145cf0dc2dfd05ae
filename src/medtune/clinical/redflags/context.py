"""What surrounds a statement: is it denied, general, imagined, past or a story, and of whom?

After NegEx (Chapman 2001, J Biomed Inform 34:301) and ConText (Harkema 2009, J Biomed Inform
42:839): a cue silences what follows it in the sentence, up to some words or a word that ends its
reach. Here a doubt counts as present, because a missed emergency costs more than a false alarm.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.past import ENDS, LISTED, NOW_VERBS, is_past
from medtune.clinical.redflags.text import Text

Status = Literal[
    "present",
    "negated",
    "information",
    "hypothetical",
    "past",
    "fiction",
    "joke",
    "another_person",
]
Who = Literal["self", "child", "other", "unknown"]
NEGATION_REACH = 5
LIST_REACH = 12
AFTER_REACH = 3
HYPOTHESIS_REACH = 9
QUESTIONS = frozenset(
    ("is", "are", "do", "does", "can", "could", "will", "what", "how", "why", "when", "which")
)
PRONOUNS = frozenset(
    (
        *("i", "im", "ive", "my", "he", "she", "hes", "shes", "it", "its", "they", "we", "his"),
        *("her", "you", "there"),
    )
)


OWNERS = frozenset(("my", "our", "his", "her", "the", "this", "your", "mi", "su"))
"""Words that make a child or a partner a real one."""
THIRD = frozenset(("he", "she", "hes", "shes", "him"))
NEAR_OWNER = 3
"""Words between a person and what somebody worries about: "my father's crushing chest pain"."""


class Cues(NamedTuple):
    """The cues of a message by concept, and the words they stand among."""

    text: Text
    by_concept: Mapping[str, Sequence[Found]]

    def within(self, concept: str, sentence: int) -> list[Found]:
        """The cues of one concept in one sentence."""
        return [
            one
            for one in self.by_concept.get(concept, ())
            if self.text.sentence[one.start] == sentence
        ]


def status_of(place: Found, cues: Cues, *, about_mind: bool) -> Status:
    """What silences a concept at its place, or "present".

    Args:
        place: The concept.
        cues: Of the whole message.
        about_mind: Whether it is of a rule of self-harm, where a first person is never a general
            question.
    """
    sentence = cues.text.sentence[place.start]
    silenced: tuple[tuple[Status, bool], ...] = (
        ("negated", _is_negated(place, cues, sentence)),
        ("fiction", _is_fiction(place, cues, sentence)),
        ("information", _is_information(place, cues, sentence, about_mind=about_mind)),
        ("hypothetical", _is_hypothetical(place, cues, sentence)),
        ("past", _is_past(place, cues, sentence)),
        ("joke", about_mind and bool(cues.within("joke", sentence))),
    )
    for status, holds in silenced:
        if holds:
            return status
    return "present"


def who_of(place: Found, cues: Cues) -> Who:
    """The person named last before the concept in its sentence, else last in the message before."""
    persons: tuple[tuple[Who, str], ...] = (("self", "self"), ("child", "kid"), ("other", "other"))
    before: list[tuple[int, Who]] = [
        (one.end, who)
        for who, concept in persons
        for one in cues.by_concept.get(concept, ())
        if one.start < place.end
    ]
    # "my son": the child ends later than "my", so it counts
    return max(before)[1] if before else "unknown"


def _is_negated(place: Found, cues: Cues, sentence: int) -> bool:
    lists = {one.start for one in cues.within("neg_list", sentence)}
    for cue in cues.within("neg", sentence):
        reach = LIST_REACH if cue.start in lists else NEGATION_REACH
        if 0 <= place.start - cue.end <= reach and not _ends_between(cue.end, place.start, cues):
            return True
    return any(
        0 <= cue.start - place.end <= AFTER_REACH and not _ends_between(place.end, cue.start, cues)
        for cue in cues.within("neg_after", sentence)
    )


def _ends_between(start: int, end: int, cues: Cues) -> bool:
    """Whether a word or a comma between the two places ends the reach of a negation."""
    stops = {one.start for one in cues.by_concept.get("neg_stop", ())}
    words, marks = cues.text.words, cues.text.after_mark
    return any(
        (i in stops) or (marks[i] in (",", ":") and words[i] in PRONOUNS) for i in range(start, end)
    ) or (end < len(words) and marks[end] == "," and words[end] in PRONOUNS)


def _is_fiction(place: Found, cues: Cues, sentence: int) -> bool:
    """Whether the concept is inside what is told: "in the film he dies", and not "my dad"."""
    told = [*cues.within("fiction", sentence), *cues.within("story", sentence)]
    if any(_is_told(cue, place, cues) for cue in told):
        return True
    research = [cue for cue in cues.within("research", sentence) if cue.end <= place.start]
    if any(not _is_owned(place, cues, since=cue.end) for cue in research):
        return True
    return _is_further_told(place, cues, sentence)


def _is_told(cue: Found, place: Found, cues: Cues) -> bool:
    if cue.end <= place.start:
        is_inside = cue.concept == "story" or cues.text.words[cue.start] == "in"
        is_inside = is_inside or not _begins_anew(cue.end, place.start, cues.text)
        return is_inside and not _is_owned(place, cues, since=cue.end, third=False)
    start = min(i for i, n in enumerate(cues.text.sentence) if n == cues.text.sentence[place.start])
    is_near = not _ends_between(place.end, cue.start, cues)
    return is_near and not _is_owned(place, cues, since=start, third=False)


def _begins_anew(start: int, end: int, text: Text) -> bool:
    """Whether a new subject follows: "we saw a film about war, and he collapsed"."""
    return any(
        text.words[i] in PRONOUNS and (text.after_mark[i] or text.words[i - 1] in ENDS)
        for i in range(start, end)
    )


def _is_further_told(place: Found, cues: Cues, sentence: int) -> bool:
    """Whether somebody makes up a story in a sentence before, and no real person came between."""
    told = [one for one in cues.by_concept.get("story", ()) if one.end <= place.start]
    persons = [*cues.by_concept.get("family", ()), *cues.by_concept.get("kid", ())]
    is_met = any(one.start < place.end for one in persons)
    return bool(told) and not is_met and not cues.within("self", sentence)


def _is_owned(place: Found, cues: Cues, *, since: int, third: bool = True) -> bool:
    """Whether the last person named between a cue and a concept is real: "my dad", "I", "he".

    Args:
        place: Of the concept.
        cues: Of its message.
        since: The word after the cue.
        third: Whether "he" and "she" count.
    """
    named = [
        one
        for name in ("self", "family", "kid", "other")
        for one in cues.within(name, cues.text.sentence[place.start])
        if since <= one.start <= place.start
    ]
    last = max((one.end for one in named), default=0)
    return any(_is_real(one, cues, third=third) for one in named if one.end == last)


def _is_real(person: Found, cues: Cues, *, third: bool) -> bool:
    """Whether a person is one of the writer's, and not "a child" or "patients"."""
    first = cues.text.words[person.start]
    before = cues.text.words[person.start - 1] if person.start else ""
    if person.concept == "kid":
        return before in OWNERS or first in OWNERS
    return person.concept != "other" or (third and first in OWNERS | THIRD)


def _is_information(place: Found, cues: Cues, sentence: int, *, about_mind: bool) -> bool:
    """Whether the sentence asks in general, without a person and without a now."""
    persons = [*cues.within("self", sentence), *cues.within("kid", sentence)]
    persons += [] if about_mind else cues.within("other", sentence)
    persons += [] if about_mind else cues.within("family", sentence)
    is_now = bool(cues.within("present", sentence))
    if is_now or (about_mind and persons):
        return False
    strong = [cue for cue in cues.within("info_strong", sentence) if cue.start <= place.start]
    if strong:
        return not any(_is_owned_now(place, cues, since=cue.end) for cue in strong)
    return not persons and _is_general(place, cues, sentence)


def _is_owned_now(place: Found, cues: Cues, *, since: int) -> bool:
    """Whether a symptom is a real person's, or an illness that this person has now."""
    is_named = place.concept in LISTED
    is_now = not NOW_VERBS.isdisjoint(cues.text.words[since : place.start])
    return (is_now or not is_named) and _is_owned(place, cues, since=since)


def _is_general(place: Found, cues: Cues, sentence: int) -> bool:
    words = cues.text.words
    here = [i for i, number in enumerate(cues.text.sentence) if number == sentence]
    is_question = words[here[0]] in QUESTIONS and not {words[i] for i in here} & {"this", "it"}
    # a title such as "Chest pain symptoms" has its cue behind
    return is_question or any(
        cue.start < place.start or cue.start - place.end <= 1
        for cue in cues.within("info", sentence)
    )


def _is_hypothetical(place: Found, cues: Cues, sentence: int) -> bool:
    if cues.within("present", sentence):
        return False
    worries = [
        cue
        for cue in cues.within("worry", sentence)
        if not _is_owned(place, cues, since=max(cue.start + 1, place.start - NEAR_OWNER))
    ]
    return any(
        cue.start <= place.start and place.start - cue.end <= HYPOTHESIS_REACH
        for cue in (*cues.within("imagined", sentence), *worries)
    )


def _is_past(place: Found, cues: Cues, sentence: int) -> bool:
    if cues.within("present", sentence):
        return False
    return is_past(place, cues.text, cues.within("past", sentence))
