"""Several fits in one run: a sweep by successive halving, and several seeds.

Each candidate is a fit of its own in `<out>/sweep/<number>`, with the schedule of its whole length.
It pauses at the end of a round and goes on from its checkpoint in the next, so no step is computed
twice, and the winner ends as if it had never been compared.

Source: Jamieson and Talwalkar 2016, arXiv:1502.07943 (successive halving, an equal share of the
budget for each round).
"""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtune.artifacts import SeedFit, Tried
from medtune.config import Run
from medtune.errors import ConfigError
from medtune.progress import say
from medtune.tune.disk import whole_folder
from medtune.tune.distributed.control import leads
from medtune.tune.outcome import ADAPTER, CHECKPOINTS, JOURNAL, Fit, is_cut_short
from medtune.tune.state import State

SWEEP, SEEDS = "sweep", "seeds"
"""Folders of the fits, in the run's folder."""


class Round(NamedTuple):
    """One round of a sweep."""

    n: int
    """Candidates in it."""
    until: int
    """The step up to which each of them is trained."""


class Found(NamedTuple):
    """How good a fit is, and what it has cost so far."""

    steps: int
    validation_loss: float
    metric: float | None
    seconds: float
    n_tokens: int
    n_supervised: int
    kwh: float
    co2_kg: float

    @property
    def score(self) -> tuple[float, float]:
        """More is better."""
        return (-math.inf if self.metric is None else self.metric, -self.validation_loss)


class Swept(NamedTuple):
    """What came of a sweep."""

    number: int
    """The winner."""
    run: Run
    """With the winner's settings."""
    tried: tuple[Tried, ...]
    others: list[Found]
    """What the losers cost."""


FitUntil = Callable[[Run, Path, str, int], Fit | State]
"""Trains a run in a folder, named for the progress line, up to a step; 0 is up to the end."""


def rounds(n: int, budget: int, *, every: int, last: int) -> list[Round]:
    """The rounds of a sweep over `n` candidates, each with the same share of the budget.

    Args:
        n: Candidates.
        budget: Steps of all candidates together; never exceeded.
        every: Steps between two looks: a round ends at one.
        last: The last step of a fit.

    Raises:
        ConfigError: The budget does not reach for a look at each candidate.
    """
    n_rounds = math.ceil(math.log2(n))
    if budget < n_rounds * n * every:
        raise ConfigError(
            f"tune.sweep.steps: {budget} are too few for a look at each of {n} combinations in "
            f"{n_rounds} rounds; raise it to {n_rounds * n * every}, or lower tune.validate_every"
        )
    made: list[Round] = []
    left, done = n, 0
    for _ in range(n_rounds):
        done = min(last, done + budget // n_rounds // left // every * every)
        made.append(Round(left, done))
        left = math.ceil(left / 2)
    return made


def sweep(run: Run, n_steps: int, fit_until: FitUntil) -> Swept:
    """Try the combinations of `tune.sweep`; called again, it goes on where it was.

    Args:
        run: The run.
        n_steps: Optimizer steps of a whole fit.
        fit_until: Trains a candidate.

    Raises:
        ConfigError: The budget is too small.
    """
    asked = run.tune.sweep
    assert asked is not None, "the caller looked"
    settings = asked.combinations
    runs = [run.model_copy(update={"tune": run.tune.model_copy(update=one)}) for one in settings]
    found: dict[int, Found] = {}
    left = list(range(len(runs)))
    plan = rounds(len(runs), asked.steps, every=run.tune.validate_every, last=n_steps)
    for number, one in enumerate(plan, start=1):
        for at in left:
            what = f"sweep, round {number} of {len(plan)}: {_named(settings[at])}"
            found[at] = _found(fit_until(runs[at], run.out / SWEEP / str(at), what, one.until))
        left.sort(key=lambda at: found[at].score, reverse=True)
        left = sorted(left[: math.ceil(one.n / 2)])
    (winner,) = left
    if leads():
        say(f"sweep: {_named(settings[winner])} is the best of {len(runs)} and is kept")
    tried = tuple(
        Tried(
            settings=settings[at],
            steps=found[at].steps,
            validation_loss=found[at].validation_loss,
            validation_metric=found[at].metric,
            chosen=at == winner,
        )
        for at in range(len(runs))
    )
    return Swept(winner, runs[winner], tried, [found[at] for at in found if at != winner])


def fit_seeds(run: Run, folders: Sequence[Path], fit_until: FitUntil) -> tuple[int, list[Fit]]:
    """Fit once with each seed, in a folder each; the place of the best, and all of them."""
    fits: list[Fit] = []
    for number, folder in enumerate(folders):
        seed = run.seed + number
        what = "tuning" if len(folders) == 1 else f"tuning, seed {seed}"
        done = fit_until(run.model_copy(update={"seed": seed}), folder, what, 0)
        assert isinstance(done, Fit), "it was asked for the end"
        fits.append(done)
    best = max(range(len(fits)), key=lambda at: _found(fits[at]).score)
    return best, fits


def seed_records(run: Run, fits: Sequence[Fit], best: int) -> tuple[SeedFit, ...]:
    """What the record says of several seeds; nothing of one."""
    if len(fits) == 1:
        return ()
    return tuple(
        SeedFit(
            seed=run.seed + at,
            best_step=one.best_step,
            validation_loss=one.validation_loss,
            validation_metric=one.validation_metric,
            kept=at == best,
        )
        for at, one in enumerate(fits)
    )


def with_costs(kept: Fit, fits: Sequence[Fit], others: Sequence[Found]) -> Fit:
    """The fit that is kept, with the time and the tokens of all."""
    every = [*map(_found, fits), *others]
    return kept._replace(
        seconds=sum(one.seconds for one in every),
        tokens_seen=sum(one.n_tokens for one in every),
        supervised_seen=sum(one.n_supervised for one in every),
        peak_memory_gb=max(one.peak_memory_gb for one in fits),
        energy_kwh=None if kept.energy_kwh is None else sum(one.kwh for one in every),
        co2_kg=None if kept.co2_kg is None else sum(one.co2_kg for one in every),
    )


def bring(folder: Path, out: Path) -> None:
    """Put the adapter and the journal of a fit where those of the run lie."""
    if folder == out:
        return
    with whole_folder(out / ADAPTER) as part:
        for path in (folder / ADAPTER).iterdir():
            shutil.copyfile(path, part / path.name)
    shutil.copyfile(folder / JOURNAL, out / JOURNAL)


def tidy(out: Path, folders: Sequence[Path]) -> None:
    """Delete what only an unfinished search needs; the journals of all fits stay.

    Where a budget ended one of the fits, all stay as they are, to go on from with a larger one.
    """
    tried = (*(out / SWEEP).glob("*"), *folders)
    if any(is_cut_short(folder) for folder in tried):
        return
    for folder in tried:
        if folder != out:
            for name in (ADAPTER, CHECKPOINTS):
                shutil.rmtree(folder / name, ignore_errors=True)


def _found(one: Fit | State) -> Found:
    if isinstance(one, Fit):
        return Found(
            one.steps,
            one.validation_loss,
            one.validation_metric,
            one.seconds,
            one.tokens_seen,
            one.supervised_seen,
            one.energy_kwh or 0.0,
            one.co2_kg or 0.0,
        )
    assert one.best_loss is not None, "a round ends with a look"
    return Found(
        one.step,
        one.best_loss,
        one.best_metric,
        one.seconds,
        one.n_tokens,
        one.n_supervised,
        one.kwh,
        one.co2_kg,
    )


def _named(settings: Mapping[str, int | float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in settings.items())
