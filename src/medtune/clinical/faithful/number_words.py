"""Numbers in words, in all the ways that they can be meant: "one fifty" is 150, or 1 and 50."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from medtune.clinical.phrases import listed

ONES = dict(
    zip(
        listed("""zero one two three four five six seven eight nine ten eleven twelve
    thirteen fourteen fifteen sixteen seventeen eighteen nineteen"""),
        range(20),
        strict=True,
    )
)
TENS = dict(
    zip(
        listed("twenty thirty forty fifty sixty seventy eighty ninety"),
        range(20, 100, 10),
        strict=True,
    )
)
ORDINALS = dict(
    zip(
        listed("""first second third fourth fifth sixth seventh eighth ninth tenth
    eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth
    nineteenth twentieth thirtieth"""),
        (*range(1, 21), 30),
        strict=True,
    )
)
SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
VAGUE = {"couple": 2, "dozen": 12, "half": Fraction(1, 2), "once": 1, "twice": 2, "single": 1}
WORDS: Mapping[str, int | Fraction] = {**ONES, **TENS, **ORDINALS, **SCALES, **VAGUE}
WORD_RUN = re.compile(
    r"(?<![\w-])(?:" + "|".join(sorted(WORDS, key=len, reverse=True)) + r")"
    r"(?:(?:[\s-]+(?:and[\s-]+)?(?:a[\s-]+)?)(?:"
    + "|".join(sorted(WORDS, key=len, reverse=True)) + r"))*(?![\w])",
    re.IGNORECASE,
)  # fmt: skip


def spoken(words: Sequence[str]) -> frozenset[Fraction]:
    """Every way to read a run of number words: as one number, as digits side by side, as parts."""
    values = [Fraction(WORDS[word]) for word in words]
    if not values:
        return frozenset()
    readings = {
        _total(values[start:end])
        for start in range(len(values))
        for end in range(start + 1, len(values) + 1)
    }
    groups = _pairs(values)
    readings |= set(groups)
    if all(group.denominator == 1 for group in groups):
        readings.add(Fraction(int("".join(str(int(group)) for group in groups))))
    return frozenset(readings)


def _total(values: Sequence[Fraction]) -> Fraction:
    """The words as one number, such as [5, 100, 20] as 520."""
    total, current = Fraction(0), Fraction(0)
    for value in values:
        if value == 100:  # noqa: PLR2004
            current = max(current, Fraction(1)) * 100
        elif value >= 1000:  # noqa: PLR2004
            total, current = total + max(current, Fraction(1)) * value, Fraction(0)
        else:
            current += value
    return total + current


def _pairs(values: list[Fraction]) -> list[Fraction]:
    """Tens with the ones after them, such as [20, 6, 5] to [26, 5]."""
    grouped: list[Fraction] = []
    tens_open = False
    for value in values:
        if tens_open and 0 < value < 10:  # noqa: PLR2004
            grouped[-1] += value
        else:
            grouped.append(value)
        tens_open = 20 <= value < 100 and value % 10 == 0  # noqa: PLR2004
    return grouped


def number_words(text: str) -> list[str]:
    """The number words of a text, in lower case."""
    return [word for word in re.findall(r"[a-z]+", text.lower()) if word in WORDS]
