"""The tune stage: from the splits on disk to an adapter with its record."""

from collections.abc import Mapping
from datetime import UTC, datetime

from medtune import __version__
from medtune.artifacts import TuneRecord, read_examples
from medtune.canary import plant_canaries, with_canaries
from medtune.config import Run
from medtune.llm.load import LanguageModel
from medtune.records import Application
from medtune.tune.distributed.control import leads
from medtune.tune.fit import fit
from medtune.tune.outcome import hashes


def tune(
    run: Run, app: Application, model: LanguageModel, *, key: str, inputs: Mapping[str, str]
) -> TuneRecord:
    """Tune on the train split, choose the step by the validation split, write `tune.json`.

    Raises:
        DataError: A split is missing or cannot be trained on.
        TuneError: Training cannot go on.
        MachineError: The disk is full.
    """
    done = fit(
        run,
        with_canaries(app),
        model,
        [*read_examples(run.out / "train.jsonl"), *plant_canaries(run.tune.canaries, run.seed)],
        read_examples(run.out / "validation.jsonl"),
        folder=run.out,
        what="tuning",
        identity=inputs,
    )
    numbers = {name: value for name, value in done._asdict().items() if name != "adapter"}
    record = TuneRecord(
        key=key,
        inputs=dict(inputs),
        outputs=hashes(run.out),
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        **numbers,
    )
    if leads():
        record.save(run.out)
    return record
