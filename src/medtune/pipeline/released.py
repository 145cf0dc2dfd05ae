"""The release of a run, and its model."""

from pathlib import Path
from typing import TYPE_CHECKING

from medtune.artifacts import Release
from medtune.errors import DataError, GateError
from medtune.pipeline.job import Job

if TYPE_CHECKING:
    from medtune.llm.load import LanguageModel


def released(job: Job) -> Release:
    """The release of this run.

    Raises:
        DataError: The release stage has not run.
        GateError: It was refused.
        DataError: Its files were changed since.
    """
    found = Release.load(job.run.out)
    if not found.released:
        reasons = "\n".join(f"  {reason}" for reason in found.reasons)
        raise GateError(
            f"{job.run.out / Release.file}: refused, so it is not served or exported:\n{reasons}"
        )
    if Release.current(job.run.out, found.key) is None:
        raise DataError(
            f"{job.run.out / 'release'}: changed after the release {found.id}, so it is not "
            "served; run medtune release again"
        )
    return found


def model_of(job: Job, release: Release) -> "LanguageModel":
    """The model of a release, out of what was released."""
    return job.load(bundled(job.run.out) if release.way.is_tuned else None)


def bundled(out: Path) -> Path:
    """The adapter of a release, among what was released."""
    return out / "release" / "adapter"
