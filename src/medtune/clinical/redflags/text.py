"""Free text to words in sentences: case, accents, contractions and typing errors made alike.

The same function prepares the phrases of the tables and the message, so both meet in one spelling.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

WORD = re.compile(r"\+?[a-z0-9]+(?:[./][0-9]+)*|[,:.!?;\n()]")
STOPS = frozenset(".!?;\n")
SHORTEST_TYPO = 5
"""A shorter word with one wrong letter is too often another word."""
PIECE = 4000
"""Words that are read at once, so that the time grows with the length of a message only."""
OVERLAP = 500
"""Words that two pieces share, so that what stands together is read together."""
CONTRACTIONS = re.compile(
    r"\b(do|does|did|is|are|was|were|has|have|had|wo|would|could|should|ca|can) ?n[o']t\b"
)
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "`": "'", "\u00b4": "'"})


@dataclass(frozen=True, slots=True)
class Text:
    """A message as words. Its `repr` shows no word: they may be a patient's."""

    words: tuple[str, ...] = field(repr=False)
    sentence: tuple[int, ...]
    """Number of the sentence of each word."""
    after_mark: tuple[str, ...]
    """The comma, colon or bracket that stands before each word, or ""."""


def plain(text: str) -> str:
    """Lower case, no accents, apostrophes or thousands: "Can't" and "can not" become "cant"."""
    text = unicodedata.normalize("NFKD", text.translate(APOSTROPHES).lower())
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = THOUSANDS.sub("", text.replace("will not", "wont"))
    text = CONTRACTIONS.sub(lambda m: m[1] + ("nt" if not m[1].endswith("n") else "t"), text)
    return text.replace("'", "")


def read(text: str, right: Callable[[str], str] | None = None) -> Text:
    """Split a message into words and sentences.

    Args:
        text: The message.
        right: Gives the right spelling of a word.
    """
    words: list[str] = []
    sentence: list[int] = []
    marks: list[str] = []
    number, mark = 0, ""
    for token in WORD.findall(plain(text)):
        if token in STOPS:
            number, mark = number + 1, ""
        elif not token[-1].isalnum():
            mark = token
        else:
            words.append(token)
            sentence.append(number)
            marks.append(mark)
            mark = ""
    if right is not None:
        words = [right(word) for word in words]
    return Text(tuple(words), tuple(sentence), tuple(marks))


def pieces(text: Text) -> list[Text]:
    """A long text in overlapping pieces, which begin with a sentence where one begins in reach."""
    found: list[Text] = []
    start, n_words = 0, len(text.words)
    while True:
        end = start + PIECE
        found.append(
            Text(text.words[start:end], text.sentence[start:end], text.after_mark[start:end])
        )
        if end >= n_words:
            return found
        shared = range(end - OVERLAP, end)
        start = next((i for i in shared if text.sentence[i] != text.sentence[i - 1]), shared[0])


def speller(vocabulary: Iterable[str], known: Iterable[str]) -> Callable[[str], str]:
    """A function that rights words of five letters or more, one slip away from a word of ours.

    A slip is a letter left out, added, changed or swapped with the next, never the first letter.

    Args:
        vocabulary: The words of the tables.
        known: Ordinary words that look like one of ours, and are left alone.
    """
    ours = frozenset(vocabulary)
    left_alone = ours | frozenset(known)
    shorter: dict[str, list[str]] = {}
    for word in sorted(one for one in ours if len(one) >= SHORTEST_TYPO and one.isalpha()):
        for form in {word, *_shortened(word)}:
            shorter.setdefault(form, []).append(word)

    @lru_cache(maxsize=2**16)
    def right(word: str) -> str:
        if len(word) < SHORTEST_TYPO or word in left_alone or not word.isalpha():
            return word
        forms = (word, *_shortened(word))
        candidates = (one for form in forms for one in shorter.get(form, ()))
        return next((one for one in candidates if _is_slip_of(word, one)), word)

    return right


def _is_slip_of(word: str, candidate: str) -> bool:
    return candidate[0] == word[0] and is_one_slip(word, candidate)


def _shortened(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(1, len(word))]


def is_one_slip(word: str, other: str) -> bool:
    """Whether one letter left out, added, changed or swapped with the next makes them equal."""
    short, long = sorted((word, other), key=len)
    if len(long) - len(short) > 1 or short == long:
        return False
    i = next((k for k, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) != len(long):
        return short[i:] == long[i + 1 :]
    is_swap = short[i : i + 2] == long[i : i + 2][::-1] and short[i + 2 :] == long[i + 2 :]
    return is_swap or short[i + 1 :] == long[i + 1 :]
