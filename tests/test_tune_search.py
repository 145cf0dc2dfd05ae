"""A sweep keeps its budget, computes no step twice, and leaves the winner as it would be."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
    stop_at,
    without_seconds,
)

from medtune.artifacts import TuneRecord, write_examples
from medtune.config import ComputeSection, SweepSection
from medtune.errors import ConfigError, TuneError
from medtune.tune import tune
from medtune.tune.fit import fit_until
from medtune.tune.job import job
from medtune.tune.search import rounds
from medtune.tune.state import State

SWEEP = {"learning_rate": (1e-5, 0.02), "rank": (2, 4), "steps": 24}


@given(st.integers(2, 20), st.integers(1, 400), st.integers(1, 9), st.integers(1, 60))
def test_the_budget_is_kept_and_every_round_ends_at_a_look(
    n: int, budget: int, every: int, last: int
) -> None:
    last = max(last, every)
    least = math.ceil(math.log2(n)) * n * every
    if budget < least:
        with pytest.raises(ConfigError, match=f"raise it to {least}"):
            rounds(n, budget, every=every, last=last)
        return
    made = rounds(n, budget, every=every, last=last)
    spent, before = 0, 0
    for one in made:
        spent += one.n * (one.until - before)
        assert one.until % every == 0 or one.until == last
        assert one.until >= before
        before = one.until
    assert spent <= budget
    assert made[0].n == n
    assert math.ceil(made[-1].n / 2) == 1


def written(out: Path) -> Path:
    write_examples(out / "train.jsonl", examples(32))
    write_examples(out / "validation.jsonl", examples(8, "v"))
    return out


def tuned(out: Path, budget_tokens: int | None = None, **changes: object) -> TuneRecord:
    compute = ComputeSection(budget_tokens=budget_tokens)
    run = make_run(out, settings(**changes)).model_copy(update={"compute": compute})
    return tune(run, APP, language_model(), key="k", inputs={"data": "d"})


def test_a_fit_that_pauses_is_as_one_that_never_did(out: Path) -> None:
    run = make_run(out, settings())
    for step in (3, 9):
        asked = job(run, APP, language_model(), examples(32), examples(8, "v"))
        state = fit_until(asked, out / "paused", "tiny", {"data": "d"}, step)
        assert isinstance(state, State)
        assert state.step == step
        again = fit_until(asked, out / "paused", "tiny", {"data": "d"}, step)
        assert isinstance(again, State)
        assert again.best_loss == state.best_loss
    asked = job(run, APP, language_model(), examples(32), examples(8, "v"))
    fit_until(asked, out / "paused", "tiny", {"data": "d"}, len(asked.steps))
    fit_in(out / "whole")
    assert_same_fit(out / "paused", out / "whole")


def test_the_winner_is_as_if_it_had_never_been_compared(out: Path) -> None:
    made = tuned(written(out), sweep=SweepSection.model_validate(SWEEP))
    assert made.chosen["learning_rate"] == 0.02
    assert isinstance(made.chosen["rank"], int)
    assert [one.settings for one in made.tried] == [
        {"learning_rate": rate, "rank": rank} for rate in (1e-5, 0.02) for rank in (2, 4)
    ]
    assert sorted(one.steps for one in made.tried) == [3, 3, 9, 9]
    assert sum(one.chosen for one in made.tried) == 1
    kept = [one for one in made.tried if one.steps == 9]
    assert {one.settings["learning_rate"] for one in kept} == {0.02}
    fit_in(out / "alone", settings(**made.chosen))
    assert_same_fit(out, out / "alone")
    assert made.steps == 16
    assert TuneRecord.current(out, "k") == made
    one_fit = sum(row["n_tokens"] for row in rows(out) if "n_tokens" in row)
    assert made.tokens_seen > one_fit, "what the losers cost counts"
    assert not list(out.glob("sweep/*/checkpoints"))
    assert len(list(out.glob("sweep/*/tune.jsonl"))) == 4


def test_an_interrupted_sweep_goes_on(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = SweepSection.model_validate(SWEEP)
    whole = tuned(written(out / "whole"), sweep=sweep)
    with monkeypatch.context() as patch:
        stop_at(patch, 14)
        with pytest.raises(TuneError, match="stopped by signal"):
            tuned(written(out / "stopped"), sweep=sweep)
    again = tuned(out / "stopped", sweep=sweep)
    assert again.tried == whole.tried
    assert_same_fit(out / "stopped", out / "whole")


def test_the_best_of_several_seeds_is_kept_and_all_are_told(out: Path) -> None:
    made = tuned(written(out), seeds=3, epochs=1)
    assert [one.seed for one in made.seeds] == [0, 1, 2]
    losses = [one.validation_loss for one in made.seeds]
    assert len(set(losses)) == 3
    (kept,) = [one for one in made.seeds if one.kept]
    assert kept.validation_loss == min(losses) == made.validation_loss
    assert without_seconds(out) == without_seconds(out / "seeds" / str(kept.seed))
    assert made.tokens_seen == 3 * sum(row["n_tokens"] for row in rows(out) if "n_tokens" in row)
    assert not (out / "seeds/0/adapter").exists()
    assert TuneRecord.current(out, "k") == made
    alone = tuned(written(out / "alone"), epochs=1)
    assert alone.seeds == ()
    assert alone.validation_loss == losses[0]
    shutil.rmtree(out / "adapter")
    assert TuneRecord.current(out, "k") is None


def test_a_signal_during_the_last_look_of_a_fit_ends_the_search(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 8)
        with pytest.raises(TuneError, match="this fit is saved; run the same command"):
            tuned(written(out), seeds=2, epochs=1)
    assert not (out / "seeds/1").exists()
    assert tuned(out, seeds=2, epochs=1).validation_loss > 0
    assert tuned(written(out / "whole"), seeds=2, epochs=1).outputs.keys()
    assert_same_fit(out, out / "whole")


@pytest.mark.parametrize(
    "search", [{"seeds": 2}, {"sweep": SweepSection.model_validate(SWEEP)}], ids=["seeds", "sweep"]
)
def test_with_a_larger_budget_every_fit_of_a_search_goes_on(
    out: Path, monkeypatch: pytest.MonkeyPatch, search: dict[str, object]
) -> None:
    whole = tuned(written(out / "whole"), **search)
    assert tuned(written(out / "cut"), budget_tokens=1700, **search).stopped == "budget"
    assert list((out / "cut").glob("*/*/checkpoints"))
    before = steps_in(out / "cut")
    with monkeypatch.context() as patch:
        steps = counted_steps(patch)
        again = tuned(out / "cut", **search)
    assert [one.chosen for one in again.tried] == [one.chosen for one in whole.tried]
    assert again.seeds == whole.seeds
    assert_same_fit(out / "cut", out / "whole")
    assert steps_in(out / "cut") == steps_in(out / "whole") == before + len(steps)
    assert not list((out / "cut").glob("*/*/checkpoints"))


def steps_in(out: Path) -> int:
    """Optimizer steps in the journals of a search."""
    return sum("loss" in row for file in out.glob("*/*/tune.jsonl") for row in rows(file.parent))


def counted_steps(patch: pytest.MonkeyPatch) -> list[None]:
    """Grows with every optimizer step from now on."""
    real, calls = torch.optim.AdamW.step, list[None]()

    def counted(self: torch.optim.AdamW) -> object:
        calls.append(None)
        return real(self)

    patch.setattr(torch.optim.AdamW, "step", counted)
    return calls


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"sweep": {"learning_rate": (0.1,)}}, "at least two"),
        ({"adapter": "full", "sweep": {"rank": (2, 4)}}, "full tuning has no rank"),
    ],
)
def test_a_sweep_that_is_none_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        settings(**changes)
