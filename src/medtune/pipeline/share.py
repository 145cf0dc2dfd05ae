"""`medtune data` over the workers of Ray: they clean, render and sign the records, in their order.

The first process reads the sources as one stream, hands out neighbouring records, and does with
what comes back what it does alone: number the inputs, find duplicates, divide. So the files and the
card are the same, byte for byte. Only so many records are on their way as `AHEAD` allows.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from medtune.errors import ConfigError, MedtuneError
from medtune.pipeline import run_stages
from medtune.pipeline.cluster import Told, job_of, refuse_without_ray
from medtune.pipeline.job import Job
from medtune.pipeline.team import faults, team
from medtune.records import Example

if TYPE_CHECKING:
    from medtune.data.gather import Part
    from medtune.deid.example import Cleaner

RECORDS = 256
"""Neighbouring records that a worker is handed at once."""
AHEAD = 3
"""Such shares on their way for each worker: one in work, and some that wait."""


def data(job: Job, workers: int | None, show: Callable[[str], None]) -> None:
    """Prepare the data here, or with `workers` of Ray, here or on the cluster of RAY_ADDRESS.

    Raises:
        ConfigError: Ray is asked for and not installed, or the model's own processor sees images.
        MachineError: Workers died again and again.
    """
    if workers is None:
        run_stages(job, ("data",), show)
        return
    refuse_without_ray()
    if job.folder.sees:  # its processor reads images, which are in this machine's cache
        raise ConfigError("--workers: data of a vision-language model are read in one process")
    _cleaner(job)  # makes the key where there is none, which workers would do at the same time
    with team(job, workers, Hand) as hands:
        shared = replace(job, chosen=job.numerics, spread=partial(spread, hands))
        run_stages(shared, ("data",), show)


class Hand:
    """A worker: prepares records as the data stage does."""

    def __init__(self, told: Told) -> None:
        job = job_of(told)
        self._made = import_module("medtune.data.gather")
        self._preparer = self._made.Preparer(job.app, job.renderer, _cleaner(job))

    def prepare(self, examples: Sequence[Example]) -> "Part":
        """The records, cleaned and measured.

        Raises:
            DataError: One cannot be used.
        """
        cleaner = self._preparer.cleaner
        if cleaner is not None:
            cleaner.replaced.clear()
        records = [self._preparer.prepare(example) for example in examples]
        return self._made.Part(records, Counter() if cleaner is None else Counter(cleaner.replaced))


def _cleaner(job: Job) -> "Cleaner | None":
    return import_module("medtune.deid.example").cleaner_for(job.run, job.app)


def spread(hands: Sequence[Any], records: Iterator[Example]) -> "Iterator[Part]":
    """Hand out the records, and give them back in their order.

    A fault of the source is raised after all that came before it, as one process does.

    Raises:
        MedtuneError: What a worker raised.
        MachineError: A worker died again and again.
    """
    ray = import_module("ray")
    under_way: deque[object] = deque()
    with faults("shorten the records"):
        for number, share in enumerate(_shares(records)):
            if len(under_way) == AHEAD * len(hands):
                yield ray.get(under_way.popleft())
            if isinstance(share, MedtuneError):
                yield from map(ray.get, under_way)
                raise share
            under_way.append(hands[number % len(hands)].prepare.remote(share))
        yield from map(ray.get, under_way)


def _shares(records: Iterator[Example]) -> Iterator[list[Example] | MedtuneError]:
    """The records in shares, and at the end what stopped the source, if something did."""
    share: list[Example] = []
    while True:
        try:
            example = next(records, None)
        except MedtuneError as error:
            yield share
            yield error
            return
        if example is None or len(share) == RECORDS:
            yield share
            share = []
        if example is None:
            return
        share.append(example)
