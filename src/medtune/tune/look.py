"""A look between two steps: how good are the weights that would be kept, and is it by heart?"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from medtune.artifacts import Watched
from medtune.errors import TuneError
from medtune.progress import say
from medtune.tune.distributed.control import leads
from medtune.tune.job import Job
from medtune.tune.keep import as_kept
from medtune.tune.lora import snapshot
from medtune.tune.ranks import Ranks
from medtune.tune.resume import Tuning
from medtune.tune.state import after_look
from medtune.tune.watch import VALIDATION, watched

Row = Mapping[str, int | float | str]


class Looked(NamedTuple):
    """What a look found."""

    tuning: Tuning
    row: Row
    """For the journal."""
    watched: Watched | None


def look(job: Job, team: Ranks, tuning: Tuning, before: Sequence[Watched]) -> Looked:
    """Measure the weights that would be kept, and keep them if they are the best so far.

    Args:
        job: What is learnt.
        team: The processes.
        tuning: Where the training is.
        before: What earlier looks showed.

    Raises:
        TuneError: The validation loss is not finite.
    """
    started, tune, step = time.perf_counter(), job.run.tune, tuning.state.step
    with as_kept(tuning.adapter, tuning.mean, tune.interpolate):
        seen = team.look()
        loss = seen[VALIDATION].loss
        if not math.isfinite(loss):
            raise TuneError(
                f"step {step}: the validation loss is {loss}; lower tune.learning_rate, or set "
                "model.numerics to float32"
            )
        metric = None if job.metric is None else job.metric()
        seconds = time.perf_counter() - started
        state = after_look(tuning.state, loss, seconds, metric)
        best = snapshot(tuning.adapter) if state.best_step == step else tuning.best
    found = watched(step, seen, before, codes=tune.objective == "sft")
    if leads() and found is not None and found.sign != (before[-1].sign if before else "none"):
        say(f"tune: {found.says}")
    row: dict[str, int | float | str] = {"step": step, "validation_loss": loss}
    if metric is not None:
        row["metric"] = metric
    row |= {} if found is None else _row(found)
    return Looked(tuning._replace(state=state, best=best), row | {"seconds": seconds}, found)


def _row(found: Watched) -> Row:
    """What the journal keeps beside the loss, from which `watched_before` reads it again."""
    named = found.model_dump(exclude={"step", "validation_loss"}, exclude_none=True)
    return {f"watched_{name}": value for name, value in named.items()}


def watched_before(rows: Sequence[Mapping[str, object]]) -> list[Watched]:
    """What the looks of a journal showed."""
    found: list[Watched] = []
    for row in rows:
        named = {
            key.removeprefix("watched_"): value
            for key, value in row.items()
            if key.startswith("watched_")
        }
        if named:
            whole = {"canary_bits": None, **named}
            kept = {name: row[name] for name in ("step", "validation_loss")}
            found.append(Watched.model_validate({**whole, **kept}))
    return found
