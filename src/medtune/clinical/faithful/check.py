"""Check a draft against its source, sentence by sentence.

Each rule looks at one kind of claim and compares it with all that the source says of the same
thing. A rule is silent where the source says both, or neither clearly: it accuses only on a
contradiction, or on something critical that the source lacks. A sentence is judged by itself and
the source alone, so nothing else that stands in a draft can take a fault away.
"""

from collections.abc import Callable, Iterator, Sequence

from medtune.clinical.faithful.claims import (
    negations,
    onsets,
    relatives,
    sexes,
    sides,
    statuses,
    terms,
)
from medtune.clinical.faithful.kinds import RANK, Fault
from medtune.clinical.faithful.numbers import calendar, figures
from medtune.clinical.faithful.pills import allergies, drugs
from medtune.clinical.faithful.source import Reading, read_draft
from medtune.clinical.faithful.stopped import stops
from medtune.clinical.faithful.support import Support, speakers, support, unsupported

Rule = Callable[[Reading, Reading], Iterator[Fault]]

RULES: Sequence[Rule] = (
    figures,
    calendar,
    drugs,
    stops,
    allergies,
    negations,
    sides,
    sexes,
    relatives,
    statuses,
    onsets,
    terms,
    speakers,
    unsupported,
)


FAMILY_RULES = tuple(rule for rule in RULES if rule is not relatives)
"""For a section on the family, where relatives' illnesses belong."""


def check(draft: str, source: Reading, rules: Sequence[Rule] = RULES) -> list[Fault]:
    """The faults of a draft, the gravest first.

    Args:
        draft: What a model or a person wrote.
        source: What it must rest on (`read_text` or `read_facts`).
        rules: What to look at. `FAMILY_RULES` for a section on the family; for a whole note, add
            `omissions`, so that a critical fact that is missing is a fault too.
    """
    reading = read_draft(draft)
    found = [fault for rule in rules for fault in rule(reading, source)]
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda f: (RANK[f.severity], f.start, f.kind))


def provenance(draft: str, source: Reading) -> list[Support]:
    """For each sentence of the draft, where the source bears it out and how well."""
    reading = read_draft(draft)
    faults = [fault for rule in RULES for fault in rule(reading, source)]
    return support(reading, source, faults)
