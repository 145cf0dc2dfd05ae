"""Power: what difference could be seen, before a run and after it, and how many groups it takes.

A difference is "detectable" when it would be shown with 80 % power by a two-sided test at 0.05, by
the usual normal approximation: 2.8 standard errors (Bloom 1995, Eval Rev 19:547,
doi:10.1177/0193841X9501900504).
"""

import math
from typing import NamedTuple

from medtune.errors import DataError
from medtune.records import Estimate
from medtune.stats.interval import MIN_GROUPS, Z_INTERVAL

Z_POWER = 0.841621
"""Standard normal quantile of 80 % power."""
DISAGREEMENT = 0.3
"""Assumed share of examples of which one arm is right and the other wrong, where no pilot says."""
ALIKENESS = 0.1
"""Assumed intra-class correlation of two examples of one group, where no pilot says."""


class Planned(NamedTuple):
    """The smallest difference that a set of examples can be expected to show."""

    detectable: float
    n: int
    n_groups: int
    assumed: str
    """Where the variance is from: a pilot, or what was assumed."""


def standard_error(difference: Estimate) -> float:
    """The standard error that the width of a 95 % interval speaks of."""
    return (difference.high - difference.low) / (2 * Z_INTERVAL)


def minimum_detectable(difference: Estimate) -> float:
    """Smallest true difference that this many groups show with 80 % power, two-sided at 0.05."""
    return (Z_INTERVAL + Z_POWER) * standard_error(difference)


def groups_needed(difference: Estimate, margin: float = 0.0) -> int | None:
    """Groups with which the difference seen, if true, would show above `margin` with 80 % power.

    The standard error shrinks with the root of the number of groups. None if the difference seen
    is not above the margin, for then no number of groups is enough.
    """
    gap = difference.value - margin
    if gap <= 0:
        return None
    ratio = minimum_detectable(difference) / gap
    return max(MIN_GROUPS, math.ceil(difference.n_groups * ratio**2))


def planned(
    n: int, n_groups: int, *, disagreement: float = DISAGREEMENT, alikeness: float = ALIKENESS
) -> Planned:
    """The smallest paired difference in the share of right answers, before anything is run.

    Two arms that disagree on a share q of the examples have a paired difference of variance at most
    q / n. Examples in groups count for less, by Kish's design effect 1 + (size - 1) * alikeness.

    Source: Connor 1987, Biometrics 43:207 (paired proportions); Kish 1965, Survey sampling.

    Raises:
        DataError: There are fewer than two groups.
    """
    if n_groups < MIN_GROUPS:
        raise DataError(
            f"{n} examples in {n_groups} group(s) can show nothing; at least 2 groups are needed, "
            "better 30: add records of other groups, or check task.group"
        )
    effect = 1 + max(0.0, n / n_groups - 1) * alikeness
    error = math.sqrt(disagreement * effect / n)
    return Planned(
        min(1.0, (Z_INTERVAL + Z_POWER) * error),
        n,
        n_groups,
        f"assumed: the arms disagree on {disagreement:.0%} of the examples, and two examples of "
        f"one group correlate by {alikeness:g}",
    )


def planned_from(pilot: Estimate, n: int, n_groups: int) -> Planned:
    """The smallest difference that `n_groups` groups can show, by the spread seen in a pilot.

    Args:
        pilot: A difference of the same two kinds of arm, such as on validation.
        n: Examples of the set to come.
        n_groups: Its groups, two or more.
    """
    assert n_groups >= MIN_GROUPS, "the caller has looked"
    shrinks = math.sqrt(pilot.n_groups / n_groups)
    return Planned(
        min(1.0, minimum_detectable(pilot) * shrinks),
        n,
        n_groups,
        f"from the spread of the difference on {pilot.n_groups} groups of a pilot",
    )
