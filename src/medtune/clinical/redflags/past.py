"""Is a concept told as past? Only where a word about the past reaches it, and no word of now does.

After ConText (Harkema 2009, J Biomed Inform 42:839), whose cues end at the clause: "I had a stroke
in 2015, my face is drooping" is one old stroke and one new sign. So a cue reaches what stands in
its own clause, which a comma, an "and" or the like ends, and no clause that holds a verb of now.
"""

from collections.abc import Sequence
from typing import Final

from medtune.clinical.redflags.lexicon import Found
from medtune.clinical.redflags.text import Text

ENDS: Final = frozenset(
    (
        *("and", "but", "so", "which", "because", "although", "though", "however", "yet", "then"),
        *("plus", "also", "while", "pero", "y", "porque", "aunque"),
    )
)
"""Words that begin a clause."""
NOW_VERBS: Final = frozenset(
    (
        *("is", "are", "am", "im", "hes", "shes", "its", "theyre", "isnt", "arent", "has", "have"),
        *("hasnt", "havent", "cant", "wont", "dont", "doesnt", "want", "wants", "wanna", "wish"),
        *("need", "needs", "feel", "feels", "think", "thinks", "keep", "keeps", "hear", "hears"),
        *("having", "getting", "going", "gonna", "hurts", "aches", "looks", "says", "tells"),
        *("sweats", "bleeds", "vomits", "shakes", "struggles", "tengo", "tiene", "quiero", "puedo"),
        *("duele", "esta", "estoy", "siento"),
    )
)
OF_THE_PAST: Final = frozenset(
    {"had", "been", "history", "previously", "past", "prior", "suffered"}
)
"""Words soon after "have" that make it none of now: "I have a long history of"."""
SOON: Final = 4
PAST_VERBS: Final = frozenset(
    (
        *("had", "was", "were", "did", "got", "took", "went", "felt", "thought", "lost", "cut"),
        *("fell", "hung", "broke", "began", "woke", "died"),
    )
)
MOST_EXTRA: Final = 3
"""Words beside the cue in a clause such as "when I was 12 years old,"."""
LISTED: Final = frozenset({"stroke", "heart_attack", "seizure", "clot", "aneurysm", "sepsis"})
"""Illnesses by name, as a history lists them: "history of asthma, stroke and clots"."""
EVENTS: Final = LISTED | {"trauma"}
"""What has a date even in a sentence on today."""
IT_WAS: Final = frozenset((("that", "was"), ("this", "was"), ("it", "was"), ("which", "was")))
"""What dates a whole sentence: "he hit his head, that was last year"."""
LASTING: Final = frozenset(("asthma", "blood_thinner", "chemo", "diabetes", "postpartum", "sickle"))
"""What raises a risk now though it began long ago; the symptom beside it is judged by itself."""


def is_past(place: Found, text: Text, cues: Sequence[Found]) -> bool:
    """Whether one of the past cues of its sentence reaches a concept."""
    if not cues or place.concept in LASTING:
        return False
    start, end = _clause(text, place.start)
    if place.concept in EVENTS and any(_is_right_behind(cue, place, text) for cue in cues):
        return True
    if _tells_now(text, start, max(end, place.end)):
        return False
    return any(_reaches(cue, place, text, (start, max(end, place.end))) for cue in cues)


def _is_right_behind(cue: Found, place: Found, text: Text) -> bool:
    """Whether a cue dates an event: "he has pain from a car accident two years ago"."""
    return cue.start == place.end and not text.after_mark[cue.start]


def _reaches(cue: Found, place: Found, text: Text, clause: tuple[int, int]) -> bool:
    start, end = clause
    if cue.start < end and start < cue.end:
        return True
    cue_start, cue_end = _clause(text, cue.start)
    cue_end = max(cue_end, cue.end)
    n_extra = (cue_end - cue_start) - (cue.end - cue.start)
    if n_extra <= MOST_EXTRA and text.words[cue_start : cue_start + 2] in IT_WAS:
        return True
    is_before = cue_end == start and text.after_mark[start] == ","
    if is_before and n_extra <= MOST_EXTRA and _tells_past(text, start, end):
        return True  # "Two years ago, he had a stroke"
    between = range(cue.end, place.start)
    is_list = "history" in text.words[cue.start : cue.end] and place.concept in LISTED
    return is_list and not any(text.words[i] in NOW_VERBS | PAST_VERBS for i in between)


def _clause(text: Text, place: int) -> tuple[int, int]:
    """The first word of the clause that a place is in, and the first after it."""
    start, end = place, place + 1
    while start > 0 and not _begins(text, start):
        start -= 1
    while end < len(text.words) and not _begins(text, end):
        end += 1
    return start, end


def _begins(text: Text, place: int) -> bool:
    is_new = text.sentence[place] != text.sentence[place - 1]
    return is_new or bool(text.after_mark[place]) or text.words[place] in ENDS


def _tells_now(text: Text, start: int, end: int) -> bool:
    words = text.words
    return any(
        words[i] in NOW_VERBS and OF_THE_PAST.isdisjoint(words[i + 1 : min(i + 1 + SOON, end)])
        for i in range(start, end)
    )


def _tells_past(text: Text, start: int, end: int) -> bool:
    return any(word in PAST_VERBS or word.endswith("ed") for word in text.words[start:end])
