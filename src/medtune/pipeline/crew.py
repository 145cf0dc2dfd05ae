"""`medtune evaluate` over the workers of Ray: they score and write, this process asks and measures.

What is spread is all that is costly of an evaluation: probabilities of replies, and replies, as
token ids. Rendering, parsing and statistics stay here, so the evidence is made by the same code.
The workers are actors that keep their models from one set of questions to the next; Ray Data would
load the model anew for each, and an evaluation has dozens.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medtune.errors import ConfigError
from medtune.pipeline import run_stages
from medtune.pipeline.cluster import Told, job_of, refuse_without_ray
from medtune.pipeline.job import Job
from medtune.pipeline.team import faults, team

if TYPE_CHECKING:
    from medtune.llm.load import Crew, LanguageModel

SHARES = 4
"""Parts of a set for each worker: the last ones even out what the first took."""
MODELS = 2
"""Models that a worker keeps: the base model and the tuned one."""
What = Literal["score", "write"]


def evaluate(job: Job, workers: int | None, show: Callable[[str], None]) -> None:
    """Evaluate here, or with `workers` of Ray, here or on the cluster that RAY_ADDRESS names.

    Raises:
        ConfigError: Ray is asked for and not installed, or the model sees.
        MachineError: Workers died again and again.
    """
    if workers is None:
        run_stages(job, ("evaluate",), show)
        return
    refuse_without_ray()
    if job.run.model.vision is not None or job.folder.sees:
        raise ConfigError("--workers: a model that sees is evaluated in one process; leave it out")
    with crew(job, workers) as crew_of:
        run_stages(replace(job, chosen=job.numerics, crew_of=crew_of), ("evaluate",), show)


class Asker:
    """A worker: answers with the models of a run."""

    def __init__(self, told: Told) -> None:
        job = job_of(told)
        alone = job.run.model.model_copy(update={"processes": 1})  # Ray's processes are not forked
        job = replace(job, run=job.run.model_copy(update={"model": alone}))
        base = cache(job.load)

        def load(adapter: Path | None) -> "LanguageModel":
            return base() if adapter is None else job.load(adapter, base=base())

        self._load = lru_cache(maxsize=MODELS)(load)

    def answer(
        self,
        what: What,
        adapter: Path | None,
        numbered: Mapping[int, Any],
        settings: Sequence[int],
    ) -> dict[int, Any]:
        """What the model makes of each item, by its number.

        Args:
            what: `score` the replies of items, or `write` a reply to prompts.
            adapter: Of the model that is asked; None is the base model.
            numbered: The items.
            settings: As of `Crew`.
        """
        lm, items = self._load(adapter), list(numbered.values())
        if what == "score":
            score = import_module("medtune.llm.score").score_candidates
            found = score(lm, items, batch_tokens=settings[0], advance=_nobody)
        else:
            write = import_module("medtune.llm.generate").generate_ids
            new, batch = settings
            found = write(lm, items, max_new_tokens=new, batch_tokens=batch, advance=_nobody)
        return dict(zip(numbered, found, strict=True))


def _nobody(_: int) -> None:
    """Nobody looks at the bar of a worker."""


@contextmanager
def crew(job: Job, workers: int) -> "Generator[Callable[[Path | None], Crew]]":
    """Start the workers; they end with the block. Gives who answers for the model of an adapter."""
    made = import_module("medtune.llm.load").Crew
    with team(job, workers, Asker, on_gpus=True) as asked:
        yield lambda adapter: made(
            partial(_spread, asked, "score", adapter), partial(_spread, asked, "write", adapter)
        )


def _spread(
    asked: Sequence[Any], what: What, adapter: Path | None, items: Sequence[Any], *settings: int
) -> Iterator[Mapping[int, Any]]:
    """Hand out shares of the items; a worker that is done gets the next one.

    Raises:
        MedtuneError: What a worker raised.
        MachineError: A worker died again and again.
    """
    n = SHARES * len(asked)
    numbered = list(enumerate(items))
    shares = [dict(numbered[first::n]) for first in range(min(n, len(items)))]

    def ask(worker: Any, share: Mapping[int, Any]) -> object:  # noqa: ANN401  Ray's have no type
        return worker.answer.remote(what, adapter, share, settings)

    with faults("lower evaluate.batch_tokens"):
        yield from import_module("ray.util").ActorPool(asked).map_unordered(ask, shares)
