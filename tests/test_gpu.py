"""What is asked of GPUs, with stand-ins for torch's and Ray's accounts of them."""

import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch

from medtune.errors import MachineError, told
from medtune.llm.memory import most_held, there_is
from medtune.llm.numerics import Numerics
from medtune.pipeline import cluster, crew
from medtune.pipeline.cluster import has_gpus, numerics_there
from medtune.pipeline.job import Job
from medtune.tune.distributed import control, ranks
from medtune.tune.distributed.control import backend, process_group

GPU = Numerics("bfloat16", None, "tried on a GPU", None)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(total_memory=80)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 50)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: {3: about}[device])


@pytest.mark.usefixtures("gpu")
def test_with_a_gpu_it_is_its_memory_that_is_measured():
    assert most_held() == 50
    assert there_is() == 80


def test_processes_wait_for_the_first_one_longer_than_torch_lets_them(
    monkeypatch: pytest.MonkeyPatch,
):
    found: list[timedelta] = []
    monkeypatch.setattr(
        control.dist, "init_process_group", lambda backend, timeout: found.append(timeout)
    )
    monkeypatch.setattr(control.dist, "destroy_process_group", lambda: None)
    with process_group():
        pass
    assert found[0] >= timedelta(hours=6)


def test_without_a_gpu_it_is_main_memory():
    assert 1e6 < most_held() < there_is()


@pytest.mark.parametrize(("gpus", "together"), [(True, "largest"), (False, "added")])
def test_of_several_gpus_the_fullest_counts_and_of_processes_their_sum(
    monkeypatch: pytest.MonkeyPatch, gpus: bool, together: str
):
    taken: list[str] = []
    for name in ("largest", "added"):
        monkeypatch.setattr(ranks.control, name, lambda one, name=name: taken.append(name) or one)
    monkeypatch.setattr(ranks, "on_gpu", lambda: gpus)
    ranks.shared(torch.nn.Linear(1, 1), [], None, None, {}, seed=0).peak()
    assert taken == [together]


def test_a_full_gpu_is_told_with_what_to_lower(capsys: pytest.CaptureFixture[str]):
    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nand so on")

    with pytest.raises(SystemExit) as end:
        told(full)
    assert end.value.code == MachineError.exit_code
    words = capsys.readouterr().err
    assert "tune.micro_batch_tokens" in words
    assert "evaluate.batch_tokens" in words
    assert "2 GiB)" in words


def test_another_error_stays_a_bug():
    def bug() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        told(bug)


def ray_with(monkeypatch: pytest.MonkeyPatch, **gpus: float) -> None:
    """A Ray that knows its machines' resources, and does at once what it is asked."""

    def remote(**asked: int):
        assert asked == {"num_gpus": 1}
        return lambda act: SimpleNamespace(remote=act)

    fake = SimpleNamespace(cluster_resources=lambda: gpus, remote=remote, get=lambda found: found)
    monkeypatch.setitem(sys.modules, "ray", fake)


@pytest.mark.parametrize(("gpus", "found"), [({}, False), ({"GPU": 2.0}, True), ({"GPU": 8}, True)])
def test_workers_train_on_the_gpus_of_the_cluster_not_on_those_of_the_head(
    monkeypatch: pytest.MonkeyPatch, gpus: dict[str, float], found: bool
):
    ray_with(monkeypatch, CPU=4, **gpus)
    assert has_gpus(2) is found
    assert ("nccl" in backend(on_gpus=found)) is found


def test_fewer_gpus_than_workers_are_refused(monkeypatch: pytest.MonkeyPatch):
    ray_with(monkeypatch, CPU=4, GPU=3)
    with pytest.raises(MachineError, match="3 GPUs for 4 workers; take --workers 3"):
        has_gpus(4)


@pytest.mark.parametrize("fault", [None, MachineError("no network")])
def test_numerics_are_tried_where_the_gpus_are(monkeypatch: pytest.MonkeyPatch, fault):
    ray_with(monkeypatch, GPU=1)
    run = SimpleNamespace()
    monkeypatch.setattr(cluster, "dump_run", lambda asked: "run: file" if asked is run else "")
    monkeypatch.setattr(cluster, "choose", lambda run, folder, *, offline: fault or GPU)
    job = Job(run, offline=True)  # type: ignore[arg-type]
    if fault is None:
        assert numerics_there(job) == GPU
    else:
        with pytest.raises(MachineError, match="no network"):
            numerics_there(job)


def test_a_worker_loads_the_base_model_once_and_tuned_ones_beside_it(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[tuple[str | None, str | None]] = []

    def load(job: Job, adapter: str | None = None, *, base: str | None = None) -> str:
        asked.append((adapter, base))
        return adapter or "base"

    monkeypatch.setattr(Job, "load", load)
    section = SimpleNamespace(model_copy=lambda update: None)
    run = SimpleNamespace(model=section, model_copy=lambda update: None)
    monkeypatch.setattr(crew, "job_of", lambda told: Job(run))  # type: ignore[arg-type]
    worker = crew.Asker(None)  # type: ignore[arg-type]
    assert [worker._load(adapter) for adapter in ("a", None, "b")] == ["a", "base", "b"]  # type: ignore[arg-type]
    assert asked == [(None, None), ("a", "base"), ("b", "base")]
