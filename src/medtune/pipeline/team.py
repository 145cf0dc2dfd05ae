"""Workers of Ray that keep what they have loaded, and what becomes of their faults."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from medtune.errors import MachineError
from medtune.pipeline.cluster import RESTARTS, environment, has_gpus, start_ray, told_of
from medtune.pipeline.job import Job


@contextmanager
def team(job: Job, workers: int, kind: type, *, on_gpus: bool = False) -> Generator[list[Any]]:
    """Start the workers, here or on the cluster that RAY_ADDRESS names; they end with the block.

    Args:
        job: What each is told.
        workers: How many.
        kind: The class of one: it is made of what it is told.
        on_gpus: Whether each has a GPU where the machines of Ray have any.

    Raises:
        MachineError: They have some, but not one for each worker.
    """
    variables = environment(job.numerics)
    ray = import_module("ray")
    start_ray(workers)
    try:
        n_gpus = int(on_gpus and has_gpus(workers))
        actor = ray.remote(
            num_cpus=1,
            num_gpus=n_gpus,
            max_restarts=RESTARTS,
            max_task_retries=RESTARTS,
            runtime_env={"env_vars": variables},
        )(kind)
        yield [actor.remote(told_of(job)) for _ in range(workers)]
    finally:
        ray.shutdown()


@contextmanager
def faults(remedy: str) -> Generator[None]:
    """Raise what a worker raised, as this process would have.

    Raises:
        MedtuneError: What a worker raised.
        MachineError: A worker died again and again; `remedy` says what may help.
    """
    known = import_module("ray.exceptions")
    try:
        yield
    except known.RayTaskError as error:
        raise error.cause from None
    except known.RayActorError as error:
        raise MachineError(
            f"a worker of Ray died {RESTARTS + 1} times, most likely for want of memory; {remedy}, "
            f"or take fewer --workers: {error}"
        ) from error
