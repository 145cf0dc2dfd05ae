"""The counterfactual twin of an English text: the same, of the other gender.

Word pairs: Zhao et al. 2018 (arXiv:1804.06876), the lists `generalized_swaps` and
`extra_gendered_words` of uclanlp/corefBias (MIT licence, commit 0bce984 of 2025-05-06), those that
occur in care, slips corrected. Given names: among the hundred most frequent of the last hundred
years in the United States (Social Security Administration), those that are no other word, paired;
the same name always becomes the same other name, so a text stays consistent. Names that are not
listed stay.

"her" becomes "him" before a mark, a preposition, a conjunction or an adverb, else "his".

Medicine stays as it is: abbreviations in capitals (MS, MR, LAD), what touches a digit (HER2, 50ms),
a title that no name follows, the bundle of His, and names in eponyms (Thomas test).

A text that speaks of organs or conditions of one sex has no twin: there the difference is medicine.
That list is our own, and short of complete: an expert must read a sample of the twins.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from medtune.records import Example, Json

PAIRS = """
actor actress, aunt uncle, aunts uncles, bachelor spinster, boy girl, boys girls, boyfriend
girlfriend, brother sister, brothers sisters, dad mom, dads moms, daddy mommy, daughter son,
daughters sons, fiance fiancee, father mother, fathers mothers, female male, females males,
gentleman lady, gentlemen ladies, granddaughter grandson, granddaughters grandsons, grandfather
grandmother, grandfathers grandmothers, grandpa grandma, he she, herself himself, husband wife,
husbands wives, lad lass, man woman, men women, nephew niece, nephews nieces, policeman
policewoman, fireman firewoman, chairman chairwoman, businessman businesswoman, sir madam,
stepfather stepmother, stepson stepdaughter, waiter waitress, widower widow, widowers widows
"""
NAMES = """
James Mary, Michael Patricia, Robert Jennifer, John Linda, David Elizabeth, William Barbara,
Richard Susan, Joseph Jessica, Thomas Karen, Christopher Sarah, Charles Lisa, Daniel Nancy, Matthew
Sandra, Anthony Betty, Donald Ashley, Steven Emily, Andrew Kimberly, Paul Margaret, Joshua Donna,
Kenneth Michelle, Kevin Carol, Brian Amanda, Timothy Melissa, Ronald Deborah, George Stephanie,
Jason Rebecca, Edward Sharon, Jeffrey Laura, Ryan Cynthia, Jacob Dorothy, Nicholas Amy, Gary
Kathleen, Eric Angela, Jonathan Shirley, Stephen Emma, Larry Brenda, Justin Pamela, Brandon Nicole,
Benjamin Anna, Samuel Samantha, Gregory Katherine, Alexander Christine, Patrick Debra, Raymond
Rachel, Dennis Carolyn, Jerry Janet
"""
TITLES = {"mr": "ms", "mrs": "mr", "ms": "mr", "miss": "mr"}
AFTER_HIM = frozenset(
    [
        "and",
        "or",
        "but",
        "nor",
        "for",
        "with",
        "to",
        "in",
        "on",
        "at",
        "of",
        "from",
        "by",
        "about",
        "after",
        "before",
        "during",
        "until",
        "since",
        "as",
        "than",
        "that",
        "which",
        "who",
        "because",
        "if",
        "when",
        "while",
        "where",
        "so",
        "then",
        "now",
        "again",
        "today",
        "yesterday",
        "daily",
        "home",
        "away",
        "back",
        "up",
        "down",
        "out",
        "off",
        "over",
        "under",
        "into",
        "through",
        "well",
        "very",
        "not",
        "is",
        "was",
        "had",
        "has",
        "will",
        "would",
    ]
)
"""A word before which "her" stands for a person: "told her that", "gave her to"."""
ONE_SEX = re.compile(
    r"\b(pregnan\w*|gravid\w*|gestation\w*|obstetr\w*|gyn(a)?ecolog\w*|postpartum|lmp|menstru\w*|"
    r"menarche|menopaus\w*|amenorrh\w*|uter(us|ine)\w*|endometri\w*|ovar(y|ies|ian)|vagin\w*|vulv\w*|"
    r"cervical (cancer|dysplasia|smear)|cervix|hysterectom\w*|mammogra\w*|mastectom\w*|breast\w*|"
    r"pap smear|ob/gyn|labor and delivery|caesarean|cesarean|prostat\w*|testic\w*|testes|testis|"
    r"penis|penile|scrot\w*|erectile|vasectom\w*|orchi\w*|epididym\w*|varicocele)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Za-z]+")
ABBREVIATIONS = frozenset(["LAD", "LASS", "DAD", "MOM"])
"""Such as left anterior descending, and milk of magnesia; see also `_is_medicine`."""
NAME_FOLLOWS = re.compile(r"\.?\s+[A-Z]['.a-z]")
HIS_BEFORE = re.compile(r"\bbundles?\s+of\s+$", re.IGNORECASE)
HIS_AFTER = re.compile(r"-[A-Za-z]|\s+(bundle(?!\s+branch)|purkinje)\b", re.IGNORECASE)
OF = re.compile(r"\bof\s+$", re.IGNORECASE)
EPONYM = re.compile(
    r"('s|')?(-[A-Z][a-z]+)?(\s+[A-Z][a-z]+)?\s+(test|sign|disease|syndrome|disorder|manoeuvre|"
    r"maneuver|reflex|phenomenon|triad|classification|criteria|score|scale|splint|stain|nodules?|"
    r"procedure|operation|repair|tube|catheter|forceps)\b"
)
ATTRIBUTE = {"m": "f", "f": "m"}
"""Values of a subgroup attribute beside the word pairs."""
SUFFIX = "~twin"


def _both(listed: str) -> dict[str, str]:
    pairs = [pair.split() for pair in " ".join(listed.split()).split(", ")]
    return {first: second for one, other in pairs for first, second in ((one, other), (other, one))}


SWAPS: Mapping[str, str] = _both(PAIRS) | TITLES
NAME_SWAPS: Mapping[str, str] = _both(NAMES)


def twin(
    example: Example, choices: Callable[[Example], Sequence[str]] | None = None
) -> Example | None:
    """The twin of an example, or None if it has none: nothing to swap, or about one sex only.

    Args:
        example: The record.
        choices: The labels or options of an example, if it has any. A target that is one of them
            stays one of them.
    """
    if any(ONE_SEX.search(text) for text in example.fields.values()):
        return None
    fields = {name: swapped(text) for name, text in example.fields.items()}
    if fields == dict(example.fields):
        return None
    other = replace(
        example,
        id=example.id + SUFFIX,
        fields=fields,
        target=_swapped_target(example.target),
        subgroups={name: _swapped_value(value) for name, value in example.subgroups.items()},
    )
    if choices is None or example.target not in choices(example):
        return other
    offered = choices(other)
    kept = next((one for one in (other.target, example.target) if one in offered), None)
    return None if kept is None else replace(other, target=kept)


def swapped(text: str) -> str:
    """The text with every gendered word and listed name exchanged."""
    parts: list[str] = []
    end = 0
    for match in WORD.finditer(text):
        word, before, rest = match[0], text[: match.start()], text[match.end() :]
        kept = _is_medicine(word, before, rest)
        parts += [text[end : match.start()], word if kept else _swapped_word(word, rest)]
        end = match.end()
    return "".join([*parts, text[end:]])


def _is_medicine(word: str, before: str, rest: str) -> bool:
    """Whether a word that looks gendered is a term here."""
    low = word.lower()
    if word in NAME_SWAPS:
        found = EPONYM.match(rest) is not None
    elif low == "his":
        found = HIS_BEFORE.search(before[-20:]) is not None or HIS_AFTER.match(rest) is not None
        found |= word != low and OF.search(before[-10:]) is not None
    elif low in TITLES:
        found = word != low.title() or NAME_FOLLOWS.match(rest) is None
    else:
        found = _is_abbreviation(word, before, rest)
    return found


def _is_abbreviation(word: str, before: str, rest: str) -> bool:
    """Whether a word is written as no word is, such as LAD, MoM and HER2."""
    return (
        word in ABBREVIATIONS
        or word not in (word.lower(), word.upper(), word.title())
        or before[-1:].isdigit()
        or rest[:1].isdigit()
        or (word == "HE" and not rest[:5].isupper())
        or (word == "HER" and re.match(r"[- ]2\b", rest) is not None)
    )


def _swapped_word(word: str, rest: str) -> str:
    if word in NAME_SWAPS:
        return NAME_SWAPS[word]
    low = word.lower()
    if low == "her":
        other = "him" if _stands_alone(rest) else "his"
    elif low == "his":
        other = "hers" if _ends(rest) else "her"
    else:
        other = {"him": "her", "hers": "his"}.get(low) or SWAPS.get(low, "")
    return _in_case(other, word) if other else word


def _ends(rest: str) -> bool:
    """Whether a mark or the end follows."""
    return not rest.strip() or not (rest[0].isspace() and WORD.match(rest.lstrip()))


def _stands_alone(rest: str) -> bool:
    follows = WORD.match(rest.lstrip())
    return _ends(rest) or (follows is not None and follows[0].lower() in AFTER_HIM)


def _in_case(other: str, word: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _swapped_target(target: Json) -> Json:
    """Texts in the target are exchanged, too; a label without gendered words stays as it is."""
    if isinstance(target, str):
        return swapped(target)
    if isinstance(target, list):
        return [_swapped_target(part) for part in target]
    if isinstance(target, dict):
        return {name: _swapped_target(part) for name, part in target.items()}
    return target


def _swapped_value(value: str) -> str:
    other = ATTRIBUTE.get(value.lower()) or SWAPS.get(value.lower())
    return _in_case(other, value) if other else value
