"""What each goal decides by, on answers made by hand."""

import dataclasses

import pytest
from tiny_study import APP, answering, examples, study

from medtune.decide.goal import kept_of, margin_of, objective_of
from medtune.errors import ConfigError
from medtune.metrics import accuracy

APP_OF_SHARES = dataclasses.replace(APP, metrics={"accuracy": accuracy}, primary="accuracy")
ASKED = examples(60, "v")


def predictions(right):
    """Answers that are right where `right` says so of the example's place."""
    made = answering("x", 0.0)(ASKED).predictions
    return [
        dataclasses.replace(p, answer=p.target if right(i) else "none") for i, p in enumerate(made)
    ]


def run_of(out, goal, **settings):
    run = study(out)
    decide = run.decide.model_copy(update=settings)
    return run.model_copy(update={"goal": goal, "decide": decide})


def test_bias_is_decided_by_the_worst_subgroup_that_is_large_enough(out):
    some = predictions(lambda i: i % 3 != 0)  # site B has every third example, and all are wrong
    found = objective_of(run_of(out, "bias"), APP_OF_SHARES, some)
    assert found.metric(some) == 0.0
    assert found.name == "worst subgroup's accuracy"
    kept = kept_of(run_of(out, "bias"), APP_OF_SHARES, some)
    assert [one.name for one in kept] == ["accuracy over all"]
    few = [p for p in some if p.subgroups["site"] == "A"]
    assert objective_of(run_of(out, "bias"), APP_OF_SHARES, few).metric(few) == 1.0


def test_bias_without_subgroups_cannot_be_decided(out):
    some = [dataclasses.replace(p, subgroups={}) for p in predictions(lambda i: True)]
    with pytest.raises(ConfigError, match=r"task\.subgroups"):
        objective_of(run_of(out, "bias"), APP_OF_SHARES, some)


@pytest.mark.parametrize("goal", ["language", "freshness"])
def test_a_focus_is_decided_by_its_records_and_keeps_the_rest(out, goal):
    run = run_of(out, goal, focus="site=B")
    some = predictions(lambda i: i % 3 == 0)
    objective = objective_of(run, APP_OF_SHARES, some)
    inside = [p for p in some if objective.counts(p)]
    assert {p.subgroups["site"] for p in inside} == {"B"}
    assert objective.metric(inside) == 1.0
    (rest,) = kept_of(run, APP_OF_SHARES, some)
    outside = [p for p in some if rest.counts(p)]
    assert rest.metric(outside) == 0.0
    assert len(inside) + len(outside) == len(some)


def test_style_keeps_every_other_metric(out):
    some = predictions(lambda i: True)
    assert [one.name for one in kept_of(run_of(out, "style"), APP, some)] == ["accuracy"]


def test_less_is_better_is_turned_round(out):
    app = dataclasses.replace(APP_OF_SHARES, lower_is_better=frozenset({"accuracy"}))
    some = predictions(lambda i: i % 2 == 0)
    objective = objective_of(run_of(out, "accuracy"), app, some)
    assert objective.metric(some) == -0.5
    assert objective.most == 0.0


def test_the_margin_is_two_points_unless_the_run_file_says_otherwise(out):
    assert margin_of(run_of(out, "accuracy", margin=None)) == 0.02
    assert margin_of(run_of(out, "accuracy", margin=0.0)) == 0.0
