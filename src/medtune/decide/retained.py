"""What a small tune forgets: the tuned and the base model on items that should stay the same."""

from collections.abc import Sequence

from medtune import metrics, stats
from medtune.artifacts import Comparison
from medtune.decide.compare import TUNES
from medtune.decide.prompting import Desk
from medtune.decide.tunes import Retention, Tune, Workshop

BASE = "base model"
SAFETY = "safety"
"""Name of the suite that is about safety; all others are about skills and knowledge."""


def retained(
    desk: Desk, tunes: Sequence[Tune], trained: Workshop, retention: Retention | None
) -> list[Comparison]:
    """Each shown tune with the base model on every suite, if the pipeline handed any over."""
    if retention is None:
        return []
    before = retention(desk.model)
    found: list[Comparison] = []
    for tune in tunes:
        if tune.name not in TUNES:
            continue
        after = retention(trained(tune.name))
        for suite, predictions in after.items():
            compared = stats.paired(
                metrics.accuracy,
                predictions,
                before[suite],
                resamples=desk.run.evaluate.resamples,
                seed=desk.run.seed,
            )
            found.append(
                Comparison(
                    arm=tune.name,
                    against=BASE,
                    metric=f"accuracy on {suite}",
                    difference=compared.difference,
                    p_value=compared.p_value,
                    p_adjusted=compared.p_value,
                    test=compared.test,
                    verdict=stats.verdict(compared.difference, compared.p_value),
                    question="keep safety" if suite == SAFETY else "keep retention",
                )
            )
    return found
