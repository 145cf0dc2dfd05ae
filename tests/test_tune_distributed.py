"""Several processes learn what one learns, and put down and take up each other's checkpoints."""

import errno
import multiprocessing
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_tune import APP, examples, fit_in, language_model, make_run, rows, settings, stop_at

from medtune.config import ComputeSection
from medtune.errors import MachineError, MedtuneError
from medtune.tune import Fit, fit
from medtune.tune.distributed.checkpoint import METADATA
from medtune.tune.distributed.control import process_group

SHARD = ComputeSection(shard=True)
FEW = settings(examples_per_step=3, micro_batch_tokens=200, epochs=1)
"""Steps of one or two passes: fewer than there are processes."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    fit_in(folder, FEW)
    return folder


def fit_as_asked(folder: Path, compute: ComputeSection) -> Fit:
    run = make_run(folder, FEW).model_copy(update={"compute": compute})
    return fit(run, APP, language_model(), examples(32), examples(8, "v"), folder=folder,
               what="tiny", identity={"data": "d"})  # fmt: skip


def be_one_of(rank: int, n: int, port: int, folder: Path, compute: ComputeSection, fault: str):
    """What one process does; its exit code is that of the error, if there was one."""
    places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": n, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in places.items()})
    os.environ["MASTER_ADDR"] = "127.0.0.1"
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    if fault == "signal" and rank == n - 1:
        stop_at(patch, 8)
    if fault == "disk" and rank == 0:
        patch.setattr(Path, "write_bytes", full)
    if fault == "journal" and rank == 0:
        patch.setattr(sys.modules["medtune.tune.fit"], "append", no_journal)
    if fault == "country" and rank == 0:
        patch.setattr("medtune.tune.energy.find_spec", lambda name: None)
    with process_group():
        try:
            fit_as_asked(folder, compute)
        except MedtuneError as error:
            sys.exit(error.exit_code)


def full(path: Path, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def no_journal(path: Path, row: object) -> None:
    raise MachineError("the disk is full")


def together(n: int, folder: Path, compute: ComputeSection, fault: str = "") -> list[int | None]:
    """Fit in `n` processes, forked from one that has only imported; their exit codes."""
    processes = multiprocessing.get_context("forkserver")
    preload = ["medtune.tune", "torch.distributed.fsdp", "transformers.models.llama.modeling_llama"]
    processes.set_forkserver_preload(preload)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    team = [
        processes.Process(target=be_one_of, args=(rank, n, port, folder, compute, fault))
        for rank in range(n)
    ]
    for one in team:
        one.start()
    for one in team:
        one.join(300)
    return [one.exitcode for one in team]


def assert_as(folder: Path, reference: Path) -> None:
    """The same curve, line by line, and the same adapter, to float tolerance."""
    ours, theirs = rows(folder), rows(reference)
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert our.keys() == their.keys()
        names = {n for n in our if n != "seconds" and not isinstance(our[n], str)}
        assert {n: our[n] for n in names} == pytest.approx({n: their[n] for n in names}, rel=1e-4)
    left, right = (load_file(f / "adapter/adapter_model.safetensors") for f in (folder, reference))
    assert left.keys() == right.keys()
    for name in left:
        torch.testing.assert_close(left[name], right[name], rtol=1e-3, atol=1e-4)


def test_two_processes_learn_what_one_does(out: Path, alone: Path):
    assert together(2, out, ComputeSection()) == [0, 0]
    assert_as(out, alone)


def test_divided_weights_put_down_by_two_are_taken_up_by_three_or_by_one(out: Path, alone: Path):
    assert together(2, out, SHARD, fault="signal") == [4, 4]
    assert (out / "checkpoints/step-000008" / METADATA).exists()
    shutil.copytree(out, out / "one")
    assert fit_as_asked(out / "one", ComputeSection()).resumed == 1
    assert_as(out / "one", alone)
    assert together(3, out, SHARD) == [0, 0, 0]
    assert_as(out, alone)


def test_what_one_put_down_is_divided_among_two(
    out: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        stop_at(patch, 8)
        with pytest.raises(MedtuneError, match="stopped by signal"):
            fit_as_asked(out, ComputeSection())
    assert together(2, out, SHARD) == [0, 0]
    assert_as(out, alone)


def test_a_disk_that_is_full_for_the_leader_ends_all(out: Path):
    assert together(2, out, ComputeSection(), fault="disk") == [6, 6]
    assert not list(out.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("fault", "compute", "code"),
    [("journal", ComputeSection(), 6), ("country", ComputeSection(country="ESP"), 2)],
)
def test_what_fails_for_the_leader_alone_ends_all_in_the_same_way(
    out: Path, fault: str, compute: ComputeSection, code: int
):
    assert together(2, out, compute, fault=fault) == [code, code]


def test_layers_computed_again_give_the_same_adapter(out: Path, alone: Path):
    fit_as_asked(out, ComputeSection(recompute=True))
    ours, theirs = (load_file(f / "adapter/adapter_model.safetensors") for f in (out, alone))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
