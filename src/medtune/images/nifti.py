"""NIfTI to numbers: axial frames from the feet up, as a radiologist sees them."""

from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from medtune.errors import DataError
from medtune.images.picture import Picture, checked

VOLUME = 3


def read_nifti(path: Path) -> Picture:
    """The volume of a NIfTI file.

    Raises:
        DataError: It is no NIfTI file, or not one volume.
    """
    try:
        found = nib.load(path)  # pyright: ignore[reportPrivateImportUsage]
        volume = nib.as_closest_canonical(found)  # pyright: ignore[reportPrivateImportUsage]
        values_XYZ = np.asarray(volume.dataobj, dtype=np.float32)  # type: ignore[attr-defined]
    except (ImageFileError, EOFError, OSError, ValueError):
        raise DataError(f"{path.name}: not a NIfTI file, or damaged") from None
    if values_XYZ.ndim != VOLUME:
        raise DataError(
            f"{path.name}: {values_XYZ.ndim} dimensions; an image is one volume of {VOLUME}"
        )
    across, down = (float(one) for one in volume.header.get_zooms()[:2])  # type: ignore[attr-defined]
    return Picture(checked(axial(values_XYZ), path.name), "", (down, across))


def axial(values_XYZ: NDArray[np.float32]) -> NDArray[np.float32]:
    """Axial frames of a volume in the order right, front, head (RAS), turned for the eye."""
    return np.ascontiguousarray(values_XYZ[::-1, ::-1, :].transpose(2, 1, 0))
