"""The experiment before the tuning: every arm on the same validation examples, then the rule.

Each arm's answers are kept in `<out>/decide/<arm>.jsonl`; a killed stage goes on after the last
whole arm. The sealed test is not touched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from medtune.artifacts import Comparison, Cost, Decision, Recipe, read_examples
from medtune.config import Run
from medtune.decide.baselines import CLASSICAL, Arm, classical
from medtune.decide.compare import ARMS, TUNES
from medtune.decide.cost import (
    HOUR_S,
    cost_of,
    hour_price,
    in_turn,
    saving,
    some_of,
    timing,
)
from medtune.decide.goal import RULES, objective_on
from medtune.decide.kept import Keys, kept, look_number
from medtune.decide.prompting import (
    ENDPOINT,
    PROMPTS,
    RETRIEVAL,
    Desk,
    arms,
    recipes_of,
    right_answers,
    search,
    search_part,
)
from medtune.decide.record import Answered, Head, record
from medtune.decide.retained import retained
from medtune.decide.tunes import (
    Handed,
    as_ladder,
    sweep,
    training_seconds,
    tuned_arm,
    tunes_of,
    workshop,
)
from medtune.errors import DataError
from medtune.llm.load import LanguageModel
from medtune.measure import arm_files, resumed
from medtune.progress import say
from medtune.records import Application, ArmResult, Example, Json


def decide(
    run: Run,
    app: Application,
    model: LanguageModel,
    handed: Handed,
    *,
    keys: Keys,
    inputs: Mapping[str, str],
) -> Decision:
    """Run every arm on the validation split, judge by the rule, fix the gates, save the decision.

    Args:
        run: The settings.
        app: The task.
        model: The base model.
        handed: What other stages can do for this one.
        keys: Hashes of all that the decision depends on, and of what the arms' answers do.
        inputs: SHA-256 of the splits, the documents and the model.

    Raises:
        DataError: A split is missing or empty, validation has fewer than two groups, or what
            decides has no value on it even where every answer is right.
        ConfigError: The goal needs what the data do not have, or the outside model cannot be asked.
    """
    train, validation = (_split(run.out, name) for name in ("train", "validation"))
    desk = Desk(run, app, train, model, handed.documents, handed.offline)
    # What the goal needs of the data is asked for before anything is spent.
    objective = objective_on(run, app, validation)
    objective.metric([p for p in right_answers(app, validation) if objective.counts(p)])
    answered = _ask_all(desk, validation, handed, keys.answers)
    folder = run.out / "decide"
    outputs: dict[str, str] = {}
    for name in answered.results:
        outputs |= arm_files(folder / f"{name}.jsonl", run.out)
    look = look_number(folder / "looks.json", keys.decision)
    decision = record(desk, answered, Head(keys.decision, inputs, outputs, look))
    decision.save(run.out)
    return decision


def _split(out: Path, name: str) -> list[Example]:
    examples = read_examples(out / f"{name}.jsonl")
    if not examples:
        raise DataError(f"{out / name}.jsonl: no examples; lower the other shares or add records")
    return examples


def _ask_all(desk: Desk, validation: list[Example], handed: Handed, key: str) -> Answered:
    """Choose the prompts, let every arm answer, and time the arms that are shown."""
    recipes = _chosen(desk, key)
    tunes = tunes_of(desk, recipes)
    plan = arms(desk, recipes)
    trained = workshop(desk, tunes, handed.small_tune, key)
    plan |= {tune.name: tuned_arm(desk, tune, trained) for tune in tunes}
    results = {name: _answers(desk, name, arm, validation, key) for name, arm in plan.items()}
    by_name = {tune.name: tune for tune in tunes}
    costs: dict[str, Cost] = {}
    for name in (name for name in results if name in ARMS):
        hours = 0.0
        if name in by_name:
            n, whole = by_name[name].examples, desk.run.tune
            passes = len(desk.train) / n * whole.epochs / whole.epochs_of_small(n)
            hours = training_seconds(desk, by_name[name], key) * passes / HOUR_S
        costs[name] = _cost(desk, plan[name], results[name], some_of(validation), (key, hours))
    saved = _savings(desk, plan, results, some_of(validation), key)
    after = retained(desk, tunes, trained, handed.retention)
    for name in by_name.keys() - costs.keys():
        sweep(desk, by_name[name])
    ladder = as_ladder(desk, tunes, key) if tunes else None
    return Answered(validation, recipes, ladder, results, costs, after, saved)


def _chosen(desk: Desk, key: str) -> dict[str, Recipe]:
    """The prompt of each prompting arm."""
    tries = recipes_of(desk)
    part = search_part(desk, tries)
    found: dict[str, Recipe] = {}
    for name, some in tries.items():

        def choose(name: str = name, some: Sequence[Recipe] = some) -> Mapping[str, Json]:
            return search(desk, name, some, part).model_dump()

        path = desk.run.out / "decide" / f"{name}.prompt.json"
        found[name] = Recipe.model_validate(kept(path, key, choose))
    return found


def _answers(desk: Desk, name: str, arm: Arm, validation: Sequence[Example], key: str) -> ArmResult:
    say(f"decide: {name.replace('_', '-')} on {len(validation)} validation examples")
    path = desk.run.out / "decide" / f"{name}.jsonl"
    return resumed(path, key=key, name=name, examples=validation, run=arm)


def _cost(
    desk: Desk,
    arm: Arm,
    result: ArmResult,
    some: Sequence[Example],
    key_hours: tuple[str, float],
) -> Cost:
    key, hours = key_hours
    found = _timed(desk, result.name, arm, some, key)
    hours += float(str(found.get("absorbs", 0.0))) / HOUR_S
    return cost_of(desk.run.decide, result, found, hours_to_absorb=hours)


def _timed(
    desk: Desk, name: str, arm: Arm, some: Sequence[Example], key: str
) -> Mapping[str, Json]:
    """Single requests of an arm, as they were timed once."""
    fresh = classical(desk.app, desk.train, desk.model.eyes) if name == CLASSICAL else arm

    def measured() -> Mapping[str, Json]:
        found = timing(fresh, some)
        if name == ENDPOINT:
            return {**found, "prices": [*desk.outside.prices]}
        if name == RETRIEVAL:
            return {**found, "absorbs": desk.library.seconds}
        return {**found, "absorbs": found["warm_up"]} if name == CLASSICAL else found

    return kept(desk.run.out / "decide" / f"{name}.cost.json", key, measured)


def _savings(
    desk: Desk,
    plan: Mapping[str, Arm],
    results: Mapping[str, ArmResult],
    some: Sequence[Example],
    key: str,
) -> list[Comparison]:
    """What a request of each tune saves against each prompting arm, where cost decides."""
    if RULES[desk.run.goal].improves != "cost":
        return []
    own = [name for name in PROMPTS if name in results and name != ENDPOINT]
    second, sizes = hour_price(desk.run.decide) / HOUR_S, desk.run.evaluate
    found: list[Comparison | None] = []
    for tune in (name for name in TUNES if name in results):

        def measured(tune: str = tune) -> Mapping[str, Json]:
            return in_turn({name: plan[name] for name in (tune, *own)}, some)

        turns = kept(desk.run.out / "decide" / f"{tune}.turns.json", key, measured)
        prices = {
            name: [second * s for s in cast("list[float]", turns[name])] for name in (tune, *own)
        }
        if ENDPOINT in results:
            told = _timed(desk, ENDPOINT, plan[ENDPOINT], some, key)
            prices[ENDPOINT] = cast("list[float]", told["prices"])[-len(prices[tune]) :]
        found += [
            saving(
                tune,
                other,
                list(zip(prices[tune], prices[other], strict=False)),
                resamples=sizes.resamples,
                seed=desk.run.seed,
            )
            for other in prices
            if other != tune
        ]
    return [one for one in found if one is not None]
