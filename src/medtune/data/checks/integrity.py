"""Did the records come through whole: no broken characters, cut texts, stray types or gaps?"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from medtune.artifacts import Check
from medtune.data.checks.shares import Look, by_share, not_run
from medtune.records import Example

BROKEN = re.compile(
    "\ufffd"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
    "|[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œž]"
    "|â€[\u0080-\u00bf™œž“”˜¦¢\"']?"
)
"""The replacement character, control characters, and UTF-8 that was once read as Windows-1252."""
BROKEN_FAIL = 0.01
CUT_LENGTH = 200
"""Shorter texts end at the same length by chance."""
CUT_RECORDS = 3
CUT_SHARE = 0.01
CUT_FAIL = 0.10
ENDS = (".", "!", "?", ")", '"', "”", "]", ">", ":", ";")
MIXED = 0.95
"""Share of the values of a field from which its type is taken for granted."""
FEWEST = 40
EMPTY = 0.2
NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
DAY = re.compile(r"\d{4}-\d{2}(?:-\d{2})?(?:[T ].*)?")


class Field(NamedTuple):
    """The values of a field, by record id."""

    name: str
    values: Mapping[str, str]


def encoding(examples: Sequence[Example]) -> Check:
    """Records with characters that a wrong encoding leaves behind."""
    bad = [e.id for e in examples if any(BROKEN.search(text) for text in e.fields.values())]
    look = Look(
        "encoding",
        "integrity",
        "hold characters that a wrong encoding leaves behind",
        "export the source again as UTF-8; do not repair it by search and replace",
        fail=BROKEN_FAIL,
    )
    return by_share(look, bad, len(examples))


def cut_texts(examples: Sequence[Example]) -> Check:
    """Records whose text ends at exactly the length of the longest, as an export with a limit does.

    A field counts if three records, and one in a hundred, have its greatest length, of at least 200
    characters, and most of these do not end as a sentence does.
    """
    cut: dict[str, None] = {}
    for field in fields_of(examples):
        longest = max(map(len, field.values.values()), default=0)
        at_limit = [(name, text) for name, text in field.values.items() if len(text) == longest]
        n_open = sum(not text.rstrip().endswith(ENDS) for _, text in at_limit)
        enough = max(CUT_RECORDS, CUT_SHARE * len(field.values))
        if longest >= CUT_LENGTH and len(at_limit) >= enough and 2 * n_open > len(at_limit):
            cut.update(dict.fromkeys(name for name, _ in at_limit))
    look = Look(
        "cut texts",
        "integrity",
        "end at exactly the length of the longest text of their field, in the middle of a sentence",
        "raise the limit of the export and export again",
        fail=CUT_FAIL,
    )
    return by_share(look, list(cut), len(examples))


def types(examples: Sequence[Example]) -> Check:
    """Values that are not of the type which nearly all values of their field have."""
    bad: dict[str, None] = {}
    names: list[str] = []
    for field in fields_of(examples):
        for pattern in (NUMBER, DAY):
            filled = {name: text for name, text in field.values.items() if text.strip()}
            odd = [name for name, text in filled.items() if not pattern.fullmatch(text.strip())]
            if len(filled) >= FEWEST and 0 < len(odd) <= (1 - MIXED) * len(filled):
                bad.update(dict.fromkeys(odd))
                names.append(field.name)
    told = f" (fields {', '.join(names)})" if names else ""
    look = Look(
        "types of values",
        "integrity",
        f"have a value of another type than nearly all values of its field{told}",
        "correct the values, or keep numbers and remarks in fields of their own",
    )
    return by_share(look, list(bad), len(examples))


def gaps(examples: Sequence[Example]) -> Check:
    """Fields that are empty in many records."""
    empty = {
        field.name: [name for name, text in field.values.items() if not text.strip()]
        for field in fields_of(examples)
    }
    if not empty:
        return not_run("empty fields", "integrity", "the records have no fields")
    name, ids = max(empty.items(), key=lambda item: (len(item[1]), item[0]))
    look = Look(
        "empty fields",
        "integrity",
        f"are empty in the field {name!r}, the emptiest",
        "find out why it is empty, and whether it is so for some patients or sites only",
        warn=EMPTY,
    )
    check = by_share(look, ids, len(examples))
    shares = {f"empty: {n}": len(i) / max(1, len(examples)) for n, i in empty.items() if i}
    return check.model_copy(update={"figures": check.figures | shares})


def fields_of(examples: Sequence[Example]) -> list[Field]:
    """The fields of the records, by name; where a record has none of that name it is left out."""
    values: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for example in examples:
        for name, text in example.fields.items():
            values[name][example.id] = text
    return [Field(name, found) for name, found in sorted(values.items())]
