"""Deciding: prompt, tune, use a classical baseline, or collect more data? Measured, not guessed."""

from medtune.decide.arms import arms
from medtune.decide.stage import decide
from medtune.decide.verdict import RULE

__all__ = ["RULE", "arms", "decide"]
