"""A whole run whose decision was made from simulated answers: no model, under a second."""

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tiny_study import APP, answering, examples, study

from medtune.artifacts import (
    CurvePoint,
    DataCard,
    Decision,
    Evaluation,
    Recipe,
    TuneRecord,
    canonical_sha256,
    sha256_file,
)
from medtune.config import Run
from medtune.decide.draw import ladder
from medtune.decide.kept import look_number
from medtune.decide.projection import Ladder
from medtune.decide.prompting import Desk
from medtune.decide.record import Answered, Head, record
from medtune.measure import arm_files, resumed

LEVELS = {"majority": 0.2, "zero_shot": 0.5, "few_shot": 0.5, "retrieval": 0.5}
TUNED = 0.5


@dataclass(frozen=True)
class Work:
    """A run's folder with everything from the data to the evaluation."""

    out: Path


def clean(folder: Path) -> Work:
    """The folder of a run that has decided, with what the later stages would write."""
    out = folder / "run"
    shutil.copytree(Path(_made().name) / "run", out)
    return Work(out)


@cache
def _made() -> TemporaryDirectory[str]:
    """Made once; every fault gets a copy."""
    place = TemporaryDirectory(prefix="medtune-faults-")
    out = Path(place.name) / "run"
    out.mkdir()
    _rest(out, _decided(study(out)))
    return place


def _decided(run: Run) -> Decision:
    validation = examples(24, "validation")
    rungs = ladder(20)
    names = [f"tune_{n}_{seed}" for n, seed in rungs[:-1]] + ["small_tune"]
    folder = run.out / "decide"
    results = {
        name: resumed(
            folder / f"{name}.jsonl",
            key="key",
            name=name,
            examples=validation,
            run=answering(name, LEVELS.get(name, TUNED), 0.5),
        )
        for name in (*LEVELS, *names)
    }
    outputs: dict[str, str] = {}
    for name in results:
        outputs |= arm_files(folder / f"{name}.jsonl", run.out)
    points = [CurvePoint(examples=n, seed=s, value=0, seconds=1) for n, s in rungs]
    train = examples(60, "train")
    answered = Answered(validation, _recipes(), Ladder(names, points, 60), results, {}, [])
    desk = Desk(run, APP, train, model=None)  # type: ignore[arg-type]  # nothing is asked
    inputs = {name: sha256_file(run.out / f"{name}.jsonl") for name in ("train", "validation")}
    head = Head("key", inputs, outputs, look_number(folder / "looks.json", "key"))
    decision = record(desk, answered, head)
    decision.save(run.out)
    return decision


@cache
def _recipes() -> dict[str, Recipe]:
    tried = {"one": 0.1, "two": 0.2}
    return {
        name: Recipe(
            wording="as written",
            shots=["train001", "train004"] if name == "few_shot" else [],
            passages=4 if name == "retrieval" else 0,
            tried=tried,
            n_search=8,
        )
        for name in ("zero_shot", "few_shot", "retrieval")
    }


def _rest(out: Path, decision: Decision) -> None:
    """The artifacts before and after, each made from the one before."""
    from planted import evaluation, tune_record  # the tests' own folder is on the path

    splits = {name: sha256_file(out / f"{name}.jsonl") for name in ("train", "validation", "test")}
    card = DataCard.load(out)
    card.model_copy(
        update={"outputs": {f"{name}.jsonl": digest for name, digest in splits.items()}}
    ).save(out)
    tune: TuneRecord = tune_record(
        inputs=splits | {"decision": decision.signature}, outputs={"adapter": "a1"}
    )
    tune.save(out)
    found: Evaluation = evaluation(inputs=splits | {"adapter": canonical_sha256(tune.outputs)})
    found.save(out)
