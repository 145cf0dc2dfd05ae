"""What broke: the same items before and after tuning, by the same scorer."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from medtune import stats
from medtune.artifacts import Retained
from medtune.evaluate.battery import APP, AREA, OWN, Battery, chance, own_battery, read_battery
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.evaluate.subject import Subject
from medtune.measure import answered
from medtune.metrics import accuracy
from medtune.progress import say
from medtune.records import Estimate, Example, Prediction, Verdict


class _Area(NamedTuple):
    """One area of one battery, before Holm's correction."""

    source: str
    area: str
    items: list[Example]
    before: list[Prediction]
    after: list[Prediction]
    flips: stats.Flips


def measure_retention(bench: Bench, suites: Sequence[Path]) -> list[Retained]:
    """Every area of medtune's own battery and of the user's.

    Args:
        bench: The models.
        suites: The files of `evaluate.retention`.

    Raises:
        NotMeasured: Nothing was tuned, or there is no item.
    """
    bench.needs_tuning()
    n_each = bench.run.evaluate.retention_items
    own = [own_battery(n_each)] if n_each else []
    batteries = [*own, *(read_battery(path) for path in suites)]
    if not batteries:
        raise NotMeasured("evaluate.retention_items is 0, and evaluate.retention is empty")
    areas = [area for i, battery in enumerate(batteries) for area in _areas(bench, battery, i)]
    adjusted = stats.holm([area.flips.p_value for area in areas])
    return [_retained(bench, area, p) for area, p in zip(areas, adjusted, strict=True)]


def retention_answers(
    subject: Subject, n_each: int, suites: Sequence[Path] = ()
) -> dict[str, list[Prediction]]:
    """One model's answers to medtune's battery and the user's, by area, for whoever compares."""
    found: dict[str, list[Prediction]] = {}
    for battery in (own_battery(n_each), *(read_battery(path) for path in suites)):
        answers = subject.ask(APP, battery.examples).predictions
        for example, answer in zip(battery.examples, answers, strict=True):
            name = example.subgroups[AREA]
            area = name if battery.source == OWN else f"{name} ({battery.source})"
            found.setdefault(area, []).append(answer)
    return found


def _areas(bench: Bench, battery: Battery, number: int) -> list[_Area]:
    say(f"evaluate: retention: base and tuned on {len(battery.examples)} items of {battery.source}")
    before, after = (
        {
            p.id: p
            for p in answered(bench.answered(subject, f"retention-{number}", APP, battery.examples))
        }
        for subject in (bench.base, bench.tuned)
    )
    found: list[_Area] = []
    for name in battery.areas:
        items = [
            example
            for example in battery.examples
            if example.subgroups[AREA] == name and example.id in before and example.id in after
        ]
        early, late = ([answers[item.id] for item in items] for answers in (before, after))
        if len(items) >= stats.MIN_GROUPS:
            flips = stats.flips(early, late)
            found.append(_Area(battery.source, name, items, early, late, flips))
    return found


def _retained(bench: Bench, area: _Area, p_adjusted: float) -> Retained:
    both = zip(area.before, area.after, strict=True)
    change = bench.mean(
        [(late.group, float(late.right) - float(early.right)) for early, late in both], lowest=-1.0
    )
    margin = bench.run.evaluate.retention_margin
    return Retained(
        area=area.area,
        source=area.source,
        chance=chance(area.items),
        before=bench.estimate(accuracy, area.before),
        after=bench.estimate(accuracy, area.after),
        change=change,
        p_adjusted=p_adjusted,
        margin=margin,
        kept=_kept(change, p_adjusted, margin),
        right_to_wrong=area.flips.right_to_wrong,
        wrong_to_right=area.flips.wrong_to_right,
    )


def _kept(change: Estimate, p_adjusted: float, margin: float) -> Verdict:
    """Lost only if the corrected test says so, too."""
    found = stats.is_kept(change, margin)
    return "not_enough_data" if found == "no" and p_adjusted >= stats.ALPHA else found
