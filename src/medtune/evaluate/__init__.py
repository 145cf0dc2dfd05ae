"""Evaluating: the sealed test, opened once for the tuned model, against every other arm.

Then for whom, how sure, and what broke. Each part is a file of its own; `parts` runs them all.
"""

from medtune.evaluate.judge_model import judge_of
from medtune.evaluate.parts import Setup
from medtune.evaluate.retain import retention_answers
from medtune.evaluate.stage import evaluate
from medtune.evaluate.subject import Subject, subject_of

__all__ = ["Setup", "Subject", "evaluate", "judge_of", "retention_answers", "subject_of"]
