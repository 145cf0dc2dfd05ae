"""The C-SSRS screener: from yes and no to low, moderate or high, with the rule that says so.

Source: Columbia-Suicide Severity Rating Scale, Posner 2011, Am J Psychiatry 168:1266,
doi:10.1176/appi.ajp.2011.10111704; triage colours of the Columbia Lighthouse Project screener with
triage points (2016 form). LOINC panel 93373-9. The wording of the questions is under copyright of
the Research Foundation for Mental Hygiene, so only keys and codes are here; forms with the wording
come from the Lighthouse Project. A screening, not a diagnosis; yes-answers are never summed.

Older forms grade behaviour of more than a year ago as low; the ladder is therefore a dated table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from medtune.clinical.urgency import Urgency, most_urgent
from medtune.errors import DataError

LADDER_VERSION = "screener with triage points, 2016"
PANEL = "93373-9"
RESULT = "93374-7"
Key = Literal[
    "wish_to_be_dead",
    "suicidal_thoughts",
    "method",
    "intent",
    "plan",
    "behaviour_ever",
    "behaviour_3_months",
]
CODES: Mapping[Key, str] = {
    "wish_to_be_dead": "93246-7",
    "suicidal_thoughts": "93247-5",
    "method": "93248-3",
    "intent": "93249-1",
    "plan": "93250-9",
    "behaviour_ever": "93267-3",
    "behaviour_3_months": "93269-9",
}
"""LOINC code by key. The first five ask about the past month."""
RiskLevel = Literal["none", "low", "moderate", "high"]
ORDER: tuple[RiskLevel, ...] = get_args(RiskLevel)
LADDER: Mapping[Key, RiskLevel] = {
    "wish_to_be_dead": "low",
    "suicidal_thoughts": "low",
    "method": "moderate",
    "intent": "high",
    "plan": "high",
    "behaviour_ever": "moderate",
    "behaviour_3_months": "high",
}
"""The level that a yes gives."""
URGENCY: Mapping[RiskLevel, Urgency | None] = {
    "none": None,
    "low": Urgency.URGENT,
    "moderate": Urgency.URGENT,
    "high": Urgency.EMERGENCY,
}
"""A low risk is a risk statement too: it is acknowledged and asked about today, with a line and
people (VERA-MH, Spring Health 2025), as item 9 of the PHQ-9 is from 1 on."""


@dataclass(frozen=True, slots=True)
class SuicideRisk:
    """The level of the screener so far."""

    level: RiskLevel
    """At least this level: what is still to be asked can only raise it."""
    complete: bool
    to_ask: tuple[Key, ...]
    """The questions that the form still wants, in its order."""
    why: tuple[Key, ...]
    """The answers that give the level."""
    urgency: Urgency | None


def screen(answers: Mapping[str, bool | None], *, has_unread: bool = False) -> SuicideRisk:
    """The level of the answers given.

    The level is that of the most serious yes; behaviour never lowers ideation. Questions 3 to 5
    are asked after a yes to 2, and the time of behaviour after a yes to behaviour. An answer given
    beyond that still counts. What is not answered is asked, never taken as no.

    Args:
        answers: By key.
        has_unread: Whether an answer was given that cannot be read: it may be a yes, so the
            urgency is that of one at least.

    Raises:
        DataError: A key is unknown, or an answer is not true, false or None.
    """
    unknown = sorted(set(answers) - set(CODES))
    if unknown:
        raise DataError(f"C-SSRS screener: {', '.join(unknown)}: not one of {', '.join(CODES)}")
    for key, answer in answers.items():
        if answer is not None and not isinstance(answer, bool):  # type: ignore[unnecessary]
            raise DataError(f"C-SSRS screener: {key}: an answer is true or false")
    yes: tuple[Key, ...] = tuple(key for key in LADDER if answers.get(key))
    level: RiskLevel = ORDER[max((ORDER.index(LADDER[key]) for key in yes), default=0)]
    to_ask: tuple[Key, ...] = tuple(k for k in _wanted(answers) if answers.get(k) is None)
    return SuicideRisk(
        level=level,
        complete=not to_ask,
        to_ask=to_ask,
        why=tuple(key for key in yes if LADDER[key] == level),
        urgency=most_urgent(URGENCY[level], Urgency.URGENT if has_unread else None),
    )


def _wanted(answers: Mapping[str, bool | None]) -> tuple[Key, ...]:
    """The questions that the form asks, given the answers so far."""
    first: tuple[Key, ...] = ("wish_to_be_dead", "suicidal_thoughts")
    deeper: tuple[Key, ...] = ("method", "intent", "plan")
    deeper = deeper if answers.get("suicidal_thoughts") else ()
    when: tuple[Key, ...] = ("behaviour_ever", "behaviour_3_months")
    return (*first, *deeper, *(when if answers.get("behaviour_ever") else when[:1]))
