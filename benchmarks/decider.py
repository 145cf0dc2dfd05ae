"""How often is the decider right? `benchmarks/decider.py [--cases N] [--families F] [--keep FILE]`.

Simulated studies: an experiment is drawn from known accuracies (arms that share the difficulty of
an example and of its group, tunes that follow a known curve and differ from draw to draw), and goes
through the code that `medtune decide` runs, from the answers to the verdict. The truth is known. A
case is one where one answer is clearly right: the best arm is ahead by 0.12 or more, more data
would bring that much, or no arm knows anything. A second part asks the hard question: how often is
a tune recommended that is exactly as good as the margin asks for, and no better?

The families for development differ from those of the report in the shape of the curves, the number
of labels, the sizes and the correlations. The rule was written before, and looked at on the first
only.

With `--keep`, each case that is done is a line in that file, and the same command goes on where it
was stopped. With `--real`, the embedded model does the same on tasks that are made up so that the
best way is known (`benchmarks/decider_real.py`). The last line is one JSON object.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from medtune.artifacts import CurvePoint, Decision
from medtune.config import DataSection, EvaluateSection, ModelSection, Run, SourceSection
from medtune.decide.draw import ladder
from medtune.decide.projection import Ladder
from medtune.decide.prompting import Desk
from medtune.decide.record import Answered, Head, record
from medtune.metrics import accuracy, macro_f1
from medtune.records import Application, ArmResult, Example, Message, Prediction

CLEAR = 0.12
"""By how much the best answer of a case is ahead."""
EDGE = "tune at the margin"
Asked = tuple[str, int, str, int]
"""What is best, the seed, the families, the resamples."""
FAMILIES = ("tune", "prompt", "retrieve", "collect_more_data", "nothing_works")


@dataclass(frozen=True)
class World:
    """What is true in one case."""

    best: str
    arms: dict[str, float]
    """Accuracy of each arm that is not tuned."""
    curve: Callable[[float], float]
    """Accuracy of a tune by its training examples."""
    labels: int
    balanced: bool
    groups: int
    per_group: int
    train: int
    tune: int
    """Training examples of the largest small tune."""
    draw_sd: float
    """Between tunes of the largest size that differ by their draw only."""
    fading: float
    """It falls with the examples to this power."""
    alike: float
    """Correlation of the difficulty within a group."""
    shared: float
    """Correlation of rightness between two arms on one example."""


def curve_of(
    chance: np.random.Generator, form: str, ends: tuple[float, float, float], n: int
) -> Callable[[float], float]:
    """A curve through `now` at n examples and `later` at 4 n, and never below guessing."""
    guess, now, later = ends
    if form == "power":
        rate = chance.uniform(0.3, 0.8)
        drop = (later - now) / (n**-rate - (4 * n) ** -rate)
        limit = now + drop * n**-rate
        return lambda m: float(np.clip(limit - drop * m**-rate, guess, 0.98))
    if form == "steps":  # rises like a logistic of log n: flat, steep, flat
        middle = n * chance.uniform(0.3, 1.2)
        steep = chance.uniform(0.9, 1.8)

        def share(m: float) -> float:
            return 1 / (1 + (middle / m) ** steep)

        height = (later - now) / (share(4 * n) - share(n))
        base = now - height * share(n)
        return lambda m: float(np.clip(base + height * share(m), guess, 0.98))
    slope = (later - now) / np.log(4)  # "log": a straight line in log n, levelling off beyond 4 n
    return lambda m: float(np.clip(now + slope * np.log(min(m, 4 * n) / n), guess, 0.98))


class Levels(NamedTuple):
    """The accuracies of a case, and its training examples."""

    arms: dict[str, float]
    now: float
    """Of a tune on all training examples."""
    later: float
    """On four times as many."""
    train: int
    tune: int


def levels(chance: np.random.Generator, best: str, guess: float, *, own: bool) -> Levels:
    """Draw accuracies of which `best` is clearly the right answer."""
    train = int(chance.choice([300, 800] if own else [200, 500, 1200]))
    tune = min(train, int(chance.choice([200, 256] if own else [160, 256, 480])))
    top = chance.uniform(0.75, 0.95)
    low = chance.uniform(guess, max(guess, top - CLEAR - 0.08))
    mid = chance.uniform(low, max(low, top - CLEAR))
    arms = {"zero_shot": low, "few_shot": mid, "retrieval": chance.uniform(low, mid)}
    behind = top - CLEAR - chance.uniform(0, 0.2)
    plain = {
        "tune": Levels(arms, top, min(0.97, top + chance.uniform(0.0, 0.03)), train, tune),
        "prompt": Levels(
            arms | {"few_shot": top, "retrieval": top - chance.uniform(0.0, 0.2)},
            behind,
            top - CLEAR,
            train,
            tune,
        ),
        "retrieve": Levels(arms | {"retrieval": top}, behind, top - CLEAR, train, tune),
        "nothing_works": Levels(dict.fromkeys(arms, guess), guess, guess, train, tune),
    }
    if best in plain:
        return plain[best]
    # Few data: all of them are in the largest tune, and it has begun to learn.
    train = int(chance.choice([100, 250] if own else [80, 160, 300]))
    later = min(0.97, top + 0.05)
    now = chance.uniform(guess + CLEAR, max(guess + CLEAR, later - 2 * CLEAR))
    high = min(now + chance.uniform(0.0, CLEAR), later - 1.25 * CLEAR)
    arms = {name: min(level, high) for name, level in arms.items()} | {"few_shot": high}
    return Levels(arms, now, later, train, train)


def world(seed: int, best: str, families: str) -> World:
    """Draw a case in which `best` is the right answer."""
    chance = np.random.default_rng([seed, FAMILIES.index(best), len(families)])
    own = families == "development"
    labels = int(chance.choice([2, 3, 5] if own else [2, 4, 7]))
    form = "power" if own else str(chance.choice(["power", "steps", "log"]))
    true = levels(chance, best, 1 / labels, own=own)
    ends = (1 / labels, true.now, max(true.later, true.now + 0.002))
    flat = best == "nothing_works"
    return World(
        best=best,
        arms=true.arms,
        curve=(lambda _: true.now)
        if flat
        else curve_of(chance, form, ends, min(true.train, 4 * true.tune)),
        labels=labels,
        balanced=bool(chance.integers(2)),
        groups=int(chance.choice([150, 300] if own else [120, 240, 400])),
        per_group=int(chance.choice([1, 2] if own else [1, 3])),
        train=true.train,
        tune=true.tune,
        draw_sd=float(chance.uniform(0.01, 0.04)),
        alike=float(chance.uniform(0.0, 0.3) if own else chance.uniform(0.1, 0.4)),
        shared=float(chance.uniform(0.2, 0.6) if own else chance.uniform(0.1, 0.8)),
        fading=float(chance.uniform(0.0, 0.25) if own else chance.uniform(0.0, 0.4)),
    )


def application(labels: Sequence[str], primary: str) -> Application:
    """A task of fixed labels, of which nothing but the metric is used."""
    return Application(
        name="simulated",
        intended_use="",
        not_for="",
        load=lambda _: iter(()),
        prompt=lambda example: [Message("user", example.id)],
        reply=lambda example: str(example.target),
        parse=lambda _, text: text,
        choices=lambda _: labels,
        metrics={"macro_f1": macro_f1(labels), "accuracy": accuracy},
        primary=primary,
    )


def answers(
    true: World, examples: Sequence[Example], chance: np.random.Generator
) -> dict[str, ArmResult]:
    """What every arm of a world answers."""
    n, labels = len(examples), sorted({str(e.target) for e in examples})
    groups = sorted({e.group for e in examples})
    of_group = dict(zip(groups, chance.standard_normal(len(groups)), strict=True))
    share = true.shared
    common = np.sqrt(true.alike) * np.array([of_group[e.group] for e in examples])
    common = common + np.sqrt(1 - true.alike) * chance.standard_normal(n)
    rungs = ladder(true.tune)
    wanted = dict(true.arms)
    for size, seed in rungs:
        name = "small_tune" if (size, seed) == (rungs[-1][0], 0) else f"tune_{size}_{seed}"
        sd = true.draw_sd * (size / true.tune) ** -true.fading
        wanted[name] = true.curve(size) + sd * chance.standard_normal()
    commonest = Counter(str(e.target) for e in examples).most_common(1)[0][0]
    found: dict[str, ArmResult] = {}
    for name, level in wanted.items():
        own = np.sqrt(share) * common + np.sqrt(1 - share) * chance.standard_normal(n)
        right = own < norm.ppf(np.clip(level, 0.01, 0.99))
        blind = true.best == "nothing_works"
        given = [
            labels[chance.integers(len(labels))]
            if blind
            else str(e.target)
            if ok
            else str(chance.choice([label for label in labels if label != e.target]))
            for e, ok in zip(examples, right, strict=True)
        ]
        found[name] = result(name, examples, given)
    return {"majority": result("majority", examples, [commonest] * n)} | found


def result(name: str, examples: Sequence[Example], given: Sequence[str]) -> ArmResult:
    """An arm's answers as a stage would have them."""
    predictions = [
        Prediction(id=e.id, group=e.group, target=e.target, answer=a)
        for e, a in zip(examples, given, strict=True)
    ]
    return ArmResult(name, "simulated", predictions, 1.0, 0)


def decided(true: World, seed: int, resamples: int, margin: float | None = None) -> Decision:
    """One experiment of a world, through the decider."""
    chance = np.random.default_rng([seed, 99])
    labels = [f"label{i}" for i in range(true.labels)]
    weights = np.ones(true.labels) if true.balanced else 0.6 ** np.arange(true.labels)
    n = true.groups * true.per_group
    targets = chance.choice(labels, size=n, p=weights / weights.sum())
    examples = [
        Example(f"v{i:04d}", f"g{i // true.per_group:04d}", {}, str(t))
        for i, t in enumerate(targets)
    ]
    app = application(labels, "accuracy" if true.balanced else "macro_f1")
    rungs = ladder(true.tune)
    points = [CurvePoint(examples=s, seed=k, value=0.0, seconds=0.0) for s, k in rungs]
    names = [
        "small_tune" if rung == (rungs[-1][0], 0) else f"tune_{rung[0]}_{rung[1]}" for rung in rungs
    ]
    run = Run(
        app="simulated",
        goal="accuracy",
        out=Path("unused"),
        seed=seed,
        model=ModelSection(source="path:none"),
        data=DataSection(sources=(SourceSection(source="path:none"),)),
        evaluate=EvaluateSection(resamples=resamples),
    )
    if margin is not None:
        run = run.model_copy(update={"decide": run.decide.model_copy(update={"margin": margin})})
    train = examples[:1] * true.train
    answered = Answered(
        validation=examples,
        recipes={},
        ladder=Ladder(names, points, true.train),
        results=answers(true, examples, chance),
        costs={},
        retained=[],
    )
    desk = Desk(run, app, train, model=None)  # type: ignore[arg-type]  # nothing is asked
    return record(desk, answered, Head("", {}, {}, 1))


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    z, p = 1.959964, k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(middle - half), float(middle + half)


def edge(seed: int, families: str) -> World:
    """A world where the tune is exactly as good as the margin asks for: a yes is an error."""
    true = world(seed, "tune", families)
    best = max(true.arms.values())
    level = best + 0.02
    return World(**(true.__dict__ | {"curve": lambda _: level, "balanced": True}))


def case(asked: Asked) -> str:
    """What the decider says of one case; of an edge case, whether it says yes."""
    best, seed, families, resamples = asked
    if best == EDGE:
        return decided(edge(seed, families), seed, resamples).verdict
    return decided(world(seed, best, families), seed, resamples).recommendation


def said(asked: Sequence[Asked], processes: int, keep: Path | None) -> dict[Asked, str]:
    """What the decider says of each case, by the case; kept ones are not run again."""
    known: dict[Asked, str] = {}
    if keep and keep.is_file():
        for line in keep.read_text(encoding="utf-8").splitlines():
            *one, answer = json.loads(line)
            known[one[0], one[1], one[2], one[3]] = answer
    new = [one for one in asked if one not in known]
    with ProcessPoolExecutor(processes) as pool:
        for one, answer in zip(new, pool.map(case, new), strict=True):
            known[one] = answer
            if keep:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([*one, answer]) + "\n")
    return known


def simulated(
    n: int, families: str, resamples: int, processes: int, keep: Path | None
) -> dict[str, object]:
    """Run `n` cases of each family and print a table of what came out."""
    # Case by case through all families, so that what is kept of a stopped run is a fair share.
    asked = [(best, s, families, resamples) for s in range(n) for best in (*FAMILIES, EDGE)]
    answers = said(asked, processes, keep)
    rows = {
        best: Counter(answers[best, s, families, resamples] for s in range(n))
        for best in (*FAMILIES, EDGE)
    }
    for best, row in rows.items():
        print(f"{best:20s} {dict(row.most_common())}")
    false = rows.pop(EDGE)["yes"]
    unsure = sum(row["not_enough_data"] for row in rows.values())
    right = sum(row[best] for best, row in rows.items())
    total = n * len(FAMILIES)
    told = total - unsure
    low, high = wilson(right, told)
    print(f"right {right} of {told} told ({right / told:.3f}, {low:.3f} to {high:.3f}); ", end="")
    print(f"not enough data {unsure} of {total}; tune at the margin recommended {false} of {n}")
    return {
        "families": families,
        "cases": total,
        "told": told,
        "right": right,
        "share_right": round(right / told, 4),
        "wilson_low": round(low, 4),
        "wilson_high": round(high, 4),
        "not_enough_data": unsure,
        "false_yes_at_margin": false,
        "false_yes_cases": n,
        "by_family": {best: dict(row) for best, row in rows.items()},
    }


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=120, help="simulated cases of each family")
    parser.add_argument("--families", choices=("report", "development"), default="report")
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a file for the cases that are done")
    parser.add_argument("--real", action="store_true", help="with the embedded model, an hour")
    given = parser.parse_args()
    started = time.monotonic()
    found = simulated(given.cases, given.families, given.resamples, given.processes, given.keep)
    if given.real:
        sys.path.insert(0, str(Path(__file__).parent))
        from decider_real import real  # loads the model's world only when asked

        found["real"] = real()
    print(json.dumps(found | {"seconds": round(time.monotonic() - started)}))


if __name__ == "__main__":
    main()
