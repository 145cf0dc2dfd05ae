"""Whom to call, by place, and what is said first when a red flag is met.

The tables `helplines.yaml` and `advice.yaml` are dated and name their sources. A place that is not
known gets the numbers of several places rather than those of one, for a line of the wrong country
helps nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from medtune.clinical.redflags.engine import Hit, Triage
from medtune.clinical.urgency import Urgency
from medtune.errors import ConfigError, did_you_mean

TABLES = Path(__file__).with_name("tables")
UNKNOWN = "unknown"
OTHERS = frozenset({"child", "other"})
CRISIS = frozenset({"suicide", "mind", "violence", "abuse"})
SPANISH_WORDS = frozenset(
    (
        *("el", "la", "los", "las", "que", "de", "en", "mi", "me", "no", "se", "un", "una", "y"),
        *("estoy", "tengo", "quiero", "hijo", "hija", "por", "con", "esta", "duele", "siento"),
        *("mucho", "ya", "muy", "su", "para"),
    )
)
SPANISH_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Place:
    """What holds in one jurisdiction."""

    code: str
    name: str
    emergency: str
    crisis: tuple[str, ...]
    """Free lines for somebody who thinks of suicide, best first."""
    poison: str
    nurse: str
    therapy: bool
    """Whether a machine may offer coping strategies as support; if not, it refers only."""
    disclose_every_hours: int | None
    """How often to repeat that this is an AI; None is at the start only."""
    law: str
    checked: str
    """Year and month in which the numbers were compared with their sources."""


@cache
def places() -> Mapping[str, Place]:
    """Every place of the table by its code."""
    raw = yaml.safe_load((TABLES / "helplines.yaml").read_text(encoding="utf-8"))["places"]
    found: dict[str, Place] = {}
    for code, own in raw.items():
        full = {**raw.get(own.get("parent"), {}), **own}
        full.pop("parent", None)
        full["crisis"] = tuple(full["crisis"])
        found[code] = Place(code=code, **full)
    return found


def place(code: str) -> Place:
    """The place of a code such as us, us-il, uk or es.

    Raises:
        ConfigError: There is none of that code.
    """
    known = places()
    if code not in known:
        raise ConfigError(f"place {code!r}: unknown{did_you_mean(code, known)}; see helplines.yaml")
    return known[code]


@cache
def _advice() -> Mapping[str, Mapping[str, str]]:
    return yaml.safe_load((TABLES / "advice.yaml").read_text(encoding="utf-8"))


def actions() -> frozenset[str]:
    """The keys of the English advice, which the rules name as their action."""
    return frozenset(_advice()["english"])


def lead(triage: Triage, where: Place, *, spanish: bool = False) -> str | None:
    """What an answer must begin with, or None if no rule was met.

    The first rule's advice comes first. If the body and the mind both are in danger, both are told.
    """
    if not triage.hits:
        return None
    first = triage.hits[0]
    chosen = [first]
    if first.rule.urgency >= Urgency.URGENT:
        is_crisis = first.rule.kind in CRISIS
        chosen += [
            hit
            for hit in triage.hits[1:]
            if hit.rule.urgency >= Urgency.URGENT and (hit.rule.kind in CRISIS) != is_crisis
        ][:1]
    told = dict.fromkeys(_text(hit, where, spanish=spanish) for hit in chosen)
    return "\n\n".join(told)


def _text(hit: Hit, where: Place, *, spanish: bool) -> str:
    if spanish and hit.rule.urgency >= Urgency.URGENT:
        text = _advice()["spanish"][_spanish_key(hit)]
    else:
        english = _advice()["english"]
        about_other = f"{hit.rule.action}_other"
        is_other = hit.who in OTHERS and about_other in english
        text = english[about_other if is_other else hit.rule.action]
    return _filled(text, where)


def advice(action: str, where: Place) -> str:
    """The English advice of an action (one of `actions()`), with the lines of a place."""
    return _filled(_advice()["english"][action], where)


def _filled(text: str, where: Place) -> str:
    return text.format(
        emergency=where.emergency,
        crisis=" or ".join(where.crisis),
        poison=where.poison,
        nurse=where.nurse,
    )


def _spanish_key(hit: Hit) -> str:
    if hit.rule.kind == "poison":
        return "poison_emergency"
    kind = "crisis" if hit.rule.kind in CRISIS else "body"
    return f"{kind}_{hit.rule.urgency.word}"


def is_spanish(text: str) -> bool:
    """Whether a message is written in Spanish, by its little words."""
    words = text.lower().split()
    hits = sum(word.strip("¿?¡!.,") in SPANISH_WORDS for word in words)
    return bool(words) and hits / len(words) >= SPANISH_SHARE
