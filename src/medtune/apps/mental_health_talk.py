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
from typing import NamedTuple

from medtune.apps.turns import user_turns
from medtune.clinical.coping import Strategy, choose, needs_of, safety_plan
from medtune.clinical.helplines import Place, advice, is_spanish, lead
from medtune.clinical.redflags import Triage, triage, triage_talk
from medtune.clinical.screening import PHQ_9, Screening
from medtune.clinical.screening_fhir import Forms, read_forms, take_forms
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
HANDOFF = " A person of the service must take over now."
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
    found: Triage | None = None,
) -> Decision:
    """Join all that is known. No part can lower what another says.

    Args:
        text: Messages or a diary entry; "" if there is none.
        where: The jurisdiction.
        screenings: Questionnaires of the check-in.
        suicide_risk: The C-SSRS screener, if it was asked.
        model_says_risk: Whether the model answered yes.
        found: The red flags, where more is known than the text; None to look for them in it.
    """
    found = triage(text) if found is None else found
    levels = [found.level, *(one.urgency for one in screenings)]
    levels.append(suicide_risk.urgency if suicide_risk else None)
    levels.append(Urgency.URGENT if model_says_risk else None)
    level = most_urgent(*levels)
    why = [*found.rule_ids, *(f"{s.instrument}: {s.why}" for s in screenings if s.urgency)]
    if suicide_risk is not None and suicide_risk.urgency is not None:
        reason = ", ".join(suicide_risk.why) or "an answer could not be read"
        why.append(f"C-SSRS screener: {suicide_risk.level} ({reason})")
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


class _Heard(NamedTuple):
    """What a person said and filled in."""

    turns: Sequence[str]
    """Their words, without the questionnaires; what was sent without a reply between is one."""
    found: Triage
    """The red flags of the words, and of what was written in questionnaires, since the last
    reply."""
    forms: Forms
    """Since the last reply."""
    was_at_risk: bool
    """Whether the words of the turn before, or questionnaires of an earlier one, were a risk."""


def _hear(messages: Sequence[Message]) -> _Heard:
    turns: list[str] = []
    read: list[list[str]] = []
    filled: list[Forms] = []
    for sent in user_turns(messages):
        taken = [take_forms(one) for one in sent]
        turns.append("\n".join(one.words for one in taken if one.words))
        read.append([text for one in taken for text in (one.words, *one.written)])
        filled.append(read_forms([form for one in taken for form in one.forms]))
    is_told = len(read) > 1 and bool(triage_talk(read[:-1]).kinds() & SAFETY_ITEMS)
    was_at_risk = is_told or any(_is_urgent(_form_level(one)) for one in filled[:-1])
    return _Heard(turns, triage_talk(read), filled[-1], was_at_risk)


def before(where: Place, messages: Sequence[Message]) -> str | Sequence[Message]:
    """The fixed reply to a red flag or a questionnaire, or the messages for the model to judge.

    A message may hold FHIR QuestionnaireResponses beside its words, or alone.

    Raises:
        DataError: A QuestionnaireResponse cannot be read.
    """
    heard = _hear(messages)
    if (told := _at_risk(heard, where)) is not None:
        return told
    if not heard.turns[-1]:  # questionnaires alone: there is nothing for the model to read
        return _told(heard, where, None)
    return [Message("user", turn) for turn in heard.turns]


def after(where: Place, messages: Sequence[Message], label: str | None) -> str:
    """What is told after the model's yes or no, in texts of the tables only.

    A yes asks the question plainly. A no, or a reply that could not be read, changes nothing.
    """
    heard = _hear(messages)
    return _at_risk(heard, where) or _told(heard, where, label)


def _at_risk(heard: _Heard, where: Place) -> str | None:
    """What is told at once, by rule; None where neither words nor questionnaires are urgent."""
    decision = _decided(heard, where)
    told: list[str] = []
    of_words, of_forms = heard.found.level, _form_level(heard.forms)
    if _is_urgent(of_words):
        told.append(str(lead(heard.found, where, spanish=is_spanish(heard.turns[-1]))))
    if of_forms is not None and _is_urgent(of_forms):
        action = "crisis_now" if of_forms is Urgency.EMERGENCY else "crisis_ask"
        # the graver first
        told.insert(0 if of_words is None or of_forms > of_words else 1, advice(action, where))
        told.append(f"{_scores(heard.forms)}{HANDOFF if decision.warm_handoff else ''}")
    return _framed("\n\n".join(told), heard, where) if told else None


def _told(heard: _Heard, where: Place, label: str | None) -> str:
    """What is told where no rule and no questionnaire is urgent."""
    found, decision = heard.found, _decided(heard, where)
    scores = [_scores(heard.forms)] if heard.forms.screenings or heard.forms.suicide_risk else []
    if label == "yes":
        told = ASK.format(crisis=" or ".join(where.crisis), emergency=where.emergency)
        leads = [str(lead(found, where))] if found.hits else []
        return _framed("\n\n".join([told, *scores, *leads]), heard, where)
    parts = [THANKS, *scores]
    if any(
        one.instrument == PHQ_9.name and one.self_harm is None for one in heard.forms.screenings
    ):
        parts.append(advice("ask_mood", where))
    if found.hits:
        parts.append(str(lead(found, where)))
    parts += [_steps(one) for one in decision.coping]
    if not where.therapy:
        parts.append("Where you live I may not offer therapy. A licensed person can help you.")
    elif not decision.coping and not found.hits:
        parts.append("What has been hardest this week: sleep, worry, low mood, or something else?")
    return _framed("\n\n".join(parts), heard, where)


def _decided(heard: _Heard, where: Place) -> Decision:
    screenings, risk = heard.forms.screenings, heard.forms.suicide_risk
    words, found = heard.turns[-1], heard.found
    return decide(words, where, screenings=screenings, suicide_risk=risk, found=found)


def _is_urgent(level: Urgency | None) -> bool:
    return level is not None and level >= Urgency.URGENT


def _form_level(forms: Forms) -> Urgency | None:
    risk = forms.suicide_risk.urgency if forms.suicide_risk else None
    return most_urgent(risk, *(one.urgency for one in forms.screenings))


def _scores(forms: Forms) -> str:
    """What the questionnaires say, by rule, for the person and the service."""
    lines = [
        f"{one.instrument}: {_total(one)}{f' ({one.severity})' if one.severity else ''}; {one.why}"
        for one in forms.screenings
    ]
    if (risk := forms.suicide_risk) is not None:
        asked = f"; still to ask: {', '.join(risk.to_ask)}" if risk.to_ask else ""
        lines.append(f"C-SSRS screener: {risk.level}{asked}")
    if forms.unread:
        lines.append(f"Answers that could not be read: {', '.join(forms.unread)}; ask them again")
    return "Scored by rule, not by a model. " + ". ".join(lines) + "."


def _total(one: Screening) -> str:
    return f"at least {one.at_least}" if one.total is None else f"{one.total:g}"


def _steps(strategy: Strategy) -> str:
    lines = [f"You could try: {strategy.name}."]
    lines += [f"{i}. {step}" for i, step in enumerate(strategy.steps, start=1)]
    return "\n".join([*lines, f"({strategy.source})"])


def _framed(text: str, heard: _Heard, where: Place) -> str:
    """The text, with the word after an earlier crisis, the disclosure, and an open door."""
    lines, turns = [text], heard.turns
    is_new = bool(heard.found.kinds() & SAFETY_ITEMS) or _is_urgent(_form_level(heard.forms))
    if heard.was_at_risk and not is_new:
        lines.insert(
            0,
            "You told me something hard before. Are you safe right now? You can reach "
            f"{' or '.join(where.crisis)} at any time.",
        )
    if len(turns) % DISCLOSE_EVERY == 1 and not SAYS_AI.search(text):
        lines.append(DISCLOSURE)
    return "\n\n".join(lines)
