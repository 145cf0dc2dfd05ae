"""How long the texts are, and how hard to read.

Reading ease is told as the school grade of Flesch and Kincaid (Kincaid, Fishburne, Rogers and
Chissom 1975, Research Branch Report 8-75), for English only: 0.39 words per sentence + 11.8
syllables per word - 15.59. Syllables are counted by groups of vowels, which is right on average and
wrong for many words. Material for patients is advised to be at grade 6 to 8 (NIH; AMA); notes of
clinicians are harder, and rightly so: the check tells, it does not judge.
"""

import re
from collections.abc import Iterable, Sequence

from medtune.artifacts import Check
from medtune.data.checks.language import language
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.records import Example

USUAL_PART = 1 / 20
SHORT_WARN = 0.01
FEWEST_WORDS = 30
SENTENCE_END = re.compile(r"[.!?]+(?:\s|$)|\n")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
VOWELS = re.compile(r"[aeiouy]+")
SILENT = re.compile(r"(?:[^l]|[^aeiouy]l)e$")


def short_inputs(examples: Sequence[Example]) -> Check:
    """Inputs with next to nothing in them, where inputs are usually long."""
    words = {e.id: sum(len(text.split()) for text in e.fields.values()) for e in examples}
    if not words:
        return not_run("length", "text", "there is no record to look at")
    ordered = sorted(words.values())
    median, longest = ordered[len(ordered) // 2], ordered[-1]
    look = Look(
        "length",
        "text",
        f"have less than a twentieth of the usual {median:,} words (the longest has {longest:,})",
        "look at them: an empty note, a header alone or a failed export teaches nothing",
        warn=SHORT_WARN,
    )
    check = by_share(
        look, [name for name, n in words.items() if n < USUAL_PART * median], len(words)
    )
    figures = {"median_words": float(median), "longest_words": float(longest)}
    return check.model_copy(update={"figures": check.figures | figures})


def readability(examples: Sequence[Example]) -> Check:
    """The school grade of the English inputs, and of the targets where they are texts."""
    grades = {
        "inputs": _grades(" ".join(e.fields.values()) for e in examples),
        "targets": _grades(str(e.target) for e in examples if isinstance(e.target, str)),
    }
    told = {name: sorted(found) for name, found in grades.items() if found}
    if not told:
        return not_run("readability", "text", f"no English text of {FEWEST_WORDS} words or more")
    middle = {name: found[len(found) // 2] for name, found in told.items()}
    words = ", ".join(f"{name} grade {grade:.0f} (median)" for name, grade in middle.items())
    return Check(
        name="readability",
        topic="text",
        outcome="pass",
        found=f"{words}, by Flesch and Kincaid, English texts only",
        figures={f"grade of {name}": grade for name, grade in middle.items()},
    )


def grade(text: str) -> float:
    """The Flesch-Kincaid grade of an English text."""
    words = WORD.findall(text.lower())
    sentences = sum(bool(WORD.search(one.lower())) for one in SENTENCE_END.split(text))
    syllables = sum(map(_syllables, words))
    return 0.39 * len(words) / max(1, sentences) + 11.8 * syllables / max(1, len(words)) - 15.59


def _grades(texts: Iterable[str]) -> list[float]:
    return [
        grade(text)
        for text in texts
        if len(text.split()) >= FEWEST_WORDS and language(text) == "en"
    ]


def _syllables(word: str) -> int:
    return max(1, len(VOWELS.findall(word)) - bool(SILENT.search(word)))
