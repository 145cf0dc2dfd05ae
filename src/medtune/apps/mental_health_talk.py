"""What is decided and told after a check-in: urgency by rules and model, coping steps, contacts.

The rules of VERA-MH (Spring Health 2025): on any sign of risk, acknowledge, ask directly, give a
free line and people, offer a safety plan, keep talking; in imminent danger urge emergency services,
company and distance from means; never argue, shame, minimise, diagnose, give methods, ask for a
promise, or pose as human. The texts are those of `clinical/tables`; the model's words are not told,
only its yes or no counts, and only upwards.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medtune.clinical.coping import Strategy, choose, needs_of, safety_plan
from medtune.clinical.helplines import Place, is_spanish, lead
from medtune.clinical.redflags import Triage, triage, triage_turns
from medtune.clinical.screening import Screening
from medtune.clinical.screening_suicide import SuicideRisk
from medtune.clinical.urgency import Urgency, most_urgent
from medtune.records import Finding, Json, Message

DISCLOSURE = "I am an AI, not a therapist or a person, and I can be wrong."
SAYS_AI = re.compile(r"\bI am an AI\b|\bSoy una IA\b")
DISCLOSE_EVERY = 10
"""Turns after which the disclosure is told again: the server has no clock."""
SAFETY_ITEMS = frozenset({"suicide", "violence", "mind", "poison", "abuse"})
ASK = (
    "Thank you for telling me how your week was. I want to ask you plainly: have you had thoughts "
    "of killing yourself, or wished that you were dead? If so, you can reach {crisis} at any time, "
    "and {emergency} if you may act on it. A doctor can help too, and so can one person you trust."
)
THANKS = "Thank you for telling me how your week was."
MODEL_SAYS = "the model reads a risk in the check-in"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done after a check-in."""

    level: Urgency | None
    """The most urgent of rules, questionnaires, screener and model; None if none speaks."""
    why: tuple[str, ...]
    """Each reason, by rule id or questionnaire."""
    contacts: tuple[str, ...]
    warm_handoff: bool
    """Whether a person of the service must take over now, not by referral."""
    coping: tuple[Strategy, ...]
    """Empty in a crisis, and where a machine may not offer it."""
    safety_plan: tuple[str, ...]
    """The steps of a plan to fill in with somebody; empty without a risk."""


def decide(
    text: str,
    where: Place,
    *,
    screenings: Sequence[Screening] = (),
    suicide_risk: SuicideRisk | None = None,
    model_says_risk: bool = False,
) -> Decision:
    """Join all that is known. No part can lower what another says.

    Args:
        text: Messages or a diary entry; "" if there is none.
        where: The jurisdiction.
        screenings: Questionnaires of the check-in.
        suicide_risk: The C-SSRS screener, if it was asked.
        model_says_risk: Whether the model answered yes.
    """
    found = triage(text)
    levels = [found.level, *(one.urgency for one in screenings)]
    levels.append(suicide_risk.urgency if suicide_risk else None)
    levels.append(Urgency.URGENT if model_says_risk else None)
    level = most_urgent(*levels)
    why = [*found.rule_ids, *(f"{s.instrument}: {s.why}" for s in screenings if s.urgency)]
    if suicide_risk is not None and suicide_risk.level != "none":
        why.append(f"C-SSRS screener: {suicide_risk.level} ({', '.join(suicide_risk.why)})")
    why += [MODEL_SAYS] if model_says_risk else []
    at_risk = level is not None and level >= Urgency.URGENT
    coping = choose(needs_of(text)) if where.therapy and not at_risk else ()
    return Decision(
        level=level,
        why=tuple(why),
        contacts=(where.emergency, *where.crisis) if at_risk else where.crisis,
        warm_handoff=level is Urgency.EMERGENCY,
        coping=coping,
        safety_plan=safety_plan() if at_risk else (),
    )


def facts(text: str) -> dict[str, Json]:
    """The red flags of a text, as facts that a reply must not contradict."""
    found = triage(text)
    return {
        "level": None if found.level is None else int(found.level),
        "rules": list(found.rule_ids),
    }


def check(facts: Mapping[str, Json], text: str) -> list[Finding]:
    """Whether a reply of "no" contradicts a red flag of the check-in's own words."""
    level = facts.get("level")
    is_urgent = isinstance(level, int) and level >= Urgency.URGENT
    if not is_urgent or text.strip().lower().startswith("yes"):
        return []
    return [
        Finding(
            guard="mental_health",
            severity="block",
            what="the reply does not carry the urgency of the check-in's own words",
            where="reply",
            evidence=f"rules {', '.join(str(one) for one in _list(facts.get('rules')))}",
            remedy="the rules' level stands; the reply is not used",
        )
    ]


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def before(where: Place, messages: Sequence[Message]) -> str | Sequence[Message]:
    """The fixed reply to a red flag, or the messages for the model to judge."""
    turns = [message.content for message in messages if message.role == "user"]
    found = triage_turns(turns)
    if found.level is not None and found.level >= Urgency.URGENT:
        told = str(lead(found, where, spanish=is_spanish(turns[-1])))
        return _framed(told, found, turns, where)
    return messages


def after(where: Place, messages: Sequence[Message], label: str | None) -> str:
    """What is told after the model's yes or no, in texts of the tables only.

    A yes asks the question plainly. A no, or a reply that could not be read, changes nothing.
    """
    turns = [message.content for message in messages if message.role == "user"]
    found = triage_turns(turns)
    decision = decide(turns[-1], where, model_says_risk=label == "yes")
    if found.level is not None and found.level >= Urgency.URGENT:
        told = str(lead(found, where, spanish=is_spanish(turns[-1])))
        return _framed(told, found, turns, where)
    if label == "yes":
        told = ASK.format(crisis=" or ".join(where.crisis), emergency=where.emergency)
        return _framed(told, found, turns, where)
    parts = [THANKS]
    if found.hits:
        parts.append(str(lead(found, where)))
    parts += [_steps(one) for one in decision.coping]
    if not where.therapy:
        parts.append("Where you live I may not offer therapy. A licensed person can help you.")
    elif not decision.coping and not found.hits:
        parts.append("What has been hardest this week: sleep, worry, low mood, or something else?")
    return _framed("\n\n".join(parts), found, turns, where)


def _steps(strategy: Strategy) -> str:
    lines = [f"You could try: {strategy.name}."]
    lines += [f"{i}. {step}" for i, step in enumerate(strategy.steps, start=1)]
    return "\n".join([*lines, f"({strategy.source})"])


def _framed(text: str, found: Triage, turns: Sequence[str], where: Place) -> str:
    """The text, with the word after an earlier crisis, the disclosure, and an open door."""
    lines = [text]
    earlier = triage_turns(turns[:-1]) if len(turns) > 1 else None
    told_before = earlier is not None and bool(earlier.kinds() & SAFETY_ITEMS)
    if told_before and not found.kinds() & SAFETY_ITEMS:
        lines.insert(
            0,
            "You told me something hard before. Are you safe right now? You can reach "
            f"{' or '.join(where.crisis)} at any time.",
        )
    if len(turns) % DISCLOSE_EVERY == 1 and not SAYS_AI.search(text):
        lines.append(DISCLOSURE)
    return "\n\n".join(lines)
