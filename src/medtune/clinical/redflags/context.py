"""What surrounds a statement: denied, asked in general, imagined, past, told in a story, and of whom.

After NegEx (Chapman 2001, J Biomed Inform 34:301) and ConText (Harkema 2009, J Biomed Inform
42:839): a cue silences what follows it in the sentence, up to some words or a word that ends its
reach. Here a doubt counts as present, because a missed emergency costs more than a false alarm.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.text import Text

Status = Literal["present", "negated", "information", "hypothetical", "past", "fiction", "joke"]
Who = Literal["self", "child", "other", "unknown"]
NEGATION_REACH = 5
LIST_REACH = 12
AFTER_REACH = 3
HYPOTHESIS_REACH = 9
QUESTIONS = frozenset("is are do does can could will what how why when which should".split())
PRONOUNS = frozenset("i im ive my he she hes shes it its they we his her you there".split())


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
    if _is_negated(place, cues, sentence):
        return "negated"
    if _is_fiction(place, cues, sentence):
        return "fiction"
    if _is_information(place, cues, sentence, about_mind=about_mind):
        return "information"
    if _is_hypothetical(place, cues, sentence):
        return "hypothetical"
    if _is_past(place, cues, sentence):
        return "past"
    return "joke" if about_mind and cues.within("joke", sentence) else "present"


def who_of(place: Found, cues: Cues) -> Who:
    """The person named last before the concept in its sentence, else last in the message before."""
    persons: tuple[tuple[Who, str], ...] = (("self", "self"), ("child", "kid"), ("other", "other"))
    before = [
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
        0 <= cue.start - place.end <= AFTER_REACH
        and not _ends_between(place.end, cue.start, cues)
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
    if cues.within("fiction", sentence) or cues.within("research", sentence):
        return True
    told = [one for one in cues.by_concept.get("fiction", ()) if one.end <= place.start]
    return bool(told) and not cues.within("self", sentence)


def _is_information(place: Found, cues: Cues, sentence: int, *, about_mind: bool) -> bool:
    first = min((i for i, s in enumerate(cues.text.sentence) if s == sentence), default=0)
    persons = [*cues.within("self", sentence), *cues.within("kid", sentence)]
    persons += [] if about_mind else cues.within("other", sentence)
    if about_mind and persons:
        return False
    strong = any(cue.start <= place.start for cue in cues.within("info_strong", sentence))
    if strong and not cues.within("present", sentence):
        return True
    words = cues.text.words
    if persons or cues.within("present", sentence):
        return False
    here = {word for word, s in zip(words, cues.text.sentence, strict=True) if s == sentence}
    asked = any(cue.start < place.start for cue in cues.within("info", sentence))
    asked = asked or (words[first] in QUESTIONS and not here & {"this", "it"})
    # a title such as "Chest pain symptoms" has its cue behind
    return asked or any(
        cue.start - place.end <= 1 or cue.start == first for cue in cues.within("info", sentence)
    )


def _is_hypothetical(place: Found, cues: Cues, sentence: int) -> bool:
    return any(
        0 <= place.start - cue.end <= HYPOTHESIS_REACH
        or cue.start <= place.start <= cue.end
        for cue in cues.within("imagined", sentence)
        if cue.start <= place.start and not cues.within("present", sentence)
    )


def _is_past(place: Found, cues: Cues, sentence: int) -> bool:
    if cues.within("present", sentence):
        return False
    return bool(cues.within("past", sentence)) and place.start >= 0
