"""What the verbs of the command line do: the chain of stages, and the verbs beside it."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from medtune.artifacts import Decision, Export, Monitor, Release, TuneRecord, sha256_file
from medtune.errors import DataError, GateError
from medtune.pipeline.job import Job, working_in
from medtune.pipeline.lines import outcome
from medtune.pipeline.stages import CHAIN
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
    "serving_release",
    "working_in",
]


def run_stages(job: Job, names: Sequence[str], show: Callable[[str], None]) -> bool:
    """Run stages in order, a line for each, then the summary and the report.

    After a decision against tuning the rest of a chain is not run: that is a good result, too.

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
                started = time.monotonic()
                step = CHAIN[name](job)
                n_done += not step.skipped
                end = "unchanged" if step.skipped else duration(time.monotonic() - started)
                show(f"[{number}/{len(names)}] {name} ({end}): {outcome(step.artifact)}")
                if _ends_here(step.artifact) and names[number:]:
                    show(f"The chain ends here: {_ends_here(step.artifact)}. See the report.")
                    break
        finally:
            n_done += _report(job, show, whole=len(names) > 1)
    return n_done > 0


def _ends_here(artifact: object) -> str:
    """Why nothing follows after this artifact; empty if something does."""
    if not isinstance(artifact, Decision) or artifact.recommendation == "tune":
        return ""
    if artifact.verdict == "yes":
        return "the tune that is recommended retrieves, and the stages after this one cannot yet"
    return "the evidence is not for tuning"


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


def predict(job: Job, source: Path, target: Path) -> int:
    """Answer every record of a file with the tuned model; return how many.

    Raises:
        DataError: A record lacks a field, or the model was not tuned yet.
    """
    TuneRecord.load(job.run.out)
    batch = import_module("medtune.apps.unlabelled")
    examples = batch.read_unlabelled(job.run, job.app, source)
    model = job.load(job.adapter)
    answer = import_module("medtune.llm.predict").predict
    result = answer(model, job.app, examples, settings=job.run.evaluate, what="predict")
    batch.write_answers(target, result.predictions, Release.find(job.run.out))
    return len(examples)


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


def export(job: Job, form: str, kind: str | None, folder: Path | None) -> Export:
    """Write the released model as plain weights, in `<out>/export/<form>` unless told otherwise.

    Raises:
        GateError: There is no release, it was refused, or what was written is another model.
    """
    release = released(job)
    _ = job.numerics  # before torch is imported
    stage = import_module("medtune.release.export")
    ask = stage.Ask(form, kind, folder or job.run.out / "export" / form)
    with working_in(job.run):
        bundled = job.run.out / "release" / "adapter"
        tuned = stage.Tuned(release, job.folder, bundled, job.load)
        return stage.export(job.run, job.app, tuned, ask)


def serve(job: Job) -> None:
    """Serve the released model until stopped.

    Raises:
        GateError: There is no release, or it was refused.
        MachineError: The port is in use.
    """
    release = released(job)
    model = job.load(job.run.out / "release" / "adapter")
    import_module("medtune.serve").serve(job.run, job.app, model, release)


@contextmanager
def serving_release(job: Job) -> Generator[str]:
    """Serve the released model from this process while the block runs; give the address.

    Raises:
        GateError: There is no release, or it was refused.
    """
    release = released(job)
    model = job.load(job.run.out / "release" / "adapter")
    stage = import_module("medtune.serve")
    with stage.serving(job.run, job.app, model, release) as address:
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
