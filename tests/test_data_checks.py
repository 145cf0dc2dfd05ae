"""Checks of the data card on clean notes: drawn samples, and dates that de-identification moved."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from faults.data.notes import LABELS, clean

from medtune.data.checks import dates, forecast, labels, proxy
from medtune.records import Example

TODAY = date(2024, 6, 1)


def notes() -> list[Example]:
    return clean(Path())


def test_label_errors_are_looked_for_in_a_sample_whatever_the_order(monkeypatch):
    monkeypatch.setattr(labels, "MOST", 140)
    ordered = sorted(notes(), key=lambda e: str(e.target))
    found = labels.label_errors(ordered, LABELS, seed=0)
    assert found.outcome != "not_run"
    assert found.found.endswith("; 140 drawn from 300 were looked at")
    assert found.figures["looked_at"] == 140
    monkeypatch.setattr(labels, "MOST", 300)
    assert "drawn" not in labels.label_errors(ordered, LABELS, seed=0).found


def test_the_learning_curve_is_of_a_sample_whatever_the_order(monkeypatch):
    monkeypatch.setattr(forecast, "MOST", 120)
    monkeypatch.setattr(forecast, "RESAMPLES", 5)
    ordered = sorted(notes(), key=lambda e: str(e.target))
    train, validation = (
        [e for e in ordered if e.split == split] for split in ("train", "validation")
    )
    assert len({e.target for e in train[:80]}) == 1
    found = forecast.forecast(train, validation, LABELS, 0)
    assert found is not None
    assert found.sizes[-1] == 120
    assert f"120 drawn from {len(train)}" in found.about


def test_proxies_are_looked_for_in_a_sample_whatever_the_order(monkeypatch):
    monkeypatch.setattr(proxy, "MOST", 140)
    ordered = sorted(notes(), key=lambda e: e.subgroups["sex"])
    alone = [replace(e, subgroups={"sex": e.subgroups["sex"]}) for e in ordered]
    assert len({e.subgroups["sex"] for e in alone[:120]}) == 1
    found = proxy.proxies(alone, seed=0)
    assert set(found.figures) == {"area: sex"}
    assert "140 drawn from 300" in found.found


@pytest.mark.parametrize(("moved", "outcome"), [(None, "fail"), (timedelta(weeks=52), "pass")])
def test_a_date_that_was_moved_may_lie_after_today(moved: timedelta | None, outcome: str):
    recent = [
        replace(e, time=(TODAY + timedelta(days=n)).isoformat()) for n, e in enumerate(notes())
    ]
    assert dates.date_order(recent, TODAY, moved=moved).outcome == outcome
    beyond = [replace(e, time="2025-06-02") for e in recent[:9]] + recent[9:]
    assert dates.date_order(beyond, TODAY, moved=moved).outcome == "fail"


@pytest.mark.parametrize(("moved", "outcome"), [(None, "fail"), (timedelta(0), "pass")])
def test_a_date_that_was_cut_to_its_year_is_a_date(moved: timedelta | None, outcome: str):
    cut = [replace(e, time="2024") for e in notes()]
    assert dates.date_order(cut, TODAY, moved=moved).outcome == outcome
    later = [replace(e, time="2025") for e in cut]
    assert dates.date_order(later, TODAY, moved=moved).outcome == "fail"
