"""Several tunes of one recipe: the luck of the seed beside the luck of the test examples."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from medtune.errors import DataError
from medtune.records import Estimate
from medtune.stats.interval import ALPHA
from medtune.stats.power import standard_error

FEWEST_SEEDS = 2


def over_seeds(estimates: Sequence[Estimate]) -> Estimate:
    """What the recipe reaches on average over seeds, from one estimate per seed on the same test.

    The variance of the mean is W + B / m: W the mean sampling variance, which all seeds share
    because they share the test, and B the variance between the m seeds. The degrees of freedom are
    Satterthwaite's, with those of W from the number of groups.

    Sources: Bouthillier 2021, MLSys 3:747, arXiv:2103.03098 (both kinds of luck count);
    Satterthwaite 1946, Biometrics Bull 2:110.

    Raises:
        DataError: There are fewer than two seeds, or the seeds were not tested on the same groups.
    """
    if len(estimates) < FEWEST_SEEDS:
        raise DataError("one seed says nothing about the luck of seeds; tune with two or more")
    sizes = {(one.n, one.n_groups) for one in estimates}
    if len(sizes) > 1:
        raise DataError(
            f"the seeds were tested on sets of different sizes ({sorted(sizes)}); test them on the "
            "same examples, without failures"
        )
    m, n_groups = len(estimates), estimates[0].n_groups
    values = [one.value for one in estimates]
    value = float(np.mean(values))
    within = float(np.mean([standard_error(one) ** 2 for one in estimates]))
    between = float(np.var(values, ddof=1)) / m
    parts = within**2 / (n_groups - 1) + between**2 / (m - 1)
    freedom = (within + between) ** 2 / parts if parts > 0 else float(n_groups - 1)
    half = float(stdtrit(freedom, 1 - ALPHA / 2)) * math.sqrt(within + between)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=estimates[0].n,
        n_groups=n_groups,
        method=f"mean of {m} seeds; variance between seeds and of the examples, Student's t",
    )
