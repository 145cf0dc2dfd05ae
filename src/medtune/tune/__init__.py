"""Tuning: learn, exactly and fast, and never lose a run."""

from medtune.tune.fit import fit
from medtune.tune.metric import has_metric
from medtune.tune.outcome import Fit
from medtune.tune.parity import parity
from medtune.tune.rehearsal import Rehearsal, rehearse
from medtune.tune.stage import tune

__all__ = ["Fit", "Rehearsal", "fit", "has_metric", "parity", "rehearse", "tune"]
