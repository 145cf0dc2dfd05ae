"""What the verbs of the command line do: the chain of stages, and the verbs beside it."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from medtune.artifacts import Decision, Export, Monitor, Release, sha256_file
from medtune.errors import ConfigError
from medtune.pipeline.batch import predict
from medtune.pipeline.job import Job, working_in
from medtune.pipeline.lines import outcome
from medtune.pipeline.released import model_of, released
from medtune.pipeline.stages import CHAIN
from medtune.pipeline.way import ends_here, heard_by, tunes
from medtune.progress import duration

__all__ = [
    "CHAIN",
    "Job",
    "export",
    "monitor",
    "predict",
    "released",
    "run_stages",
    "serve",
    "serve_rules",
    "serving_release",
    "working_in",
]


def run_stages(job: Job, names: Sequence[str], show: Callable[[str], None]) -> bool:
    """Run stages in order, a line for each, then the summary and the report.

    After a decision against the way of the run the rest of a chain is not run: that is a good
    result, too.

    Returns:
        Whether anything was done; False when all was unchanged.

    Raises:
        GateError: The evidence does not allow a release; the report is written before.
    """
    n_done = 0
    _ = job.app  # a wrong name is told before anything is fetched
    with working_in(job.run):
        try:
            for number, name in enumerate(names, start=1):
                if name == "tune" and len(names) > 1 and _tunes_nothing(job):
                    show(f"[{number}/{len(names)}] tune: left out, for this way changes no weights")
                    continue
                started = time.monotonic()
                step = CHAIN[name](job)
                n_done += not step.skipped
                end = "unchanged" if step.skipped else duration(time.monotonic() - started)
                show(f"[{number}/{len(names)}] {name} ({end}): {outcome(step.artifact)}")
                decided = step.artifact if isinstance(step.artifact, Decision) else None
                why = "" if decided is None else ends_here(job.run, decided)
                if why and names[number:]:
                    show(f"The chain ends here: {why}. See the report.")
                    break
        finally:
            n_done += _report(job, show, whole=len(names) > 1)
    return n_done > 0


def _tunes_nothing(job: Job) -> bool:
    return not tunes(job.run, Decision.load(job.run.out))


def _report(job: Job, show: Callable[[str], None], *, whole: bool) -> bool:
    """Write the report, unless it is newer than all that it shows."""
    out = job.run.out
    page = out / "report.html"
    shown = [path for path in (*out.glob("*.json"), out / "run.yaml") if path.exists()]
    newest = max((path.stat().st_mtime_ns for path in shown), default=0)
    stale = not page.exists() or page.stat().st_mtime_ns < newest
    report = import_module("medtune.report")
    if stale and list(out.glob("*.json")):
        report.write_report(job.run, out)
    if whole and list(out.glob("*.json")):
        show("\n" + report.terminal_summary(job.run, out))
    if page.exists():
        show(f"\nReport: {page}")
    return stale


def export(job: Job, form: str, kind: str | None, folder: Path | None) -> Export:
    """Write the released model as plain weights, in `<out>/export/<form>` unless told otherwise.

    Raises:
        GateError: There is no release, it was refused, or what was written is another model.
    """
    release = released(job)
    if not release.way.is_tuned:
        raise ConfigError(
            f"export: release {release.id} is a prompt for the base model ({release.way.name}), so "
            "there are no weights of its own to write; take the base model and release/prompt.json"
        )
    _ = job.numerics  # before torch is imported
    stage = import_module("medtune.release.export")
    ask = stage.Ask(form, kind, folder or job.run.out / "export" / form)
    with working_in(job.run):
        bundled = job.run.out / "release" / "adapter"
        tuned = stage.Tuned(release, job.folder, bundled, job.load)
        return stage.export(job.run, job.app, tuned, ask)


def serve(job: Job) -> None:
    """Serve what was released until stopped.

    Raises:
        GateError: There is no release, or it was refused.
        DataError: What it searches was changed since.
        MachineError: The port is in use.
    """
    release = released(job)
    hear = heard_by(job, release)
    import_module("medtune.serve").serve(job.run, job.app, model_of(job, release), release, hear)


def serve_rules(job: Job) -> None:
    """Serve what the application computes for clinical records, without a model, until stopped.

    Raises:
        ConfigError: The application computes no cards.
        MachineError: The port is in use.
    """
    with working_in(job.run):  # the journal needs the folder; while serving, others may work in it
        stage = import_module("medtune.serve")
    stage.serve_rules(job.run, job.app)


@contextmanager
def serving_release(job: Job) -> Generator[str]:
    """Serve what was released from this process while the block runs; give the address.

    Raises:
        GateError: There is no release, or it was refused.
        DataError: What it searches was changed since.
    """
    release = released(job)
    hear = heard_by(job, release)
    stage = import_module("medtune.serve")
    with stage.serving(job.run, job.app, model_of(job, release), release, hear) as address:
        yield address


def monitor(job: Job) -> Monitor:
    """Compare the journal with the release's reference; write `monitor.json` and the report."""
    release = Release.load(job.run.out)
    with working_in(job.run):
        inputs = {
            "release": release.id,
            "reference": sha256_file(job.run.out / "release" / "reference.json"),
        }
        key = datetime.now(UTC).isoformat(timespec="seconds")  # a look is never skipped
        found = import_module("medtune.monitor").monitor(job.run, key=key, inputs=inputs)
        _report(job, lambda _: None, whole=False)
    return found
