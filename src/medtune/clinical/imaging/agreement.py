"""How well outlines and boxes agree, and how well a reader must agree to be one of the readers.

Sources: Dice 1945, Ecology 26:297; Jaccard 1912, New Phytologist 11:37; Zhang 2018, International
Journal of Computer Vision 126:1084 (pointing game).
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from medtune.errors import DataError
from medtune.images.view import Box

Mask = NDArray[np.bool_]


def dice(one: Mask, other: Mask) -> float:
    """Twice what both have over what each has, in [0, 1].

    Raises:
        DataError: The masks are of two shapes, or both are empty.
    """
    both, each = _counts(one, other)
    return 2 * both / each


def iou(one: Mask, other: Mask) -> float:
    """What both have over what either has (Jaccard), in [0, 1].

    Raises:
        DataError: The masks are of two shapes, or both are empty.
    """
    both, each = _counts(one, other)
    return both / (each - both)


def consensus(readers: Sequence[Mask], at_least: int) -> Mask:
    """The pixels that at least so many readers outlined.

    Raises:
        DataError: There are fewer readers.
    """
    if len(readers) < at_least:
        raise DataError(
            f"a consensus of {at_least} needs as many readers; there are {len(readers)}"
        )
    return np.sum([mask.astype(np.uint8) for mask in readers], axis=0) >= at_least


def pairwise_dice(readers: Sequence[Mask]) -> list[float]:
    """The Dice of each pair of readers, in order: what a person reaches."""
    return [dice(one, other) for one, other in combinations(readers, 2)]


def box_iou(one: Box, other: Box) -> float:
    """Of two rectangles, in [0, 1]; 0 if they do not touch."""
    shared = Box(
        max(one.top, other.top),
        max(one.left, other.left),
        min(one.bottom, other.bottom),
        min(one.right, other.right),
    ).area
    whole = one.area + other.area - shared
    return shared / whole if whole > 0 else 0.0


def points_at(heat_RC: NDArray[np.float32], target: Box) -> bool:
    """Whether the highest point of a map lies in a rectangle of the map (the pointing game)."""
    row, column = np.unravel_index(int(heat_RC.argmax()), heat_RC.shape)
    return target.holds(float(row), float(column))


def bounds(mask_RC: Mask) -> Box:
    """The rectangle about a mask.

    Raises:
        DataError: The mask is empty.
    """
    rows, columns = np.nonzero(mask_RC)
    if not len(rows):
        raise DataError("an empty mask has no bounds")
    return Box(
        float(rows.min()), float(columns.min()), float(rows.max()) + 1, float(columns.max()) + 1
    )


def _counts(one: Mask, other: Mask) -> tuple[int, int]:
    if one.shape != other.shape:
        raise DataError(f"masks of {one.shape} and {other.shape} cannot be compared")
    each = int(one.sum()) + int(other.sum())
    if each == 0:
        raise DataError("two empty masks have no agreement")
    return int((one & other).sum()), each
