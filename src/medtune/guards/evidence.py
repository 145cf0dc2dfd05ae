"""What a guard judges: the artifacts of one run, read and never written."""

from collections.abc import Callable
from typing import NamedTuple

from medtune.artifacts import Arm, DataCard, Decision, Evaluation, TuneRecord
from medtune.config import Run
from medtune.records import Finding

SMALL_TUNE = "small_tune"
"""Name of the small tune's arm in the decision."""
TUNE_RETRIEVAL = "tune_retrieval"
"""The same on prompts with retrieved passages."""


class Facts(NamedTuple):
    """What the artifacts do not hold and a guard needs. Empty means that nobody stated it."""

    intended_use: str = ""
    not_for: str = ""
    model_licence: str = ""
    machine_memory_gb: float | None = None
    """Memory of the machine that judges, or of its GPU; None if it is not known."""
    lower_is_better: frozenset[str] = frozenset()
    """Names of the metrics where less is better."""


class Evidence(NamedTuple):
    """The artifacts of one run."""

    run: Run
    data: DataCard
    decision: Decision
    tune: TuneRecord | None
    """None where nothing was tuned."""
    evaluation: Evaluation
    facts: Facts = Facts()

    @property
    def subject(self) -> Arm | None:
        """What is to be released, on the sealed test; None if it was not measured."""
        return arm_named(self.evaluation.way.name, self.evaluation.arms)


class Guard(NamedTuple):
    """One thing that can go wrong, and who judges whether it did."""

    name: str
    asks: str
    judge: Callable[[Evidence], list[Finding]] | None
    """A pure function from the artifacts to findings; None where it is not built yet."""


def arm_named(name: str, arms: list[Arm]) -> Arm | None:
    """The arm of that name, or None if it was not measured."""
    return next((arm for arm in arms if arm.name == name), None)
