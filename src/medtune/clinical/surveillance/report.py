"""Situation reports in words: written by rule, read back as claims, and checked against the cells.

Every number of a report stands before the key of its cell in square brackets, and so does the word
for what it shows:

    Dengue in Tainan City, 2015-W36: 512 cases [reported], 34 expected [expected]. Signal: above the
    threshold of 88 [threshold], to be verified.

`claims` reads what a report says of each cell. `faults` lists what it may not say: a number that is
not its cell's, a number without a cell, a key that does not exist, a direction that the cell does
not show or that stands beside another cell, a count of other things than cases or children,
another status than the computed one, "outbreak" for a signal (also when denied), a cause, an
outcome such as a death, or a statement about persons. And it is closed: a word that is none of a
report's, and a sentence without a cell that is not one of the fixed ones, are faults whatever they
say. It errs on the strict side: a report with a fault is not sent.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from medtune.clinical.surveillance.report_words import (
    AGAINST_TARGET,
    ALONE,
    COUNTED,
    FIXED,
    NEVER,
    OF_CASES,
    OF_CHILDREN,
    STATUS,
    THRESHOLD,
    TREND,
    VACCINES,
    is_a_reports,
)
from medtune.clinical.surveillance.situation import HEAD

REFERENCE = re.compile(r"\[([^\[\]]*)\]")
ABOUT = ("topic", "place", "period")
"""What a report must name as it stands in the facts; digits in these are of no cell."""
NUMBER = re.compile(r"(?<![\w.,])<?\s?[-+−]?\d(?:[\d,.]*\d)?")
FEWER = re.compile(r"\b(?:fewer|less) than (?=\d)", re.IGNORECASE)


class Fault(NamedTuple):
    """One thing that a report says and the cells do not."""

    kind: str
    where: str
    """Key of the cell, or the words."""


def write_report(facts: Mapping[str, str]) -> str:
    """The report in plain sentences, by rule. It names every cell and has no fault."""
    begin = f"{facts['topic'].capitalize()} in {facts['place']}, {facts['period']}:"
    body = _coverage_sentences(facts) if facts["status"] == "coverage" else _case_sentences(facts)
    return " ".join([begin, *body])


def cells(facts: Mapping[str, str]) -> dict[str, str]:
    """The cells of the facts: all but the head."""
    return {key: text for key, text in facts.items() if key not in HEAD}


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a text as they stand, without plus sign, spaces and thousands separators."""
    found = (match[0] for match in NUMBER.finditer(FEWER.sub("<", text)))
    return tuple(re.sub(r"[\s,+]", "", one).replace("−", "-") for one in found)


def shown(facts: Mapping[str, str], key: str) -> str:
    """The word for what a cell shows, such as "rising"; empty for a cell that needs none."""
    if key == "threshold":
        return "above" if float(facts["reported"]) > _bounds(facts[key])[0] else "below"
    if key == "trend":
        return _side(facts[key], 0.0, ("falling", "no clear trend", "rising"))
    if key in VACCINES and "target" in facts:
        target = _bounds(facts["target"])[0]
        return _side(facts[key], target, ("below target", "unclear", "on target"))
    return ""


def claims(facts: Mapping[str, str], text: str) -> list[str]:
    """What a report says: what it is about, its status, and per reference key, numbers and word."""
    known = cells(facts)
    said = [f"{key}: {facts[key]}" for key in ABOUT if _names(facts, key, text)]
    said += [f"status: {one}" for one in _statuses(facts, text)]
    for key, words in _parts(facts, text):
        word = _said(words, key) if key in known and shown(facts, key) else ""
        said.append(" ".join([f"{key}:", *numbers(words), word]).strip())
    return sorted(said)


def faults(facts: Mapping[str, str], text: str) -> list[Fault]:
    """What the report says and may not; what it leaves out is for `missing`."""
    return [
        *_of_cells(facts, text),
        *_of_counts(facts, text),
        *_of_status(facts, text),
        *_of_words(facts, text),
    ]


def missing(facts: Mapping[str, str], text: str) -> list[str]:
    """What the report does not say: topic, place and period, its status, and each cell."""
    named = {match[1] for match in REFERENCE.finditer(text)}
    left_out = [key for key in ABOUT if not _names(facts, key, text)]
    left_out += ["status"] if facts["status"] in STATUS and not _statuses(facts, text) else []
    return [*left_out, *(key for key in cells(facts) if key not in named)]


def _bounds(cell: str) -> list[float]:
    """The numbers of a cell: value, then low and high end of its interval if it has one."""
    return [float(one.strip("<")) for one in numbers(cell)]


def _side(cell: str, level: float, words: tuple[str, str, str]) -> str:
    """Which word: the whole interval below the level, not all on one side, or not below it.

    A trend of exactly 0 is no trend, a coverage of exactly the target is on target.
    """
    _, low, high = _bounds(cell)
    if high < level:
        return words[0]
    return words[2] if low > level or (low == level and level > 0) else words[1]


def _case_sentences(facts: Mapping[str, str]) -> Iterator[str]:
    reported = facts["reported"].replace("<", "fewer than ")
    expected = f", {facts['expected']} expected [expected]" if "expected" in facts else ""
    yield f"{reported} cases [reported]{expected}."
    status = facts["status"].capitalize()
    verify = ", to be verified" if facts["status"] in ("signal", "watch") else ""
    if "threshold" in facts:
        over = shown(facts, "threshold")
        yield f"{status}: {over} the threshold of {facts['threshold']} [threshold]{verify}."
    else:
        why = "small counts are withheld" if facts["reported"].startswith("<") else "no baseline"
        yield f"{status}: {why}{verify}."
    if "complete" in facts:
        yield f"Only {facts['complete']} [complete] are in; expect {facts['nowcast']} [nowcast]."
    if "backlog" in facts:
        yield f"Of the cases reported this week, {facts['backlog']} are old [backlog]."
    if "trend" in facts:
        yield f"{shown(facts, 'trend').capitalize()}, {facts['trend']} a week [trend]."
    if "forecast" in facts:
        yield f"Next week {facts['forecast']} [forecast]."


def _coverage_sentences(facts: Mapping[str, str]) -> Iterator[str]:
    yield f"{facts['children'].replace('<', 'fewer than ')} children [children]."
    if "target" not in facts:
        return
    yield f"Target {facts['target']} [target]."
    for key, name in VACCINES.items():
        if key in facts:
            yield f"{name} {shown(facts, key)}, {facts[key]} [{key}]."
    if "none" in facts:
        yield f"No vaccine at all, {facts['none']} [none]."
    if "dropout" in facts:
        yield f"Dropout from BCG to measles, {facts['dropout']} [dropout]."


def _of_cells(facts: Mapping[str, str], text: str) -> Iterator[Fault]:
    known = cells(facts)
    for key, words in _parts(facts, text):
        if key not in known:
            yield Fault("no such cell", key)
        elif numbers(words) != numbers(known[key]):
            yield Fault("not the numbers of the cell", key)
        elif shown(facts, key) and _said(words, key) != shown(facts, key):
            yield Fault("not what the cell shows", key)
    if numbers(_without_head(facts, _tail(text))):
        yield Fault("number without a cell", "end")


def _of_counts(facts: Mapping[str, str], text: str) -> Iterator[Fault]:
    """Directions beside another cell than the trend's, and counts of other things than theirs."""
    for key, words in [*_parts(facts, text), ("end", _without_head(facts, _tail(text)))]:
        if key != "trend" and _says_trend(words):
            yield Fault("a direction beside another cell", key)
        if not _counts_right(key, words):
            yield Fault("not what the cell counts", key)


def _says_trend(words: str) -> bool:
    return any(re.search(rf"\b(?:{one})\b", words, re.IGNORECASE) for one in TREND.values())


def _counts_right(key: str, words: str) -> bool:
    """Whether nothing but cases, or children, stands between the last number and its key."""
    allowed = OF_CHILDREN if key == "children" else COUNTED if key in OF_CASES else None
    after = re.split(r"\d", words)[-1].casefold()
    return allowed is None or allowed.issuperset(re.findall(r"[^\W\d_]+", after))


def _of_status(facts: Mapping[str, str], text: str) -> Iterator[Fault]:
    for said in _statuses(facts, text):
        if said != facts["status"]:
            yield Fault("not the computed status", said)


def _of_words(facts: Mapping[str, str], text: str) -> Iterator[Fault]:
    plain = REFERENCE.sub(" ", _without_head(facts, text))
    for kind, pattern in NEVER.items():
        for match in re.finditer(rf"\b(?:{pattern})\b", plain, re.IGNORECASE):
            yield Fault(kind, match[0].casefold())
    for word in dict.fromkeys(re.findall(r"[^\W\d_]+", FIXED.sub(" ", plain).casefold())):
        if not is_a_reports(word):
            yield Fault("a word that is none of a report's", word)
    for sentence in re.split(r"(?<=[.!?;])\s+|\n+", _without_head(facts, text)):
        if not REFERENCE.search(sentence) and not ALONE.fullmatch(sentence.strip(" .:,;")):
            yield Fault("a sentence without a cell", "a sentence")


def _said(words: str, key: str) -> str:
    """The word that a stretch of text has for a cell; empty if it has none, or two that differ."""
    kinds = TREND if key == "trend" else THRESHOLD if key == "threshold" else AGAINST_TARGET
    plain = words.casefold()
    found: set[str] = set()
    for word, pattern in reversed(kinds.items()):
        # From the last to the first, and each taken out: "not above" is not "above" as well.
        plain, times = re.subn(rf"\b(?:{pattern})\b", " ", plain)
        found |= {word} if times else set()
    return found.pop() if len(found) == 1 else ""


def _parts(facts: Mapping[str, str], text: str) -> Iterator[tuple[str, str]]:
    """Each reference with the words since the reference before it."""
    plain = _without_head(facts, text)
    start = 0
    for match in REFERENCE.finditer(plain):
        yield match[1], plain[start : match.start()]
        start = match.end()


def _tail(text: str) -> str:
    found = list(REFERENCE.finditer(text))
    return text[found[-1].end() :] if found else text


def _without_head(facts: Mapping[str, str], text: str) -> str:
    """The text without topic, place and period, whose digits are of no cell."""
    for key in ABOUT:
        text = re.sub(_name(facts, key), " ", text, flags=re.IGNORECASE)
    return text


def _name(facts: Mapping[str, str], key: str) -> str:
    return rf"(?<!\w){re.escape(facts[key])}(?!\w)"


def _names(facts: Mapping[str, str], key: str, text: str) -> bool:
    return re.search(_name(facts, key), text, re.IGNORECASE) is not None


def _statuses(facts: Mapping[str, str], text: str) -> list[str]:
    """The statuses that a report names; none where the cells have no status of this kind."""
    if facts["status"] not in STATUS:
        return []
    plain = REFERENCE.sub(" ", _without_head(facts, text))
    return [
        status
        for status, pattern in STATUS.items()
        if re.search(rf"\b(?:{pattern})\b", plain, re.IGNORECASE)
    ]
