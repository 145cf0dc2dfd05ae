"""What a run's folder holds so far."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from medtune.artifacts import (
    Artifact,
    DataCard,
    Decision,
    Evaluation,
    Monitor,
    Release,
    TuneRecord,
    read_jsonl,
)
from medtune.records import Json

A = TypeVar("A", bound=Artifact)


@dataclass(frozen=True, slots=True)
class Found:
    """The artifacts of a run; None for a stage that has not run."""

    data: DataCard | None
    decision: Decision | None
    tune: TuneRecord | None
    evaluation: Evaluation | None
    release: Release | None
    monitor: Monitor | None
    log: tuple[dict[str, Json], ...]
    """The lines of `tune.jsonl`."""


def find(out: Path) -> Found:
    """Read whatever artifacts lie in `out`.

    Raises:
        DataError: An artifact is there but was not written by this version of medtune.
    """
    log = out / "tune.jsonl"
    return Found(
        data=_load(DataCard, out),
        decision=_load(Decision, out),
        tune=_load(TuneRecord, out),
        evaluation=_load(Evaluation, out),
        release=_load(Release, out),
        monitor=_load(Monitor, out),
        log=tuple(read_jsonl(log)) if log.is_file() else (),
    )


def _load(kind: type[A], out: Path) -> A | None:
    return kind.load(out) if (out / kind.file).is_file() else None


def stages(found: Found) -> list[tuple[str, Artifact | None]]:
    """The stages that write an artifact, in order, with what they wrote."""
    return [
        ("data", found.data),
        ("decide", found.decision),
        ("tune", found.tune),
        ("evaluate", found.evaluation),
        ("release", found.release),
        ("monitor", found.monitor),
    ]


def out_of_order(found: Found) -> list[str]:
    """Stages that are older than the stage before them, as "evaluate is older than tune"."""
    ran = [(name, artifact) for name, artifact in stages(found) if artifact is not None]
    return [
        f"{name} is older than {before}"
        for (before, earlier), (name, later) in pairwise(ran)
        if later.created < earlier.created
    ]
