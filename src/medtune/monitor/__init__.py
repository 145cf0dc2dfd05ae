"""Monitor: is the released model still used on what it was made for?

It compares the input features and the answers of the latest requests in the journal with the
release's `reference.json`. It sees drift, not loss of quality: that needs targets from use. Each
run of it is one look; who looks every day will see more false alarms than `monitor.alpha` says.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from medtune import __version__
from medtune.artifacts import DriftTest, Monitor, Release
from medtune.config import Run
from medtune.errors import GateError
from medtune.features import BUNDLE, Reference
from medtune.monitor.drift import LEAST_D, drift_tests, smallest_visible_d
from medtune.monitor.journal import Use, read_use
from medtune.records import Verdict

__all__ = ["monitor"]

LATEST = 1000
"""Requests looked at, the latest ones: more would hide a change of this week in a year's use."""


def monitor(run: Run, *, key: str, inputs: Mapping[str, str]) -> Monitor:
    """Compare the journal of the current release with its reference, and write `monitor.json`.

    Raises:
        GateError: The release was refused, so nothing can have been served.
        DataError: There is no release, or the journal is of another version.
        ConfigError, MachineError: The journal cannot be read.
    """
    release = Release.load(run.out)
    if not release.released:
        raise GateError(
            f"{run.out / Release.file}: release {release.id} was refused, so there is no use of it "
            "to look at; `medtune release` says why"
        )
    reference = Reference.load(run.out / BUNDLE)
    latest = max(LATEST, run.monitor.min_requests)
    use = read_use(run.journal_url, release.id, latest=latest)
    enough = use.n >= run.monitor.min_requests
    tests = drift_tests(reference, use, alpha=run.monitor.alpha) if enough else []
    drifted = _drifted(tests)
    found = Monitor(
        key=key,
        inputs=dict(inputs),
        outputs={},
        medtune_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        release_id=release.id,
        requests=use.n,
        tests=tests,
        drifted=drifted,
        proposal=_proposal(run, reference, use, tests, drifted),
    )
    found.save(run.out)
    return found


def _drifted(tests: Sequence[DriftTest]) -> Verdict:
    if not tests:
        return "not_enough_data"
    return "yes" if any(test.drifted == "yes" for test in tests) else "no"


def _proposal(
    run: Run, reference: Reference, use: Use, tests: Sequence[DriftTest], drifted: Verdict
) -> str:
    if drifted == "not_enough_data":
        missing = max(run.monitor.min_requests - use.n, 0)
        return (
            f"Not enough data to tell: {use.n} answered requests of this release; look again after "
            f"{missing} more (monitor.min_requests)."
        )
    if drifted == "yes":
        names = ", ".join(test.feature for test in tests if test.drifted == "yes")
        return (
            f"Use has changed in: {names}. Let a person read some of these requests. If the use is "
            "intended, add such records to the data, and run the chain again, which measures "
            "whether a new tune helps; if it is not, stop it."
        )
    n_reference = max(len(values) for values in reference.features.values())
    visible = smallest_visible_d(n_reference, use.n, run.monitor.alpha / len(tests))
    return (
        f"Go on. A change of a feature below D = {max(visible, LEAST_D):.2f} would not have been "
        f"called drift with {use.n} requests against {n_reference}."
    )
