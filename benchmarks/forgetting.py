"""Accuracy against forgetting: one task, one model, the levers of `tune` one by one.

`benchmarks/forgetting.py RUN.yaml [--out FOLDER] [--examples N] [--items N] [--only NAME]`

Each point of the grid is a whole fit of the run file's task on at most N training examples. It is
asked the validation examples (the metric that decides; the step is chosen by their loss, so it is a
little too good for every fit) and medtune's retention battery (N items of each area), which no
point has seen; so is the base model. Lines are 95 % intervals. `half` and the like are the plain
fit at a share of its change. Points that are done are read from their files, so a run may be cut
short and started again. Writes forgetting.png and forgetting.json; the last line is one JSON
object.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtune import stats
from medtune.artifacts import canonical_sha256, read_examples, write_text
from medtune.config import Run, load_run
from medtune.measure import answered, more_is_better
from medtune.pipeline import CHAIN, Job
from medtune.records import Prediction

BASE, PLAIN = "base", "plain"
GRID: dict[str, dict[str, object]] = {
    PLAIN: {},
    "rate/3": {"learning_rate": 1 / 3},
    "rank 4": {"rank": 4, "alpha": 8.0},
    "replay 0.1": {"replay": 0.1},
    "replay 0.3": {"replay": 0.3},
    "towards start": {"towards_start": 30.0},
    "average": {"average": 0.9},
    "replay 0.3, average": {"replay": 0.3, "average": 0.9},
    "full": {"adapter": "full", "learning_rate": 0.1},
    "full, towards start": {"adapter": "full", "learning_rate": 0.1, "towards_start": 30.0},
}
"""Changes to the run file's `tune`; a learning rate is a multiple of the run file's."""
SHARES = {"a quarter": 0.25, "half": 0.5, "three quarters": 0.75}
"""Of the plain fit's change."""


class Point(NamedTuple):
    """One model on both scales."""

    metric: float
    """On validation; more is better."""
    retention: float
    """Accuracy on the battery, whose areas have as many items each."""
    metric_interval: tuple[float, float]
    """95 %."""
    retention_interval: tuple[float, float]
    areas: Mapping[str, float]
    seconds: float


class Asked(NamedTuple):
    """What every model is asked."""

    job: Job
    examples: int
    items: int
    out: Path


def point(asked: Asked, name: str, changes: Mapping[str, object]) -> Point:
    """Fit, ask, keep; or read what was kept."""
    run = changed(asked, name, changes)
    key = canonical_sha256({"run": run.model_dump(mode="json"), "asked": list(asked[1:3])})
    path = run.out / "point.json"
    if path.exists() and json.loads(path.read_text())["key"] == key:
        return Point(**json.loads(path.read_text())["point"])
    from medtune.tune import fit

    seconds, adapter = 0.0, None
    if name in SHARES:
        adapter = scaled(asked.out / "plain" / "adapter", run.out, SHARES[name])
    elif name != BASE:
        train = read_examples(asked.job.run.out / "train.jsonl")[: asked.examples]
        validation = read_examples(asked.job.run.out / "validation.jsonl")[: asked.examples]
        done = fit(
            run,
            asked.job.app,
            asked.job.load(),
            train,
            validation,
            folder=run.out,
            what=name,
            identity={},
        )
        seconds, adapter = done.seconds, done.adapter
    found = measured(asked, run, adapter, seconds)
    write_text(path, json.dumps({"key": key, "point": found._asdict()}) + "\n")
    return found


def changed(asked: Asked, name: str, changes: Mapping[str, object]) -> Run:
    """The run of a point."""
    run = asked.job.run
    factor = changes.get("learning_rate", 1.0)
    assert isinstance(factor, float)
    rate = {"learning_rate": run.tune.learning_rate * factor}
    out = asked.out / name.replace("/", "_over_").replace(" ", "_").replace(",", "")
    tune = type(run.tune).model_validate(run.tune.model_dump() | dict(changes) | rate)
    return run.model_copy(update={"tune": tune, "out": out})


def scaled(adapter: Path, out: Path, share: float) -> Path:
    """The adapter at a share of its change: its second matrices times it."""
    import shutil

    from safetensors.torch import load_file, save_file

    target = out / "adapter"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(adapter, target)
    file = target / "adapter_model.safetensors"
    tensors = load_file(file)
    moved = {n: t * share if ".lora_B." in n else t for n, t in tensors.items()}
    save_file(moved, file, {"format": "pt"})
    return target


def measured(asked: Asked, run: Run, adapter: Path | None, seconds: float) -> Point:
    """The model on the task and on the battery."""
    from medtune.evaluate import retention_answers, subject_of
    from medtune.llm.predict import predict

    job = asked.job
    lm = job.load(adapter)
    validation = read_examples(job.run.out / "validation.jsonl")[: asked.examples]
    result = predict(lm, job.app, validation, settings=run.evaluate, what=run.out.name)
    subject = subject_of(lm, run.out.name, run.evaluate)
    areas = retention_answers(subject, asked.items)
    every = [one for some in areas.values() for one in some]
    learnt = stats.bootstrap(more_is_better(job.app), answered(result), resamples=2000, seed=0)
    kept = stats.bootstrap(right, every, resamples=2000, seed=0)
    return Point(
        learnt.value,
        kept.value,
        (learnt.low, learnt.high),
        (kept.low, kept.high),
        {name: right(some) for name, some in areas.items()},
        seconds,
    )


def right(predictions: Sequence[Prediction]) -> float:
    """Share of right answers."""
    return sum(one.right for one in predictions) / len(predictions)


def front(points: Mapping[str, Point]) -> list[str]:
    """The points that no other beats on both scales."""
    return [
        name
        for name, one in points.items()
        if not any(
            other.metric >= one.metric and other.retention >= one.retention and other[:2] != one[:2]
            for other in points.values()
        )
    ]


def draw(points: Mapping[str, Point], path: Path, metric: str) -> None:
    """One dot for each model: to the right it kept more, upwards it learnt more."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 5.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    best = front(points)
    for name, one in points.items():
        colour = "#1F2933" if name == BASE else "#0072B2" if name in best else "#8A8F98"
        axes.plot(one.retention_interval, [one.metric] * 2, color=colour, alpha=0.3)
        axes.plot([one.retention] * 2, one.metric_interval, color=colour, alpha=0.3)
        axes.scatter(one.retention, one.metric, color=colour, s=42, zorder=3)
        axes.annotate(
            name, (one.retention, one.metric), (6, 4), textcoords="offset points", fontsize=8
        )
    axes.axvline(points[BASE].retention, color="#D9DEE4", zorder=1)
    axes.set_xlabel("kept: accuracy on the retention battery, mean of its areas")
    axes.set_ylabel(f"learnt: {metric} on validation")
    axes.set_title("Accuracy against forgetting (blue: beaten by none on both)", fontsize=10)
    axes.grid(color="#E9EDF1", zorder=0)
    figure.savefig(path)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run file")
    parser.add_argument(
        "--only", action="append", default=[], help="a point of the grid; none means all LoRA ones"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/forgetting"))
    parser.add_argument("--examples", type=int, default=400)
    parser.add_argument("--items", type=int, default=60)
    parser.add_argument("--set", action="append", default=[], help="as of medtune: key.path=value")
    return parser.parse_args()


def main() -> None:
    """Measure the points, draw them, print the JSON."""
    given = options()
    run = load_run(given.run, given.set)
    job = Job(run.model_copy(update={"out": given.out / "data"}))
    CHAIN["data"](job)
    asked = Asked(job, given.examples, given.items, given.out)
    names = given.only or [name for name in GRID if not name.startswith("full")]
    points = {BASE: point(asked, BASE, {}), PLAIN: point(asked, PLAIN, GRID[PLAIN])}
    points |= {name: point(asked, name, {}) for name in SHARES}
    points |= {name: point(asked, name, GRID[name]) for name in names if name != PLAIN}
    for name, one in points.items():
        print(f"{name:24} {one.metric:.3f} {one.retention:.3f} {one.seconds:7.1f} s")
    draw(points, given.out / "forgetting.png", job.app.primary)
    result = {
        "app": job.app.name,
        "metric": job.app.primary,
        "points": {name: one._asdict() for name, one in points.items()},
        "front": front(points),
    }
    write_text(given.out / "forgetting.json", json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
