"""The words of situation reports: what each stands for, and which may stand at all."""

import re

TREND = {
    "rising": r"ris(?:e|es|ing|en)|rose|increas\w*|growing|grew|climb\w*|accelerat\w*|surg\w*",
    "falling": r"fall(?:s|ing|en)?|fell|declin\w*|decreas\w*|dropp\w*|shrink\w*|slow(?:s|ing|ed)",
    "no clear trend": r"no clear trend|stable|steady|unchanged|flat",
}
THRESHOLD = {
    "above": r"above|over|exceed\w*|beyond",
    "below": r"below|under|beneath|within|not above",
}
AGAINST_TARGET = {
    "below target": r"below|under|misses|short of",
    "on target": r"on target|meets|met|reach(?:es|ed)|above",
    "unclear": r"unclear|uncertain",
}
VACCINES = {"bcg": "BCG", "dtp3": "DTP3", "measles": "Measles", "full": "All basic vaccines"}
COUNTED = frozenset(
    (
        *("case", "cases", "new", "known", "so", "far", "were", "was", "are", "is", "have", "been"),
        *("reported", "expected", "a", "the", "of", "in", "to", "this", "week", "weekly", "total"),
    )
)
"""What may stand between a count of cases and its key."""
OF_CASES = ("reported", "expected", "nowcast", "forecast")
OF_CHILDREN = frozenset(("child", "children", "surveyed", "were", "in", "the", "survey"))
STATUS = {
    "signal": r"(?<!no )(?<!not a )signals?",
    "no signal": r"no signals?|not a signal",
    "watch": r"watch",
    "not judged": r"not judged",
}
NEVER = {
    "outbreak": r"outbreaks?|epidemics?|pandemics?|emergenc\w+|cris[ie]s|clusters?",
    "cause": r"because|caus\w+|due to|owing to|as a result|driven by|attribut\w+|led to|thanks to",
    "outcome": r"deaths?|died|dead|dying|fatal\w*|mortality|kill\w*|hospital\w*|admissions?|"
    r"admitted|recover\w*|surviv\w*",
    "person": r"patients?|\w+-year-old|he|she|his|her|residents? (?:is|are|was|were)|"
    r"people (?:in|of|from|who)|those who",
    "number in words": r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|"
    r"hundreds?|thousands?|twice|doubl\w+|tripl\w+|half|thirds?|quarters?",
}
FIXED = re.compile(
    r"\b(?:no signals?|not (?:a )?signal|not judged|not above|no clear trend|no baseline|"
    r"no vaccine at all|small counts are withheld|to be verified)\b",
    re.IGNORECASE,
)
"""The phrases in which "no", "not" and "withheld" may stand."""
ALONE = re.compile(
    r"(?:this is |it is |status: ?|there is )?(?:an? )?(?:signal|no signal|watch|not judged)"
    r"(?:: (?:small counts are withheld|no baseline))?(?:,? to be verified)?|to be verified|",
    re.IGNORECASE,
)
"""The sentences that need no cell."""
OTHER_WORDS = frozenset(
    (
        *("it", "there", "at", "all", "only", "expect", "next", "old", "and", "with", "by", "than"),
        *("fewer", "less", "threshold", "baseline", "target", "vaccine", "vaccines", "bcg", "dtp"),
        *("measles", "basic", "dropout", "from", "or", "more", "per", "for", "about", "status"),
        *("short", "on", "an", "trend", "complete", "nowcast"),
    )
)
"""What a report may say beside its counts, directions, comparisons and status."""


def is_a_reports(word: str) -> bool:
    """Whether a word, in lower case, is one that a report may have."""
    if word in COUNTED or word in OF_CHILDREN or word in OTHER_WORDS:
        return True
    patterns = (p for table in (TREND, THRESHOLD, AGAINST_TARGET, STATUS) for p in table.values())
    return any(re.fullmatch(pattern, word) for pattern in patterns)
