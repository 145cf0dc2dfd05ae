"""`medtune tune` in several processes: those that torchrun started, or those that Ray starts.

Every process goes through the stage with the same files; the first one leads, and it alone locks
the run's folder, writes and prints. On several machines the folder must be one that all see.
"""

import json
import os
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import yaml

from medtune import errors
from medtune.artifacts import write_text
from medtune.config import Run, dump_run
from medtune.errors import ConfigError, MachineError, MedtuneError, memory_told
from medtune.llm.numerics import ISA, Numerics
from medtune.pipeline import run_stages
from medtune.pipeline.job import Job, working_in
from medtune.pipeline.stages import CHAIN

RESTARTS = 3
"""How often Ray starts the workers anew after one died, before it gives up."""
START_WITHIN_S = "600"
"""Ray's own minute is too short for workers on a busy machine, which import torch first."""
ADDRESS = "RAY_ADDRESS"
"""The variable that names a cluster that runs already."""
UNDER_TORCHRUN = "TORCHELASTIC_RUN_ID"
FAULT = Path("ray", "fault.json")
"""In the run's folder: the fault for which a worker of Ray ended."""


def tune(job: Job, workers: int | None, show: Callable[[str], None]) -> None:
    """Tune here, or in the processes of torchrun if it started this one, or in `workers` of Ray.

    Raises:
        ConfigError: Ray is asked for and not installed, or torchrun started this process as well.
    """
    if UNDER_TORCHRUN in os.environ:
        if workers is not None:
            raise ConfigError("--workers: torchrun started this process already; use one of them")
        _under_torchrun(job, show)
    elif workers is not None:
        job = _under_ray(job, workers)
        run_stages(job, ("tune",), show)  # finds it done, and tells
    else:
        run_stages(job, ("tune",), show)


def _under_torchrun(job: Job, show: Callable[[str], None]) -> None:
    numerics = job.numerics  # before torch is imported
    control = import_module("medtune.tune.distributed.control")
    with control.process_group():
        if control.agreed(numerics.dtype) != numerics.dtype:
            raise MachineError(
                f"process {control.rank()}: {numerics.dtype} is best on this machine, and "
                "another type on the first one; set model.numerics"
            )
        _share(job, show)


def _share(job: Job, show: Callable[[str], None]) -> None:
    """Go through the stage as one of several processes."""
    control = import_module("medtune.tune.distributed.control")
    control.on_lead(lambda: _refuse_busy(job.run))
    if control.leads():
        run_stages(job, ("tune",), show)
        return
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            CHAIN["tune"](job)
    except MedtuneError as error:
        raise type(error)(f"process {control.rank()}: {error}") from error


def _refuse_busy(run: Run) -> None:
    with working_in(run):
        pass


class Told(NamedTuple):
    """What a worker of Ray is told."""

    run: str
    """As YAML."""
    offline: bool
    folder: str
    """Where to work: relative paths are meant from there."""
    numerics: Numerics


def _under_ray(job: Job, workers: int) -> Job:
    """Let Ray start the workers, here or on the cluster that RAY_ADDRESS names.

    Where one dies, all are started anew, and go on from the newest checkpoint.

    Returns:
        The job with the numerics of the workers.

    Raises:
        MachineError: Workers died again and again, or there are too few GPUs.
    """
    refuse_without_ray()
    if ADDRESS not in os.environ:
        _ = job.numerics  # tried before Ray's own processes take the cores
    start_ray(workers)
    ray = import_module("ray")
    try:
        on_gpus = has_gpus(workers)
        if on_gpus and ADDRESS in os.environ:
            job = replace(job, chosen=numerics_there(job))
        _train(job, workers, on_gpus=on_gpus)
    finally:
        ray.shutdown()
    return job


def _train(job: Job, workers: int, *, on_gpus: bool) -> None:
    told = told_of(job)
    (job.run.out / FAULT).unlink(missing_ok=True)
    control = import_module("medtune.tune.distributed.control")
    train, torch_trainer = import_module("ray.train"), import_module("ray.train.torch")
    try:
        trainer = torch_trainer.TorchTrainer(
            work,
            train_loop_config=told._asdict(),
            torch_config=torch_trainer.TorchConfig(
                backend=control.backend(on_gpus=on_gpus), timeout_s=control.WAIT_H * 3600
            ),
            scaling_config=train.ScalingConfig(num_workers=workers, use_gpu=on_gpus),
            run_config=train.RunConfig(
                storage_path=str((job.run.out / "ray").resolve()),
                failure_config=train.FailureConfig(max_failures=RESTARTS),
                worker_runtime_env={"env_vars": environment(job.numerics)},
            ),
        )
        error = trainer.fit().return_value
    except train.TrainingFailedError as failed:
        raise MachineError(
            f"Ray started the workers {RESTARTS + 1} times, and one died each time; the last "
            f"checkpoint is unharmed: {failed}"
        ) from failed
    if error is not None:
        raise error


def has_gpus(workers: int) -> bool:
    """Whether each worker of the Ray that is started gets a GPU; they are of the whole cluster.

    Raises:
        MachineError: There are GPUs, but not enough.
    """
    n = int(import_module("ray").cluster_resources().get("GPU", 0))
    if 0 < n < workers:
        raise MachineError(
            f"--workers: the machines of Ray have {n} GPUs for {workers} workers; take --workers "
            f"{n}, or add machines"
        )
    return n > 0


def numerics_there(job: Job) -> Numerics:
    """The numerics that a machine of the cluster chooses on its GPU.

    Raises:
        MedtuneError: What it could not do.
    """
    ray = import_module("ray")
    asked = ray.remote(num_gpus=1)(choose)
    found = ray.get(asked.remote(dump_run(job.run), str(Path.cwd()), offline=job.offline))
    if isinstance(found, MedtuneError):
        raise found
    return found


def choose(run: str, folder: str, *, offline: bool) -> Numerics | MedtuneError:
    """Choose the numerics of a run, given as YAML, on this machine; return a fault of the user's.

    Changes the folder that this process works in.
    """
    os.chdir(folder)
    try:
        return Job(Run.model_validate(yaml.safe_load(run)), offline=offline).numerics
    except MedtuneError as error:
        return error


def refuse_without_ray() -> None:
    """Make sure that Ray is installed.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("ray") is None:
        raise ConfigError('--workers needs Ray; install it with pip install -e ".[cluster]"')


def told_of(job: Job) -> Told:
    """What the workers of a job are told."""
    return Told(dump_run(job.run), job.offline, str(Path.cwd()), job.numerics)


def start_ray(workers: int) -> None:
    """Start Ray, or join it. Its processes talk much: what they say stays in Ray's own logs."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is told to anybody
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", START_WITHIN_S)
    start = import_module("ray").init
    if ADDRESS in os.environ:
        start(log_to_driver=False)
    else:
        n_cpus = max(workers, os.cpu_count() or 1)
        start(num_cpus=n_cpus, include_dashboard=False, log_to_driver=False)


def environment(numerics: Numerics) -> dict[str, str]:
    """The variables under which a worker's numerics are this process's."""
    return {} if numerics.onednn_isa is None else {ISA: numerics.onednn_isa}


def job_of(told: Told) -> Job:
    """The job as a worker has it. Changes the folder that this process works in."""
    os.chdir(told.folder)
    run = Run.model_validate(yaml.safe_load(told.run))
    return Job(run, offline=told.offline, chosen=told.numerics)


def work(told: dict[str, object]) -> MedtuneError | None:
    """Be one of Ray's workers; return a fault that no new start would mend.

    The others may be waiting for a worker that has a fault, for as long as `control.WAIT_H`. So it
    writes the fault down and ends; Ray starts all anew, and they return it.
    """
    job = job_of(Told(**told))  # pyright: ignore[reportArgumentType]  Ray passes a dictionary
    path = job.run.out / FAULT
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        return getattr(errors, found["kind"])(found["message"])
    try:
        with memory_told():
            _share(job, lambda _: None)
    except MedtuneError as error:
        told_as = {"kind": type(error).__name__, "message": str(error)}
        write_text(path, json.dumps(told_as) + "\n")
        os._exit(error.exit_code)
    return None
