"""The square that a model sees, and the way back from its places to the pixels of the image."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtune.images.picture import Window, shown

SIDE: Final = 224
"""Pixels of the square."""
GRID: Final = 7
"""Rows and columns of the cells that the encoder sees in the square."""
N_CELLS: Final = GRID * GRID
"""Cells of an image, row by row: as many tokens."""


class Box(NamedTuple):
    """A rectangle in pixels of an image; the far edges are not part of it."""

    top: float
    left: float
    bottom: float
    right: float

    @property
    def area(self) -> float:
        """In square pixels; 0 if it is empty."""
        return max(0.0, self.bottom - self.top) * max(0.0, self.right - self.left)

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle."""
        return (self.top + self.bottom) / 2, (self.left + self.right) / 2

    def holds(self, row: float, column: float) -> bool:
        """Whether a point lies in it."""
        return self.top <= row < self.bottom and self.left <= column < self.right


class Fit(NamedTuple):
    """How an image of some shape lies in the square: scaled by one number, in the middle."""

    scale: float
    top: float
    left: float

    def back(self, box: Box) -> Box:
        """A rectangle of the square in pixels of the image."""
        return Box(
            (box.top - self.top) / self.scale,
            (box.left - self.left) / self.scale,
            (box.bottom - self.top) / self.scale,
            (box.right - self.left) / self.scale,
        )

    def into(self, box: Box) -> Box:
        """A rectangle of the image in pixels of the square."""
        return Box(
            box.top * self.scale + self.top,
            box.left * self.scale + self.left,
            box.bottom * self.scale + self.top,
            box.right * self.scale + self.left,
        )


def fit(shape: tuple[int, int]) -> Fit:
    """How an image of so many rows and columns lies in the square."""
    scale = SIDE / max(shape)
    return Fit(scale, (SIDE - shape[0] * scale) / 2, (SIDE - shape[1] * scale) / 2)


def square(values_RC: NDArray[np.float32], window: Window | None) -> NDArray[np.uint8]:
    """The image as the model sees it: SIDE x SIDE, 0 to 255, black around it, never stretched."""
    place = fit((values_RC.shape[0], values_RC.shape[1]))
    size = (round(values_RC.shape[1] * place.scale), round(values_RC.shape[0] * place.scale))
    grey = Image.fromarray(shown(values_RC, window)).resize(size, Image.Resampling.BILINEAR)
    canvas = np.zeros((SIDE, SIDE), dtype=np.uint8)
    top, left = round(place.top), round(place.left)
    scaled = np.clip(np.asarray(grey) * 255.0 + 0.5, 0, 255).astype(np.uint8)
    canvas[top : top + size[1], left : left + size[0]] = scaled[: SIDE - top, : SIDE - left]
    return canvas
