"""The parts of the evaluation beside the test: each is measured, or says why it was not."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from medtune.artifacts import (
    PLAIN_TUNE,
    Confidence,
    Dated,
    Domain,
    Fairness,
    Judged,
    LeftOut,
    Memorisation,
    Perturbed,
    Retained,
    SwapResult,
    Way,
)
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.evaluate.confidence import measure_confidence
from medtune.evaluate.dated import measure_dated
from medtune.evaluate.judge import Judge, measure_judged
from medtune.evaluate.likeness import measure_likeness
from medtune.evaluate.memorise import measure_memorisation
from medtune.evaluate.retain import measure_retention
from medtune.evaluate.robust import measure_robustness
from medtune.evaluate.subgroups import measure_fairness
from medtune.evaluate.subject import Subject
from medtune.evaluate.swap import measure_swaps
from medtune.evaluate.transfer import measure_left_out, measure_transfer
from medtune.records import Application, ArmResult, Estimate, Example, Objective

ZERO_SHOT = "zero_shot"
"""The baseline that stands for the base model."""


@dataclass(frozen=True)
class Setup:
    """The models, and what they are measured on beside the test."""

    tuned: Subject
    """What is under test: the base model with the adapter, or alone where nothing was tuned."""
    base: Subject
    baselines: Mapping[str, Callable[[Sequence[Example]], ArmResult]]
    """The arms of `decide` by name, without its small tunes and without what is under test."""
    way: Way = PLAIN_TUNE
    """What is under test."""
    plain: Application | None = None
    """The task as it writes its own prompt, where the way puts it otherwise."""
    objective: Objective | None = None
    """What the decision was about, where it is not the primary metric over all records."""
    retention: Sequence[Path] = ()
    """The files of `evaluate.retention`."""
    transfer: Mapping[str, Sequence[Example]] = field(
        default_factory=dict[str, Sequence[Example]], repr=False
    )
    """The examples of `evaluate.transfer`, by name."""
    held: Callable[[Sequence[Example]], Set[str]] = lambda _: frozenset[str]()
    """Ids of those that train holds."""
    dated: Sequence[Path] = ()
    """The files of `evaluate.dated_facts`."""
    judge: Judge | None = None
    tune_on: Callable[[str, Sequence[Example]], Subject] | None = None
    """A small tune, in a folder of this name, on these examples."""


class Parts(NamedTuple):
    """What `Evaluation` holds beside the test, by the same names."""

    confidence: Confidence | None
    fairness: Fairness | None
    swaps: list[SwapResult]
    retention: list[Retained]
    robustness: list[Perturbed]
    memorisation: Memorisation | None
    transfer: list[Domain]
    left_out: list[LeftOut]
    dated: list[Dated]
    judged: Judged | None
    likeness: Estimate | None
    not_measured: dict[str, str]


def measure_parts(bench: Bench, setup: Setup, results: Sequence[ArmResult]) -> Parts:
    """Every part; what cannot be measured is empty, with the reason in `not_measured`.

    One swap, perturbation or domain that cannot be measured takes no other with it.

    Args:
        bench: The models and the test.
        setup: What is measured beside it.
        results: The answers of every arm on the test.

    Raises:
        DataError: A file that the run names cannot be used.
    """
    base = next((result for result in results if result.name == ZERO_SHOT), None)
    one = bench.tried
    return Parts(
        confidence=one("confidence", lambda: measure_confidence(bench)),
        fairness=one("fairness", lambda: _fairness(bench, base)),
        swaps=one("swaps", lambda: measure_swaps(bench)) or [],
        retention=one("retention", lambda: measure_retention(bench, setup.retention)) or [],
        robustness=one("robustness", lambda: measure_robustness(bench)) or [],
        memorisation=one("memorisation", lambda: measure_memorisation(bench)),
        transfer=one("transfer", lambda: measure_transfer(bench, base, setup.transfer, setup.held))
        or [],
        left_out=one("left_out", lambda: measure_left_out(bench, setup.tune_on)) or [],
        dated=one("dated", lambda: measure_dated(bench, setup.dated)) or [],
        judged=one("judged", lambda: measure_judged(bench, setup.judge)),
        likeness=one("likeness", lambda: measure_likeness(bench)),
        not_measured=bench.missing,
    )


def _fairness(bench: Bench, base: ArmResult | None) -> Fairness:
    found = measure_fairness(
        bench.app,
        bench.answers,
        base,
        margin=bench.run.evaluate.subgroup_margin,
        resamples=bench.run.evaluate.resamples,
        seed=bench.run.seed,
    )
    if found is None:
        raise NotMeasured("the test examples state no subgroup attribute, such as sex or site")
    return found
