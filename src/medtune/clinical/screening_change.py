"""How a PHQ-9 or GAD-7 total changed: clinically, reliably, response and remission.

Sources: five points of the PHQ-9, Löwe 2004, Med Care 42:1194 and Kroenke 2012, Psychosomatics
53:1; six points as reliable change, four points of the GAD-7, and the recovery thresholds (PHQ-9
under 10, GAD-7 under 8), NHS Talking Therapies manual, version 7, 2024 (read in secondary sources);
GAD-7 four points, Toussaint 2020, J Affect Disord 265:395; response as a fall by half and remission
as under 5, Kroenke 2001.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medtune.clinical.screening import Screening
from medtune.errors import DataError

Direction = Literal["improved", "worse", "no reliable change"]
CLINICAL = {"PHQ-9": 5.0, "GAD-7": 4.0}
RELIABLE = {"PHQ-9": 6.0, "GAD-7": 4.0}
CASE = {"PHQ-9": 10.0, "GAD-7": 8.0}
REMISSION = 5.0
RESPONSE = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """From one total to a later one. Less is better."""

    delta: float
    """Later minus earlier: negative is improvement."""
    direction: Direction
    """By the reliable change of the instrument."""
    is_clinical: bool
    """Whether the change, either way, is at least the smallest that patients notice."""
    response: bool
    """Whether the total fell by half or more, from a positive screen."""
    remission: bool
    """Whether the later total is under 5, after one of 5 or more."""
    recovered: bool
    """Whether a case became no case."""


def change(earlier: Screening, later: Screening) -> Change:
    """What became of a total.

    Raises:
        DataError: The two are of different instruments, of the PHQ-2, or one has no total.
    """
    if earlier.instrument != later.instrument or earlier.instrument not in RELIABLE:
        raise DataError(
            f"change from {earlier.instrument} to {later.instrument}: both must be PHQ-9, or both "
            "GAD-7, for which a reliable change is published"
        )
    if earlier.total is None or later.total is None:
        raise DataError(f"{earlier.instrument}: too many items are missing for a change score")
    name, before, after = earlier.instrument, earlier.total, later.total
    delta = after - before
    direction: Direction = "no reliable change"
    if abs(delta) >= RELIABLE[name]:
        direction = "improved" if delta < 0 else "worse"
    return Change(
        delta=delta,
        direction=direction,
        is_clinical=abs(delta) >= CLINICAL[name],
        response=before >= CASE[name] and after <= RESPONSE * before,
        remission=before >= REMISSION > after,
        recovered=before >= CASE[name] > after,
    )


def trend(series: Sequence[Screening]) -> Change | None:
    """The change from the first to the last total of a series; None with fewer than two totals.

    Raises:
        DataError: The series mixes instruments, or is of the PHQ-2.
    """
    scored = [one for one in series if one.total is not None]
    return change(scored[0], scored[-1]) if len(scored) > 1 else None
