"""Evaluating: the sealed test, opened once for the tuned model, against every other arm."""

from medtune.evaluate.stage import evaluate

__all__ = ["evaluate"]
