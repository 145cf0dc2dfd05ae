"""The tune stage: from the splits on disk to an adapter with its record."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from medtune import __version__
from medtune.artifacts import TuneRecord, read_examples
from medtune.canary import plant_canaries, with_canaries
from medtune.config import Run
from medtune.llm.load import LanguageModel
from medtune.records import Application, Objective
from medtune.tune.distributed.control import leads, on_lead
from medtune.tune.fit import fit_until
from medtune.tune.job import Job, job
from medtune.tune.outcome import Fit, hashes
from medtune.tune.search import (
    SEEDS,
    SWEEP,
    Found,
    bring,
    fit_seeds,
    seed_records,
    sweep,
    tidy,
    with_costs,
)
from medtune.tune.state import State


def tune(
    run: Run,
    app: Application,
    model: LanguageModel,
    *,
    key: str,
    inputs: Mapping[str, str],
    objective: Objective | None = None,
) -> TuneRecord:
    """Tune on the train split, choose the step by the validation split, write `tune.json`.

    With `tune.sweep` the settings are chosen first, and with `tune.seeds` the best of several fits
    is kept; what all of them cost is in the record. With `tune.stop_on: metric` looks go by the
    objective, or by the primary metric over all where there is none.

    Raises:
        ConfigError: The sweep's budget is too small.
        DataError: A split is missing or cannot be trained on.
        TuneError: Training cannot go on.
        MachineError: The disk is full.
    """
    train = [*read_examples(run.out / "train.jsonl"), *plant_canaries(run.tune.canaries, run.seed)]
    validation = read_examples(run.out / "validation.jsonl")

    def job_of(asked: Run) -> Job:
        return job(asked, with_canaries(app), model, train, validation, objective=objective)

    def train_until(asked: Run, folder: Path, what: str, step: int) -> Fit | State:
        made = job_of(asked)
        return fit_until(made, folder, what, inputs, step or len(made.steps))

    settled, tried, first = run, (), run.out
    others: list[Found] = []
    if run.tune.sweep is not None:
        n_steps = len(job_of(run).steps)
        number, settled, tried, others = sweep(run, n_steps, train_until)
        first = run.out / SWEEP / str(number)
    elif run.tune.seeds > 1:
        first = run.out / SEEDS / str(run.seed)
    more = [run.out / SEEDS / str(run.seed + at) for at in range(1, run.tune.seeds)]
    best, fits = fit_seeds(settled, [first, *more], train_until)
    on_lead(lambda: bring([first, *more][best], run.out))
    record = TuneRecord(
        key=key,
        inputs=dict(inputs),
        outputs=hashes(run.out),
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seeds=seed_records(run, fits, best),
        tried=tried,
        **with_costs(fits[best], fits, others).numbers,
    )
    if leads():
        record.save(run.out)
        tidy(run.out, [first, *more])
    return record
