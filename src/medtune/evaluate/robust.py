"""Robustness: the tuned model on test examples that a rule has changed."""

from dataclasses import replace
from functools import partial
from random import Random

from medtune.artifacts import Perturbed
from medtune.config import Perturbation
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.evaluate.perturb import MUST_DIFFER, perturb
from medtune.evaluate.swap import differs
from medtune.progress import say
from medtune.records import Example, Prediction

FEWEST = 5
"""A rule that applies to fewer examples or groups is not reported."""
NAMED = 50
"""Ids of changed answers that are kept."""


def measure_robustness(bench: Bench) -> list[Perturbed]:
    """Every perturbation of the run, on a few test examples each.

    Where the answer must change (a negation), only examples that the model answers rightly count:
    of those, a changed statement has another answer.

    Raises:
        NotMeasured: None is wanted, or none applies to enough examples.
    """
    if not bench.run.evaluate.robustness_examples:
        raise NotMeasured("evaluate.robustness_examples is 0")
    found = [
        bench.tried(f"robustness: {name}", partial(_measure, bench, name))
        for name in bench.run.evaluate.perturbations
    ]
    kept = [one for one in found if one is not None]
    if not kept:
        raise NotMeasured(f"no perturbation applies to {FEWEST} or more groups of test examples")
    return kept


def _measure(bench: Bench, name: Perturbation) -> Perturbed:
    plain = {p.id: p for p in bench.answers.predictions if not p.failed}
    changed = _changed(bench, name, plain)
    if len({example.group for example in changed}) < FEWEST:
        raise NotMeasured(f"fewer than {FEWEST} groups of test examples hold what it changes")
    changed = bench.fitting(f"robustness: {name}", changed)
    words = name.replace("_", " ")
    say(
        f"evaluate: robustness: {words}: {bench.tuned.name} on {len(changed)} changed test examples"
    )
    result = bench.answered_changed(f"perturbed-{name}", changed)
    after = [p for p in result.predictions if not p.failed]
    before = [plain[p.id] for p in after]
    pairs = list(zip(before, after, strict=True))
    change = None
    if name not in MUST_DIFFER:
        change = bench.tried(
            f"robustness: {name}: change of {bench.app.primary}",
            lambda: bench.change(after, before).difference,
        )
    return Perturbed(
        name=name,
        expect="differ" if name in MUST_DIFFER else "same",
        n=len(after),
        same=bench.mean([(late.group, float(not differs(early, late))) for early, late in pairs]),
        change=change,
        differing=[late.id for early, late in pairs if differs(early, late)][:NAMED],
    )


def _changed(bench: Bench, name: Perturbation, plain: dict[str, Prediction]) -> list[Example]:
    """The first examples in a random order that the rule applies to, in the order of the test."""
    order = list(bench.test)
    Random(bench.run.seed).shuffle(order)  # noqa: S311  no secret
    chosen: dict[str, Example] = {}
    for example in order:
        if len(chosen) == bench.run.evaluate.robustness_examples:
            break
        fits = example.id in plain and (name not in MUST_DIFFER or plain[example.id].right)
        # In another unit, a number that is read off the text is another number.
        fits = fits and not (name == "units" and not isinstance(example.target, str))
        fields = perturb(name, example.fields, seed=bench.run.seed, id=example.id) if fits else None
        other = None if fields is None else replace(example, fields=fields)
        if other is not None and bench.is_asked_otherwise(example, other):
            chosen[example.id] = other
    return [chosen[example.id] for example in bench.test if example.id in chosen]
