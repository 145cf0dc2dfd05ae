"""A worker of Ray that has a fault ends, and after the new start all tell it. Without Ray."""

import os
from pathlib import Path

import pytest
from planted import make_run

from medtune.errors import MachineError, TuneError
from medtune.llm.numerics import Numerics
from medtune.pipeline import Job, cluster, working_in


def told_in(out: Path) -> dict[str, object]:
    numerics = Numerics("float32", None, "the tests", None)
    return cluster.told_of(Job(make_run(out), offline=True, chosen=numerics))._asdict()


def test_a_fault_of_one_worker_ends_it_and_is_told_after_the_new_start(
    out: Path, monkeypatch: pytest.MonkeyPatch
):
    told = told_in(out)

    def fail(*_: object) -> None:
        raise TuneError("process 1: the loss is not finite")

    def end(code: int) -> None:
        raise SystemExit(code)

    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_share", fail)
        patch.setattr(os, "_exit", end)
        with pytest.raises(SystemExit) as ended:
            cluster.work(told)
    assert ended.value.code == TuneError.exit_code
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_share", None)
        found = cluster.work(told)
    assert isinstance(found, TuneError)
    assert str(found) == "process 1: the loss is not finite"


def test_a_worker_without_a_fault_tells_none(out: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "_share", lambda *_: None)
    assert cluster.work(told_in(out)) is None
    assert not (out / cluster.FAULT).exists()


def test_a_folder_in_use_is_refused_before_the_processes_part(
    out: Path, monkeypatch: pytest.MonkeyPatch
):
    job = cluster.job_of(cluster.Told(**told_in(out)))  # type: ignore[arg-type]
    monkeypatch.setattr(cluster, "run_stages", None)
    with working_in(job.run), pytest.raises(MachineError, match="another medtune is working"):
        cluster._share(job, print)
