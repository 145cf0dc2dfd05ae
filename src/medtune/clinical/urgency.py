"""How soon somebody must be seen: four levels, and the one rule that joins them.

Whatever says more urgent wins. A model may raise a level and can never lower one, because the only
way to join two judgements is `most_urgent`.
"""

from enum import IntEnum


class Urgency(IntEnum):
    """How soon care is needed, in the four levels of telephone triage (Schmitt 2024; NHS 111)."""

    SELF_CARE = 0
    """Care at home, with a word on when to ask again."""
    ROUTINE = 1
    """An appointment in days."""
    URGENT = 2
    """A clinician today."""
    EMERGENCY = 3
    """An ambulance or an emergency department now."""

    @property
    def word(self) -> str:
        """The level as it is written: self-care, routine, urgent, emergency."""
        return self.name.lower().replace("_", "-")


def most_urgent(*levels: Urgency | None) -> Urgency | None:
    """The most urgent of the levels that are known; None if none is.

    None means that nothing was found, which is not the same as self-care.
    """
    known = [level for level in levels if level is not None]
    return max(known) if known else None
