"""Transfer: does what was learnt hold in each part of the test, and in sets from elsewhere?

The matrix has a row for each domain: a source, a year, a value of a subgroup attribute, or an
extra set. It says how many training examples were of the same value: 0 is a domain that nothing
was learnt from. Where the tuned model is worse than the base model, that is negative transfer.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from typing import NamedTuple

from medtune import stats
from medtune.artifacts import Domain, LeftOut, read_examples
from medtune.evaluate.bench import Bench, NotMeasured
from medtune.evaluate.subgroups import MIN_EXAMPLES, MIN_GROUPS
from medtune.evaluate.subject import Subject
from medtune.measure import answered
from medtune.progress import say
from medtune.records import ArmResult, Estimate, Example, Prediction, Verdict

Held = Callable[[Sequence[Example]], Set[str]]
"""Ids of the examples that train holds."""
SET = "set"
MOST_LEFT_OUT = 4
"""Values of an attribute that are left out in turn: the most frequent ones."""


class _Pair(NamedTuple):
    """The answers of both models on one domain."""

    attribute: str
    value: str
    n_train: int
    before: list[Prediction]
    after: list[Prediction]
    left_out: int = 0


class _Row(NamedTuple):
    """One domain before Holm's correction."""

    pair: _Pair
    before: Estimate
    after: Estimate
    change: stats.Paired


def measure_transfer(
    bench: Bench,
    base: ArmResult | None,
    sets: Mapping[str, Sequence[Example]],
    held: Held,
) -> list[Domain]:
    """The matrix.

    Args:
        bench: The models and the test.
        base: The base model's answers on the test; None if it has none.
        sets: Extra sets, by name.
        held: Ids of those that train holds, the same, nearly, or as a part of a record.

    Raises:
        NotMeasured: The test has but one domain, and there is no extra set; or none of them could
            be measured.
    """
    pairs = [] if base is None else _within(bench, base)
    if not pairs and not sets:
        raise NotMeasured(
            "the test examples are of one source and state no year or attribute, and "
            "evaluate.transfer is empty"
        )
    tried = [
        bench.tried(_named(pair.attribute, pair.value), partial(_row, bench, pair))
        for pair in pairs
    ]
    tried += [
        bench.tried(_named(SET, name), partial(_of_set, bench, name, examples, held, number))
        for number, (name, examples) in enumerate(sets.items())
    ]
    rows = [row for row in tried if row is not None]
    if not rows:
        raise NotMeasured("no domain could be measured")
    adjusted = stats.holm([row.change.p_value for row in rows])
    return [
        Domain(
            attribute=row.pair.attribute,
            value=row.pair.value,
            n_train=row.pair.n_train,
            before=row.before,
            after=row.after,
            change=row.change.difference,
            p_adjusted=p,
            harmed=_harmed(row.change.difference, p),
            left_out=row.pair.left_out,
        )
        for row, p in zip(rows, adjusted, strict=True)
    ]


def _named(attribute: str, value: str) -> str:
    """A domain, among what was not measured."""
    return f"transfer: {attribute} {value!r}"


def _row(bench: Bench, pair: _Pair) -> _Row:
    before, after = (_estimate(bench, some) for some in (pair.before, pair.after))
    return _Row(pair, before, after, bench.change(pair.after, pair.before))


def _of_set(bench: Bench, name: str, examples: Sequence[Example], held: Held, number: int) -> _Row:
    learnt = held(examples)
    asked = [example for example in examples if example.id not in learnt]
    pair = _extra(bench, name, asked, number)
    return _row(bench, pair._replace(left_out=len(examples) - len(asked)))


def measure_left_out(
    bench: Bench, tune_on: Callable[[str, Sequence[Example]], Subject] | None
) -> list[LeftOut]:
    """Small tunes without each value of `evaluate.leave_out`, scored on that value in validation.

    All tunes have as many examples, so that what is lost is not a matter of size.

    Args:
        bench: The run.
        tune_on: A small tune on these examples, in a folder of this name.

    Raises:
        NotMeasured: Nothing was tuned, no attribute is named, or no value has enough examples.
    """
    bench.needs_tuning()
    attribute = bench.run.evaluate.leave_out
    if attribute is None or tune_on is None:
        raise NotMeasured("evaluate.leave_out names no attribute")
    train, validation = (
        read_examples(bench.run.out / f"{name}.jsonl") for name in ("train", "validation")
    )
    asked = _by_value(validation, attribute)
    if not asked:
        raise NotMeasured(f"no value of {attribute!r} has {MIN_EXAMPLES} validation examples")
    others = {value: [e for e in train if e.subgroups.get(attribute) != value] for value in asked}
    n = min(bench.run.decide.tune_examples, *map(len, others.values()))
    if n == 0:
        raise NotMeasured(f"without one value of {attribute!r}, no training example is left")
    whole = tune_on("all", bench.drawn(train, n))
    found: list[LeftOut] = []
    for number, (value, some) in enumerate(others.items()):
        without = tune_on(f"without-{number}", bench.drawn(some, n))
        measure = partial(_left_out, bench, value, asked[value], whole, without)
        one = bench.tried(f"left out: {attribute} {value!r}", measure)
        found += [] if one is None else [one]
    if not found:
        raise NotMeasured(f"no value of {attribute!r} could be measured")
    return found


def _within(bench: Bench, base: ArmResult) -> list[_Pair]:
    """The domains of the test that are large enough, of attributes with more than one value."""
    train = read_examples(bench.run.out / "train.jsonl")
    after = {p.id: p for p in answered(bench.answers)}
    before = {p.id: p for p in answered(base)}
    found: list[_Pair] = []
    for attribute, of in _attributes(bench.test).items():
        learnt = Counter(of(example) for example in train)
        values = Counter(of(e) for e in bench.test if e.id in after and e.id in before)
        for value in sorted(value for value in values if value):
            ids = [e.id for e in bench.test if of(e) == value and e.id in after and e.id in before]
            late = [after[id] for id in ids]
            if len(set(values) | set(learnt)) > 1 and _is_large(late):
                found.append(
                    _Pair(attribute, value, learnt[value], [before[id] for id in ids], late)
                )
    return found


def _attributes(examples: Sequence[Example]) -> dict[str, Callable[[Example], str]]:
    """How to read each domain off an example; empty text where it states none."""
    names = sorted({name for example in examples for name in example.subgroups})

    def reader(name: str) -> Callable[[Example], str]:
        return lambda example: example.subgroups.get(name, "")

    return {
        "source": lambda example: example.source,
        "year": lambda example: (example.time or "")[:4],
        **{name: reader(name) for name in names},
    }


def _extra(bench: Bench, name: str, asked: Sequence[Example], number: int) -> _Pair:
    """Both models on what train does not hold of an extra set.

    Raises:
        NotMeasured: That is of fewer than two groups.
    """
    say(f"evaluate: transfer: base and {bench.tuned.name} on {len(asked)} examples of {name}")
    if len({example.group for example in asked}) < stats.MIN_GROUPS:
        raise NotMeasured(
            f"{len(asked)} examples that train does not hold, in fewer than {stats.MIN_GROUPS} "
            "groups; name a set from elsewhere"
        )
    asked = bench.fitting(_named(SET, name), asked, base=True)
    before, after = (
        {p.id: p for p in answered(bench.answered(subject, f"transfer-{number}", app, asked))}
        for subject, app in ((bench.base, bench.plain), (bench.tuned, bench.app))
    )
    ids = [id for id in before if id in after]
    return _Pair(SET, name, 0, [before[id] for id in ids], [after[id] for id in ids])


def _estimate(bench: Bench, predictions: Sequence[Prediction]) -> Estimate:
    return bench.estimate(bench.app.metrics[bench.app.primary], predictions)


def _is_large(predictions: Sequence[Prediction]) -> bool:
    n_groups = len({p.group for p in predictions})
    return len(predictions) >= MIN_EXAMPLES and n_groups >= MIN_GROUPS


def _harmed(change: Estimate, p_adjusted: float) -> Verdict:
    if change.high < 0 and p_adjusted < stats.ALPHA:
        return "yes"
    return "no" if change.low >= 0 else "not_enough_data"


def _by_value(examples: Sequence[Example], attribute: str) -> dict[str, list[Example]]:
    """The examples of the most frequent values, of those with enough of them."""
    values = Counter(e.subgroups[attribute] for e in examples if attribute in e.subgroups)
    found = {
        value: [e for e in examples if e.subgroups.get(attribute) == value]
        for value, n in values.most_common(MOST_LEFT_OUT)
        if n >= MIN_EXAMPLES
    }
    return {v: some for v, some in found.items() if len({e.group for e in some}) >= MIN_GROUPS}


def _left_out(
    bench: Bench, value: str, asked: Sequence[Example], whole: Subject, without: Subject
) -> LeftOut:
    attribute = str(bench.run.evaluate.leave_out)
    say(f"evaluate: left out: {attribute} {value!r} on {len(asked)} validation examples")
    part = f"left-out-{without.name}"
    results = [bench.answered(one, part, bench.app, asked) for one in (whole, without)]
    answers = [{p.id: p for p in answered(result)} for result in results]
    ids = [id for id in answers[0] if id in answers[1]]
    with_it, without_it = ([some[id] for id in ids] for some in answers)
    return LeftOut(
        attribute=attribute,
        value=value,
        with_it=_estimate(bench, with_it),
        without_it=_estimate(bench, without_it),
        change=bench.change(without_it, with_it).difference,
    )
