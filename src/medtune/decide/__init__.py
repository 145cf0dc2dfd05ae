"""Deciding: prompt, retrieve, tune, or collect more data? Measured, not guessed."""

from medtune.decide.audit import audit, refuse_unsound
from medtune.decide.goal import objective_on, rule_of
from medtune.decide.kept import Keys
from medtune.decide.prompting import Desk, arms
from medtune.decide.stage import decide
from medtune.decide.tunes import Handed

__all__ = [
    "Desk",
    "Handed",
    "Keys",
    "arms",
    "audit",
    "decide",
    "objective_on",
    "refuse_unsound",
    "rule_of",
]
