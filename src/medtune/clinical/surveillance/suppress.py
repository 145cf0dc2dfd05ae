"""Small cells: which counts of a table must not be shown, so that none can be worked out.

A count of 1 to 10 may point to a person. It is withheld, and so are as many other counts as it
takes that no withheld one follows from the totals. Zeros are shown.

Sources: CMS cell size suppression policy (no cell of 1 to 10 may be shown, nor be derivable);
Gusfield 1988, SIAM J Comput 17:552 and Cox 1980, J Am Stat Assoc 75:377 (complementary
suppression). Whether a cell follows from the others is audited by linear programming: an attacker
knows the shown cells, the sums, and that counts are not negative.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from medtune.errors import DataError

SMALL = 11
"""Counts from 1 to one less than this are withheld."""
LEAST_RANGE = 1.0
"""A withheld cell is safe if what is shown leaves at least this much room for it."""

Cells = NDArray[np.float64]
Mask = NDArray[np.bool_]


def suppress(counts: Sequence[Sequence[float]], *, small: int = SMALL) -> Mask:
    """Which cells of a table with totals must be withheld.

    Args:
        counts: The inner cells by row; totals are added here.
        small: Counts from 1 to one less are withheld.

    Returns:
        A mask with one row and one column more than `counts`: the last ones are the totals. True is
        withheld.

    Raises:
        DataError: The table is empty or ragged, or a count is negative or not finite.
    """
    table = with_totals(counts)
    hidden = (table > 0) & (table < small)
    while True:
        open_cells = exposed(table, hidden)
        if not open_cells:
            return hidden
        hidden[_complement(table, hidden, open_cells)] = True


def with_totals(counts: Sequence[Sequence[float]]) -> Cells:
    """The table with a last row and column of sums.

    Raises:
        DataError: The table is empty or ragged, or a count is negative or not finite.
    """
    if not counts or len({len(row) for row in counts}) != 1 or not counts[0]:
        raise DataError("a table needs rows of one and the same length, at least one")
    inner = np.array(counts, dtype=float)
    if not (np.isfinite(inner) & (inner >= 0)).all():
        raise DataError("a table of counts holds a negative number or none")
    table = np.zeros((inner.shape[0] + 1, inner.shape[1] + 1))
    table[:-1, :-1] = inner
    table[-1, :] = table.sum(axis=0)
    table[:, -1] = table[:, :-1].sum(axis=1)
    return table


def exposed(table: Cells, hidden: Mask) -> list[tuple[int, int]]:
    """The withheld cells whose value what is shown gives away."""
    places = [(int(i), int(j)) for i, j in np.argwhere(hidden)]
    if not places:
        return []
    sums, known = _equations(table, hidden, places)
    found: list[tuple[int, int]] = []
    for number, place in enumerate(places):
        aim = np.zeros(len(places))
        aim[number] = 1.0
        least, most = (
            linprog(sign * aim, A_eq=sums, b_eq=known, bounds=(0, None), method="highs")
            for sign in (1, -1)
        )
        unbounded = most.status == 3  # noqa: PLR2004  scipy's code for an unbounded problem
        if not unbounded and -most.fun - least.fun < LEAST_RANGE:
            found.append(place)
    return found


def _equations(
    table: Cells, hidden: Mask, places: Sequence[tuple[int, int]]
) -> tuple[Cells, NDArray[np.float64]]:
    """One equation per row and column: cells minus their total is 0."""
    n_rows, n_columns = table.shape
    column_of = {place: number for number, place in enumerate(places)}
    lines = [[(i, j) for j in range(n_columns)] for i in range(n_rows)]
    lines += [[(i, j) for i in range(n_rows)] for j in range(n_columns)]
    sums = np.zeros((len(lines), len(places)))
    known = np.zeros(len(lines))
    for number, line in enumerate(lines):
        for place in line:
            sign = -1.0 if place == line[-1] else 1.0
            if hidden[place]:
                sums[number, column_of[place]] += sign
            else:
                known[number] -= sign * table[place]
    return sums, known


def _complement(
    table: Cells, hidden: Mask, exposed_cells: Sequence[tuple[int, int]]
) -> tuple[int, int]:
    """The smallest shown count, not 0, in a row or column of an exposed cell; totals last."""
    totals = (table.shape[0] - 1, table.shape[1] - 1)
    rows, columns = ({cell[axis] for cell in exposed_cells} for axis in (0, 1))
    shown = [(int(i), int(j)) for i, j in np.argwhere(~hidden & (table > 0))]
    near = [one for one in shown if one[0] in rows or one[1] in columns]
    assert near or shown, "a table whose every count is withheld exposes none"
    return min(
        near or shown,
        key=lambda one: (one[0] == totals[0] or one[1] == totals[1], table[one], one),
    )
