"""Levers against forgetting: each is its formula, and an interruption changes nothing."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
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
    weights_of,
)

from medtune.config import Run
from medtune.errors import ConfigError, TuneError
from medtune.tune.job import at_work, job, refuse_divided
from medtune.tune.keep import as_kept, steer
from medtune.tune.loop import StepLog


def log(step: int, rate: float = 0.01) -> StepLog:
    return StepLog(step, 1.0, 1.0, rate, 1, 1, 0.0, None)


def ready_for(out: Path, **changes: object):
    run = make_run(out, settings(**changes))
    return at_work(job(run, APP, language_model(), examples(8), examples(2, "v")))


@pytest.mark.parametrize("adapter", ["lora", "dora", "full"])
def test_decay_takes_back_its_share_of_the_way_from_the_start(out: Path, adapter: str) -> None:
    with ready_for(out, adapter=adapter, towards_start=5.0) as ready, torch.no_grad():
        start = {name: weight.clone() for name, weight in ready.adapter.weights.items()}
        for weight in ready.adapter.weights.values():
            weight.add_(1.0)
        steer(ready.adapter, {}, settings(towards_start=5.0), log(1, rate=0.04))
        for name, weight in ready.adapter.weights.items():
            assert torch.allclose(weight, start[name] + 0.8, atol=1e-5), name


def test_the_mean_is_plain_at_first_and_then_forgets(out: Path) -> None:
    with ready_for(out, adapter="lora") as ready, torch.no_grad():
        mean: dict[str, torch.Tensor] = {}
        name, weight = next(iter(ready.adapter.weights.items()))
        expected = 0.0
        for step in range(1, 9):
            weight.fill_(float(step * step))
            steer(ready.adapter, mean, settings(average=0.75), log(step))
            share = max(0.25, 1 / step)
            expected += share * (step * step - expected)
            if step <= 4:
                assert expected == pytest.approx(sum(k * k for k in range(1, step + 1)) / step)
            assert float(mean[name].flatten()[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_interpolation_is_that_share_of_the_change_and_is_undone(out: Path, adapter: str) -> None:
    lm = language_model()
    run = make_run(out, settings(adapter=adapter))
    before = dict(lm.model.named_parameters())["model.layers.0.mlp.up_proj.weight"].clone()
    with at_work(job(run, APP, lm, examples(8), examples(2, "v"))) as ready, torch.no_grad():
        for weight in ready.adapter.weights.values():
            weight.add_(torch.linspace(0, 0.1, weight.numel()).view_as(weight))
        now = {name: weight.clone() for name, weight in ready.adapter.weights.items()}
        whole = change(ready.adapter.weights, before)
        with as_kept(ready.adapter, {}, 0.25):
            assert torch.allclose(change(ready.adapter.weights, before), whole / 4, atol=1e-6)
        for name, weight in ready.adapter.weights.items():
            assert torch.equal(weight, now[name]), "training goes on where it was"


def change(weights: dict, before: torch.Tensor) -> torch.Tensor:
    """What the layer's weights differ by, adapter or not."""
    own = "model.layers.0.mlp.up_proj.weight"
    if own in weights:
        return weights[own] - before
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_{}.weight"
    return weights[name.format("B")] @ weights[name.format("A")]


@pytest.mark.parametrize(
    "changes",
    [
        {"average": 0.8, "towards_start": 1.0, "interpolate": 0.7},
        {"average": 0.8, "adapter": "full", "learning_rate": 0.002},
    ],
)
def test_an_interruption_changes_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    tune = settings(epochs=1, **changes)
    fit_in(out / "whole", tune)
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(out / "stopped", tune)
    kept = load_file(out / "stopped/checkpoints/step-000005/mean.safetensors")
    assert kept
    assert fit_in(out / "stopped", tune).resumed == 1
    assert_same_fit(out / "stopped", out / "whole")


def test_what_is_looked_at_is_what_is_kept(out: Path) -> None:
    """The kept loss is that of the saved weights, and not of those that training went on with."""
    tune = settings(average=0.9, interpolate=0.5, epochs=1)
    done = fit_in(out, tune)
    lm = language_model()
    asked = job(make_run(out / "again", tune), APP, lm, examples(32), examples(8, "v"))
    with at_work(asked) as ready:
        with torch.no_grad():
            for name, weight in ready.adapter.weights.items():
                weight.copy_(weights_of(out)[name])
        assert ready.team.look()["validation"].loss == pytest.approx(done.validation_loss, rel=1e-5)


def test_each_lever_leaves_the_model_nearer_to_its_start(out: Path) -> None:
    def way(name: str, **changes: object) -> float:
        fit_in(out / name, settings(epochs=1, **changes))
        tensors = weights_of(out / name)
        return sum(float(one.norm()) for key, one in tensors.items() if ".lora_B." in key)

    plain = way("plain")
    assert way("decay", towards_start=20.0) < 0.9 * plain
    assert way("half", interpolate=0.5) < 0.9 * plain
    assert way("mean", average=0.9) < plain
    assert rows(out / "half")[0]["loss"] == rows(out / "plain")[0]["loss"]


def test_dora_is_not_interpolated() -> None:
    with pytest.raises(ValidationError, match="DoRA adapter cannot be scaled"):
        settings(adapter="dora", interpolate=0.5)


def test_what_divided_weights_cannot_do_is_refused_by_name() -> None:
    refuse_divided(settings(replay=0.2))
    with pytest.raises(ConfigError, match=r"tune\.adapter: full, tune\.average is not built"):
        refuse_divided(settings(adapter="full", average=0.9))
    with pytest.raises(ConfigError, match=r"tune\.stop_on: metric is not built"):
        refuse_divided(settings(stop_on="metric"))


def test_a_model_that_sees_is_not_divided(out: Path) -> None:
    seeing = {"source": "path:tiny", "vision": {}}
    asked = make_run(out).model_dump() | {"model": seeing, "compute": {"shard": True}}
    with pytest.raises(ValidationError, match=r"compute\.shard are for models of text"):
        Run.model_validate(asked)
