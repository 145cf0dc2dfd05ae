"""Drugs that a draft calls stopped, on hold or not taken, against what the source says of them."""

import re
from collections.abc import Iterator, Sequence

from medtune.clinical.drugs.names import Mention
from medtune.clinical.faithful.assertion import denied_parts
from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span

STOPS = re.compile(
    r"\b(?:stop(?:s|ped|ping)?|discontinu\w+|hold(?:s|ing)?|held|withh\w+ld\w*|ceas\w+|quit|"
    r"suspend(?:s|ed)?|(?:not|no longer) (?:currently )?(?:tak\w+|us(?:es?|ing)|on)(?= ))\b",
    re.IGNORECASE,
)
PASSIVE = re.compile(
    r"\b(?:is|was|are|were|be|been|being|got|on|has|have|had)(?: \w+ly)? $|: ?$", re.IGNORECASE
)
"""What stands before such a word when its drug stands before it, too."""
LISTED = re.compile(r"[^.;:]{0,30}?(?:,|/|\+|\band\b|\bor\b)\s*", re.IGNORECASE)
"""What stands between the drugs of a list, doses and all."""
TO_THE_NEXT, FROM_THE_LAST = re.compile(r"[^.,;:]{0,40}"), re.compile(r"[^.;]{0,60}")
"""What stands between such a word and its drug."""
ANOTHER = re.compile(
    r"\b(?:and|start|continu|tak|giv|begin|began|switch|increas|add|resum|chang)\w*", re.IGNORECASE
)
"""What shows that the drug belongs to something else."""
NEAR = 2
"""Statements before and after one that names a drug in which the source may call it stopped."""


def stops(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A drug that is called stopped or on hold must be so in the source."""
    for number, statement in enumerate(draft.statements):
        here = [m for m in draft.mentions if statement.span.start <= m.start < statement.span.end]
        for at in _stopping(draft.text, statement.span) if here else ():
            for mention in _governed(draft.text, statement.span, at, here):
                places = _places(mention, source)
                if places and not any(_is_stopped(source, place) for place in places):
                    yield fault("stopped", number, at, source.statements[places[0]].span)


def _stopping(text: str, within: Span) -> Iterator[Span]:
    """The words of stopping that are not themselves denied, as in "did not stop"."""
    denied = denied_parts(text[within.start : within.end])
    for match in STOPS.finditer(text, within.start, within.end):
        place = match.start() - within.start
        if not any(part.start < place < part.end for part in denied):
            yield Span(match.start(), match.end())


def _governed(text: str, within: Span, at: Span, mentions: Sequence[Mention]) -> Sequence[Mention]:
    """The drug that is stopped, with those listed beside it; none if something else is."""
    before = [one for one in reversed(mentions) if one.end <= at.start]
    after = [one for one in mentions if one.start >= at.end]
    if before and not _joins(text[before[0].end : at.start], FROM_THE_LAST):
        before = []
    if after and not _joins(text[at.end : after[0].start], TO_THE_NEXT):
        after = []
    if passive := PASSIVE.search(text, within.start, at.start):
        ordered = before or after
        ordered = ordered if re.search(r"\b(?:are|were)\b", passive[0]) else ordered[:1]
    else:
        ordered = after or before[:1]
    found = list(ordered[:1])
    for one in ordered[1:]:
        first, second = sorted((found[-1], one), key=lambda m: m.start)
        between = text[first.end : second.start]
        if not LISTED.fullmatch(between) or ANOTHER.search(between.replace("and", "")):
            break
        found.append(one)
    return found


def _joins(between: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(between) is not None and ANOTHER.search(between) is None


def _places(mention: Mention, source: Reading) -> list[int]:
    """The statements of the source that name the drug."""
    names = set(mention.ingredients)
    return [source.statement_at(m.start) for m in source.mentions if names & set(m.ingredients)]


def _is_stopped(source: Reading, place: int) -> bool:
    near = source.statements[max(place - NEAR, 0) : place + NEAR + 1]
    return any(STOPS.search(source.text, one.span.start, one.span.end) for one in near)
