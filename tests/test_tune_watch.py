"""A look sees learning by heart where it is, and not where it is not; and may go by the metric."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_tune import (
    APP,
    ByteRenderer,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
    stop_at,
)

from medtune.artifacts import TuneRecord, Watched, write_examples
from medtune.canary import plant_canaries, with_canaries
from medtune.errors import TuneError
from medtune.llm.render import Candidates
from medtune.metrics import accuracy
from medtune.tune import fit, tune
from medtune.tune import job as job_module
from medtune.tune.job import at_work, job
from medtune.tune.ranks import Seen
from medtune.tune.state import State, after_look
from medtune.tune.watch import _auroc, watched


def seen(train: list[float], validation: list[float], canaries: list[float] | None = None):
    sets = {"train": train, "validation": validation} | (
        {} if canaries is None else {"canaries": canaries}
    )
    return {name: Seen(sums, [1] * len(sums)) for name, sums in sets.items()}


@given(st.lists(st.floats(0, 9), min_size=1, max_size=12), st.lists(st.floats(0, 9), min_size=1))
def test_the_auroc_counts_pairs(train: list[float], validation: list[float]) -> None:
    pairs = [(one < two) + (one == two) / 2 for one in train for two in validation]
    assert _auroc(train, validation) == pytest.approx(sum(pairs) / len(pairs))


def test_hanley_and_mcneil_have_this_standard_error() -> None:
    """Their formula at A = 0.8 with 50 and 50, worked by hand: Q1 = 2/3, Q2 = 0.7111."""
    from medtune.tune.watch import _standard_error

    q1, q2 = 0.8 / 1.2, 2 * 0.64 / 1.8
    expected = math.sqrt((0.16 + 49 * (q1 - 0.64) + 49 * (q2 - 0.64)) / 2500)
    assert _standard_error(0.8, 50, 50) == pytest.approx(expected)
    assert _standard_error(1.0, 10, 10) > 0, "all of few is not certain"


def test_equal_losses_show_nothing() -> None:
    even = [0.1 * number for number in range(30)]
    found = watched(4, seen(even, even), [], codes=True)
    assert found is not None
    assert found.membership == 0.5
    assert found.sign == "none"
    assert found.says.startswith("step 4: no sign of learning by heart (loss on train")
    assert watched(4, {"validation": Seen([1.0], [1])}, [], codes=True) is None


def test_records_known_by_heart_are_seen() -> None:
    low, high = [0.1 + 0.01 * n for n in range(30)], [1.0 + 0.01 * n for n in range(30)]
    found = watched(4, seen(low, high), [], codes=True)
    assert found is not None
    assert found.sign == "membership"
    assert found.membership == 1.0


def test_a_planted_code_that_is_known_is_seen_whatever_else() -> None:
    even, blind = [0.5] * 30, 6 * math.log(10)
    guessed = watched(4, seen(even, even, [blind] * 4), [], codes=True)
    known = watched(4, seen(even, even, [0.0] * 4), [], codes=True)
    assert guessed is not None
    assert known is not None
    assert guessed.canary_bits == pytest.approx(0.0)
    assert guessed.sign == "none"
    assert known.canary_bits == pytest.approx(6 * math.log2(10))
    assert known.sign == "secrets"
    whole_text = watched(4, seen(even, even, [0.0]), [], codes=False)
    assert whole_text is not None
    assert whole_text.canary_bits is None


def test_validation_that_rises_while_train_falls_is_seen() -> None:
    first = watched(4, seen([0.5] * 20, [0.6] * 10 + [0.4] * 10), [], codes=True)
    assert first is not None
    later = watched(8, seen([0.45] * 20, [0.9] * 10 + [0.4] * 10), [first], codes=True)
    assert later is not None
    assert later.sign == "rising"
    both = watched(8, seen([0.55] * 20, [0.9] * 10 + [0.4] * 10), [first], codes=True)
    assert both is not None
    assert both.sign == "none", "both rise: the rate is too high, but nothing is by heart"


def test_a_fit_writes_what_it_sees_and_says_it(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random answers can only be learnt by heart."""
    run = make_run(
        out, settings(epochs=12, learning_rate=0.05, validate_every=8, examples_per_step=6)
    )
    app = replace(APP, reply=lambda one: one.fields["text"][3:9])
    train, checks = examples(12), examples(30, "v")

    def go(folder: Path):
        return fit(run, app, language_model(), train, checks, folder=folder, what="x", identity={})

    done = go(out / "whole")
    looks = [row for row in rows(out / "whole") if "validation_loss" in row]
    assert looks[-1]["watched_sign"] == "membership"
    assert looks[-1]["watched_train_loss"] < looks[-1]["validation_loss"]
    assert "training examples can be told from validation by their loss" in capsys.readouterr().err
    assert done.watched is not None
    assert done.watched["step"] == done.best_step
    with monkeypatch.context() as patch:
        stop_at(patch, 11)
        with pytest.raises(TuneError, match="stopped by signal"):
            go(out / "stopped")
    go(out / "stopped")
    assert_same_fit(out / "stopped", out / "whole")


def test_canaries_are_watched_beside_the_records(out: Path) -> None:
    write_examples(out / "train.jsonl", examples(8))
    write_examples(out / "validation.jsonl", examples(4, "v"))
    asked = settings(epochs=1).model_copy(update={"canaries": 2})
    made = tune(make_run(out, asked), APP, language_model(), key="k", inputs={})
    assert isinstance(made.watched, Watched)
    assert made.watched.canary_bits is not None
    assert TuneRecord.load(out) == made
    lm, learnt = language_model(), [*examples(8), *plant_canaries(2, 0)]
    set_up = job(make_run(out, asked), with_canaries(APP), lm, learnt, examples(4, "v"))
    assert set_up.canaries.ids == ["canary-00", "canary-01"]
    assert set(set_up.probe.ids) == {one.id for one in examples(8)}
    none = settings(epochs=1, probe_examples=0)
    bare = job(make_run(out, none), APP, lm, examples(8), examples(4, "v"))
    assert list(bare.look()) == ["validation"]


class ChoiceRenderer(ByteRenderer):
    def candidates(self, messages, replies) -> Candidates:
        tails = [[*(2 + ord(letter) % 60 for letter in reply), 1] for reply in replies]
        return Candidates(self.prompt(messages), tails)


CHOOSING = replace(
    APP,
    choices=lambda example: ["yes", "no"],
    metrics={"accuracy": accuracy},
    primary="accuracy",
)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_the_metric_of_a_look_is_that_of_the_usual_scoring(out: Path, adapter: str) -> None:
    lm = language_model()
    object.__setattr__(lm, "renderer", ChoiceRenderer())
    run = make_run(out, settings(adapter=adapter, stop_on="metric", metric_examples=6))
    asked = job(run, CHOOSING, lm, examples(8), examples(12, "v"))
    assert asked.metric is not None
    before = asked.metric()
    with at_work(asked) as ready:
        assert asked.metric() == before
        loss = ready.team.look()["validation"].loss
        with torch.no_grad():
            for weight in ready.adapter.weights.values():
                weight.add_(0.1)
        changed = [asked.metric() for _ in range(2)]
        assert changed[0] == changed[1]
        assert ready.team.look()["validation"].loss != loss, "flat rows are in use again"


def test_the_step_with_the_best_metric_is_kept_and_patience_goes_by_it(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([0.5, 0.9, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6])
    monkeypatch.setattr(job_module, "metric_of", lambda *_: lambda: next(values))
    done = fit_in(out, settings(stop_on="metric", patience=2))
    assert done.best_step == 6
    assert done.stopped == "no improvement"
    assert done.steps == 12
    assert done.validation_metric == 0.9
    looks = [row for row in rows(out) if "validation_loss" in row]
    assert [row["metric"] for row in looks] == [0.5, 0.9, 0.7, 0.6]
    assert json.loads((out / "fit.json").read_text())["fit"]["validation_metric"] == 0.9


def test_a_change_of_what_the_metric_measures_is_refused(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "metric_of", lambda *_: lambda: 0.5)
    for stop_on in ("loss", "metric"):
        run = make_run(out / stop_on, settings(stop_on=stop_on))
        scoring = run.evaluate.model_copy(update={"max_new_tokens": 7})
        changed = run.model_copy(update={"evaluate": scoring})
        learnt = (APP, language_model(), examples(32), examples(8, "v"))
        where = {"folder": run.out, "what": "tiny", "identity": {}}
        with monkeypatch.context() as patch:
            stop_at(patch, 4)
            with pytest.raises(TuneError, match="stopped by signal"):
                fit(run, *learnt, **where)
        if stop_on == "loss":
            assert fit(changed, *learnt, **where).resumed == 1
        else:
            with pytest.raises(TuneError, match=r"evaluate\.max_new_tokens was '128' and is '7'"):
                fit(changed, *learnt, **where)


def test_of_equal_metrics_the_lower_loss_is_kept() -> None:
    state = State(step=3, summed_tokens=1)
    one = after_look(state, 1.0, 0.0, 0.5)
    two = after_look(replace(one, step=6, summed_tokens=1), 0.9, 0.0, 0.5)
    three = after_look(replace(two, step=9, summed_tokens=1), 0.1, 0.0, 0.4)
    assert (two.best_step, three.best_step) == (6, 6)
    assert three.looks_without_gain == 1
    assert three.best_loss == 0.9
