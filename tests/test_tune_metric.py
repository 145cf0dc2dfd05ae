"""Looks that go by the metric go by what decides, and on examples on which it has a value."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_tune_watch import CHOOSING, ChoiceRenderer
from tiny_tune import examples, fit_in, language_model, make_run, rows, settings

from medtune.artifacts import write_examples
from medtune.config import Run
from medtune.errors import DataError
from medtune.llm.load import LanguageModel
from medtune.llm.predict import predict
from medtune.metrics import accuracy
from medtune.metrics.chances import auroc
from medtune.pipeline.handed import looked_by, tune_small
from medtune.records import Example
from medtune.tune import job as job_module
from medtune.tune.job import job
from medtune.tune.metric import metric_of, spread
from medtune.tune.state import State, after_look

RANKING = replace(CHOOSING, metrics={"auroc": auroc("yes")}, primary="auroc")
BY_METRIC = settings(stop_on="metric", metric_examples=64)


def choosing() -> LanguageModel:
    lm = language_model()
    object.__setattr__(lm, "renderer", ChoiceRenderer())
    return lm


def rare(n: int, n_positive: int) -> list[Example]:
    some = [replace(one, target="no") for one in examples(n, "r")]
    return [replace(one, target="yes") for one in some[:n_positive]] + some[n_positive:]


def sited(n: int) -> list[Example]:
    """One in ten is of site B, and one in twenty of a site of its own."""
    sites = ["B" if i % 10 == 0 else f"own{i}" if i % 20 == 1 else "A" for i in range(n)]
    return [
        replace(one, subgroups={"site": site})
        for one, site in zip(examples(n, "s"), sites, strict=True)
    ]


@pytest.mark.parametrize("n_positive", [2, 20, 500])
def test_a_draw_holds_each_label_however_rare(n_positive: int) -> None:
    some = rare(1000, n_positive)
    drawn = spread(some, 64)
    assert len(drawn) == 64
    assert {one.target for one in drawn} == {"yes", "no"}
    assert drawn == [one for one in some if one in spread(some[::-1], 64)]


def test_a_draw_holds_each_large_subgroup_and_no_more_than_is_asked() -> None:
    sites = [one.subgroups["site"] for one in spread(sited(400), 16)]
    assert len(sites) == 16
    assert {"A", "B"} <= set(sites)
    assert spread(sited(9), 16) == sited(9)
    assert spread([], 16) == []


def run_of(out: Path, goal: str, **decide: object) -> Run:
    run = make_run(out, BY_METRIC)
    chosen = run.decide.model_copy(update=decide)
    return run.model_copy(update={"goal": goal, "decide": chosen})


def test_for_bias_it_is_the_worst_subgroup(out: Path) -> None:
    lm, some = choosing(), sited(250)
    write_examples(out / "validation.jsonl", some)
    run = run_of(out, "bias")
    objective = looked_by(SimpleNamespace(run=run, app=CHOOSING))
    found = metric_of(run, CHOOSING, lm, some, objective)()
    answers = predict(
        lm, CHOOSING, spread(some, 64), settings=run.evaluate.scoring, what="x"
    ).predictions
    by_site = [accuracy([p for p in answers if p.subgroups["site"] == site]) for site in "AB"]
    assert found == min(by_site)
    assert found != accuracy(answers)
    assert job(run, CHOOSING, lm, some[:8], some, objective=objective).metric() == found


def test_for_a_focus_only_its_records_are_asked(out: Path) -> None:
    lm, some = choosing(), sited(250)
    write_examples(out / "validation.jsonl", some)
    run = run_of(out, "language", focus="site=B")
    objective = looked_by(SimpleNamespace(run=run, app=CHOOSING))
    inside = [one for one in some if one.subgroups["site"] == "B"]
    expected = predict(lm, CHOOSING, inside, settings=run.evaluate.scoring, what="x").predictions
    assert metric_of(run, CHOOSING, lm, some, objective)() == accuracy(expected)


def test_where_looks_go_by_the_loss_nothing_is_handed_over(out: Path) -> None:
    assert looked_by(SimpleNamespace(run=make_run(out), app=CHOOSING)) is None


def test_a_metric_without_a_value_is_refused_before_the_training(out: Path) -> None:
    run, lm = make_run(out, BY_METRIC), choosing()
    with pytest.raises(DataError, match=r"tune\.metric_examples: 64 of 100 .* all or none are"):
        job(run, RANKING, lm, examples(8), rare(100, 0))
    assert job(run, RANKING, lm, examples(8), rare(100, 2)).metric() is not None


def test_a_small_tune_goes_by_the_loss_where_its_few_examples_give_no_value(out: Path) -> None:
    write_examples(out / "validation.jsonl", rare(40, 20))
    run = make_run(out, BY_METRIC.model_copy(update={"epochs": 1}))
    work = SimpleNamespace(run=run, app=RANKING, load=lambda *_, base: base)
    for n_positive, is_seen in ((0, False), (4, True)):
        few, folder = rare(30, n_positive), out / str(n_positive)
        tune_small(work, choosing(), RANKING, few, 0, folder)
        looks = [row for row in rows(folder) if "validation_loss" in row]
        assert all(("metric" in row) == is_seen for row in looks)


def test_a_look_without_a_value_is_no_improvement(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([None, -0.5, None, -0.4, None, None])
    monkeypatch.setattr(job_module, "metric_of", lambda *_: lambda: next(values))
    done = fit_in(out, settings(stop_on="metric", patience=2))
    assert done.best_step == 12
    assert done.validation_metric == -0.4
    looks = [row.get("metric") for row in rows(out) if "validation_loss" in row]
    assert looks == [None, -0.5, None, -0.4, None, None]


def test_a_value_is_better_than_none_whatever_the_loss() -> None:
    none = after_look(State(step=3, summed_tokens=1), 0.1, 0.0, None)
    some = after_look(replace(none, step=6, summed_tokens=1), 0.9, 0.0, -0.7)
    assert some.best_step == 6
    assert after_look(replace(some, step=9, summed_tokens=1), 0.1, 0.0, None).best_step == 6
