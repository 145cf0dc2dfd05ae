"""Coping strategies out of a curated table, chosen by what a person says they need.

The table is `tables/coping.yaml`: own wording, each technique with its source. Nothing here is
written by a model.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

Need = Literal["low_mood", "anxiety", "panic", "sleep", "stress", "anger", "lonely", "urge"]
NEEDS: tuple[Need, ...] = get_args(Need)
TABLE = Path(__file__).with_name("tables") / "coping.yaml"
WORDS: Mapping[Need, re.Pattern[str]] = {
    "panic": re.compile(r"\bpanic"),
    "urge": re.compile(r"\b(?:urge|urges|craving|cravings|relapse)\b"),
    "sleep": re.compile(r"\b(?:sleep|sleeping|slept|insomnia|awake|nightmares?)\b"),
    "anxiety": re.compile(r"\b(?:anxious|anxiety|worry|worried|worrying|nervous|fear|afraid)"),
    "low_mood": re.compile(
        r"\b(?:sad|depress\w*|down|blue|cry|crying|tearful|empty|numb|tired|unmotivated|low)\b"
    ),
    "stress": re.compile(
        r"\b(?:stress\w*|overwhelm\w*|pressure|deadline|too much|burn(?:ed|t) out)"
    ),
    "anger": re.compile(r"\b(?:angry|anger|furious|rage|irritable|irritated|snapping)\b"),
    "lonely": re.compile(r"\b(?:lonely|alone|isolated|no friends|nobody to talk)\b"),
}


@dataclass(frozen=True, slots=True)
class Strategy:
    """One technique."""

    id: str
    name: str
    needs: tuple[Need, ...]
    steps: tuple[str, ...]
    source: str


@cache
def strategies() -> tuple[Strategy, ...]:
    """Every strategy of the table, in its order."""
    raw = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["strategies"]
    return tuple(
        Strategy(one["id"], one["name"], tuple(one["for"]), tuple(one["steps"]), one["source"])
        for one in raw
    )


@cache
def safety_plan() -> tuple[str, ...]:
    """The steps of a safety plan, for a person to fill in with somebody."""
    return tuple(yaml.safe_load(TABLE.read_text(encoding="utf-8"))["safety_plan"]["steps"])


def needs_of(text: str) -> tuple[Need, ...]:
    """What a message speaks of, most pressing first; empty if nothing is recognised."""
    lowered = text.lower()
    return tuple(need for need, pattern in WORDS.items() if pattern.search(lowered))


def choose(needs: Sequence[Need], most: int = 2) -> tuple[Strategy, ...]:
    """The strategies that serve the needs best: more needs first, then the order of the table."""
    wanted = frozenset(needs)
    ranked = sorted(
        (one for one in strategies() if wanted & frozenset(one.needs)),
        key=lambda one: -len(wanted & frozenset(one.needs)),
    )
    return tuple(ranked[:most])
