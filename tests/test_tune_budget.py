"""A budget ends a tuning at a look, and a larger one goes on from there; energy is an estimate."""

import json
import shutil
import socket
from pathlib import Path

import pytest
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
)

from medtune.config import ComputeSection
from medtune.errors import ConfigError, TuneError
from medtune.tune import Fit, fit
from medtune.tune.energy import refuse_unknown


def fit_with(folder: Path, **compute: object) -> Fit:
    asked = ComputeSection.model_validate(compute)
    run = make_run(folder).model_copy(update={"compute": asked})
    return fit(run, APP, language_model(), examples(32), examples(8, "v"), folder=folder,
               what="tiny", identity={"data": "d"})  # fmt: skip


def test_the_tokens_of_a_budget_are_never_exceeded_and_the_best_weights_are_kept(out: Path):
    whole = fit_in(out / "whole")
    done = fit_with(out / "cut", budget_tokens=1200)
    assert done.stopped == "budget"
    assert 3 <= done.steps < whole.steps
    assert done.steps % 3 == 0
    assert done.tokens_seen <= 1200
    following = [row["n_tokens"] for row in rows(out / "whole") if "n_tokens" in row]
    assert done.tokens_seen + sum(following[done.steps : done.steps + 3]) > 1200
    told = [row for row in rows(out / "cut") if "validation_loss" in row]
    looks = {row["step"]: row["validation_loss"] for row in told}
    assert done.validation_loss == min(looks.values()) == looks[done.best_step]


def test_a_larger_budget_goes_on_and_ends_as_if_there_had_been_none(out: Path):
    fit_in(out / "whole")
    cut = fit_with(out / "cut", budget_tokens=1200)
    assert fit_with(out / "cut", budget_tokens=1201) == cut
    done = fit_with(out / "cut")
    assert (done.stopped, done.resumed) == ("all epochs", 1)
    assert_same_fit(out / "cut", out / "whole")


def test_what_a_budget_ended_is_refused_by_name_if_anything_else_changed(out: Path):
    fit_in(out / "whole")
    fit_with(out / "cut", budget_tokens=1200)
    before = {path: path.read_bytes() for path in (out / "cut").rglob("*") if path.is_file()}
    with pytest.raises(TuneError, match=r"another run: tune\.learning_rate was.* delete .*points"):
        fit_in(out / "cut", settings(learning_rate=0.01))
    assert {path: path.read_bytes() for path in before} == before
    (out / "cut/adapter/adapter_model.safetensors").write_bytes(b"damaged")
    assert fit_with(out / "cut").resumed == 1
    assert_same_fit(out / "cut", out / "whole")


def test_what_a_budget_ended_begins_anew_once_its_checkpoints_are_deleted(out: Path):
    fit_with(out, budget_tokens=1200)
    shutil.rmtree(out / "checkpoints")
    done = fit_in(out, settings(learning_rate=0.01, epochs=1))
    assert (done.steps, done.resumed) == (8, 0)


def test_hours_end_a_tuning_at_the_first_look_that_has_no_successor_in_time(out: Path):
    done = fit_with(out, budget_hours=1e-9)
    assert (done.stopped, done.steps) == ("budget", 3)
    assert json.loads((out / "fit.json").read_text())["fit"]["stopped"] == "budget"


def test_energy_is_estimated_without_a_connection(out: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "sendto", refuse)
    done = fit_with(out, country="ESP")
    assert done.energy_kwh is not None
    assert done.co2_kg is not None
    watts = done.energy_kwh * 1000 * 3600 / done.seconds
    assert 1 < watts < 1000
    # Spain's mix is some 0.1 to 0.4 kg for a kWh.
    assert 0.05 < done.co2_kg / done.energy_kwh < 0.5
    written = json.loads((out / "fit.json").read_text())["fit"]
    assert written["co2_kg"] == done.co2_kg
    assert fit_with(out / "none").energy_kwh is None


def test_a_country_that_is_not_one_is_a_config_error():
    pytest.importorskip("codecarbon", reason="the extra `energy` is not installed")
    with pytest.raises(ConfigError, match="no electricity mix of 'XYZ'"):
        refuse_unknown("XYZ")


def test_without_codecarbon_one_message_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("medtune.tune.energy.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\[energy\]"):
        refuse_unknown("ESP")
