"""An image with what must be known to read it, whatever file it came from. It names nobody."""

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from medtune.errors import DataError

Kind = TypeVar("Kind", bound=np.generic)
LOW, HIGH = 0.5, 99.5
"""Percentiles that become black and white where an image states no window."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is shown between black and white, in the units of the values."""

    centre: float
    width: float


LUNG = Window(-600.0, 1500.0)
"""A lung window of CT, in Hounsfield units. Our choice: sites differ by some hundred units."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How stored pixels were turned to lie as a radiologist sees them: first transposed."""

    transposed: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    def seen(self, stored_RC: NDArray[Kind]) -> NDArray[Kind]:
        """The last two axes of stored pixels, turned for the eye."""
        turned = stored_RC.swapaxes(-1, -2) if self.transposed else stored_RC
        turned = turned[..., ::-1, :] if self.rows_flipped else turned
        return turned[..., ::-1] if self.columns_flipped else turned

    def stored(self, seen_RC: NDArray[Kind]) -> NDArray[Kind]:
        """The inverse of `seen`: for masks that go back into a file."""
        turned = seen_RC[..., ::-1] if self.columns_flipped else seen_RC
        turned = turned[..., ::-1, :] if self.rows_flipped else turned
        return turned.swapaxes(-1, -2) if self.transposed else turned


@dataclass(frozen=True, slots=True)
class Picture:
    """One image or one stack of slices."""

    values_FRC: NDArray[np.float32] = field(repr=False)
    """Larger is brighter. Hounsfield units for CT."""
    modality: str
    """As DICOM names it: CT, MR, CR, DX, RG; empty where the file does not say."""
    spacing_mm: tuple[float, float] | None
    """Distance of rows and of columns; of projection images at the detector."""
    window: Window | None = None
    """The window that the file asks for."""
    view: str = ""
    """View of a projection image, such as PA, AP or LL."""
    laterality: str = ""
    """L, R or B (both), where the file says which side of the body it shows."""
    body_part: str = ""
    turn: Turn = Turn()

    def frame(self, number: int) -> NDArray[np.float32]:
        """One frame, from 0.

        Raises:
            DataError: There is no such frame.
        """
        if not 0 <= number < len(self.values_FRC):
            raise DataError(
                f"frame {number}: the image has {len(self.values_FRC)} frames, counted from 0"
            )
        return self.values_FRC[number]


def checked(values_FRC: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    """The values, if they are an image.

    Raises:
        DataError: There are none, some are not finite, or all are the same.
    """
    if values_FRC.size == 0 or min(values_FRC.shape[1:]) < 8:  # noqa: PLR2004  nothing is seen in less
        shape = " x ".join(map(str, values_FRC.shape))
        raise DataError(f"{where}: {shape} pixels are too few for an image")
    if not np.isfinite(values_FRC).all():
        raise DataError(f"{where}: some pixels are not finite numbers; write the image again")
    if values_FRC.min() == values_FRC.max():
        raise DataError(f"{where}: all pixels have one value; there is nothing to see")
    return values_FRC


def shown(values_RC: NDArray[np.float32], window: Window | None) -> NDArray[np.float32]:
    """From 0 (black) to 1 (white): through the window, else between two percentiles."""
    if window is None:
        low, high = (float(one) for one in np.percentile(values_RC, (LOW, HIGH)))
        if high <= low:
            low, high = float(values_RC.min()), float(values_RC.max())
    else:
        low, high = window.centre - window.width / 2, window.centre + window.width / 2
    if high <= low:
        return np.zeros_like(values_RC)
    return np.clip((values_RC - low) / (high - low), 0.0, 1.0).astype(np.float32)
