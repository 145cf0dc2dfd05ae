"""Critical facts of the source that a draft of a whole note lacks: allergies, drugs, doses."""

import re
from collections.abc import Iterator

from medtune.clinical.faithful.kinds import Fault, fault
from medtune.clinical.faithful.pills import allergens
from medtune.clinical.faithful.source import Reading
from medtune.clinical.faithful.tokens import Span
from medtune.records import Severity

NOWHERE = Span(0, 0)
STOPPED = re.compile(r"\b(?:stopped|discontinued|quit|no longer)\b", re.IGNORECASE)


def critical(source: Reading) -> dict[tuple[str, str], Span]:
    """The critical facts of a source, as (kind, drug), each with its first place.

    A drug that is only denied or asked about without a yes is no fact.
    """
    found: dict[tuple[str, str], Span] = {}
    for name, span in allergens(source).items():
        found["allergy", name] = span
    for medicine in source.medicines:
        mention = medicine.mention
        if _is_affirmed(source, mention.start):
            for name in mention.ingredients:
                if ("allergy", name) not in found:
                    found.setdefault(("drug", name), Span(mention.start, mention.end))
    return found


def omissions(draft: Reading, source: Reading) -> Iterator[Fault]:
    """A fault for each critical fact that the draft does not hold. A missing allergy blocks."""
    held = {name for one in draft.medicines for name in one.mention.ingredients}
    for (kind, name), span in critical(source).items():
        if name not in held:
            severity: Severity = "block" if kind == "allergy" else "warn"
            yield fault("omission", -1, NOWHERE, span, severity)


def _is_affirmed(source: Reading, place: int) -> bool:
    statement = source.statements[source.statement_at(place)]
    if STOPPED.search(source.text, statement.span.start, place):
        return False
    return any(
        word.polarity == "affirmed" and not word.is_family
        for word in statement.words
        if word.token.start <= place < word.token.end
    )
