"""Nine places of an image by name, and what lies in them."""

from typing import Final

from medtune.images.view import Box

NAMES: Final = (
    "upper left",
    "upper middle",
    "upper right",
    "middle left",
    "centre",
    "middle right",
    "lower left",
    "lower middle",
    "lower right",
)
"""Row by row. Left is the left of the image."""
PER_SIDE: Final = 3


def place_of(row: float, column: float, height: float, width: float) -> str:
    """The name of the place of a point in an image of this size; the rim counts as inside."""
    at = [
        min(PER_SIDE - 1, max(0, int(PER_SIDE * point / size)))
        for point, size in ((row, height), (column, width))
    ]
    return NAMES[at[0] * PER_SIDE + at[1]]


def box_of(place: str, height: float, width: float) -> Box:
    """The rectangle of a place in an image of this size."""
    row, column = divmod(NAMES.index(place), PER_SIDE)
    high, wide = height / PER_SIDE, width / PER_SIDE
    return Box(row * high, column * wide, (row + 1) * high, (column + 1) * wide)
