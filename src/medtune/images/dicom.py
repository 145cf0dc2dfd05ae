"""DICOM to numbers: rescaled, the right way round in brightness and in place, without names.

Read are CT, MR and projection radiographs of one sample per pixel, single or multi-frame. Refused
are images that say, or may be feared, to have writing burned into the pixels. Of the header only
what `Picture` holds is taken, so no identifying attribute goes any further.

Source: DICOM PS3.3 2024, C.7.6.3 (pixels), C.11.1 and C.11.2 (modality and VOI), C.7.6.16
(functional groups), C.7.6.1.1.1 (orientation).
"""

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from medtune.errors import DataError
from medtune.images.picture import Picture, Turn, Window, checked

MODALITIES = ("CT", "MR", "CR", "DX", "RG")
SECOND_HAND = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.6.1")
"""Secondary capture (all kinds) and ultrasound: often with names written into the pixels."""
STACK = 3
"""Dimensions of a stack of frames."""


def read_dicom(source: Path | bytes) -> Picture:
    """The image of a DICOM file.

    Raises:
        DataError: It is no DICOM file, or has no pixels, a kind that is not read, a compression
            that cannot be undone here, or writing in its pixels.
    """
    return picture_of(dataset_of(source), _name(source))


def dataset_of(source: Path | bytes) -> Dataset:
    """The file as pydicom reads it; it holds all identifying attributes.

    Raises:
        DataError: It is no DICOM file.
    """
    try:
        with _quiet():
            return pydicom.dcmread(BytesIO(source) if isinstance(source, bytes) else source)
    except (InvalidDicomError, EOFError, ValueError, KeyError, AttributeError):
        raise DataError(f"{_name(source)}: not a DICOM file") from None


def picture_of(dataset: Dataset, where: str) -> Picture:
    """The image of a data set that is read already; see `read_dicom`."""
    with _quiet():
        _refuse(dataset, where)
        values_FRC, window = _values(dataset, _stored(dataset, where))
        turn = _turn(dataset)
    return Picture(
        values_FRC=checked(np.ascontiguousarray(turn.seen(values_FRC)), where),
        modality=_text(dataset, "Modality"),
        spacing_mm=_spacing(dataset, turn),
        window=window,
        view=_text(dataset, "ViewPosition"),
        laterality=_text(dataset, "ImageLaterality") or _text(dataset, "Laterality"),
        body_part=_text(dataset, "BodyPartExamined"),
        turn=turn,
    )


@contextmanager
def _quiet() -> Generator[None]:
    """Keep pydicom from telling of odd values: it quotes them, and they may name the patient."""
    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _refuse(dataset: Dataset, where: str) -> None:
    """Refuse what is not read, in the order in which a user can mend it."""
    if not {"PixelData", "FloatPixelData", "DoubleFloatPixelData"} & {e.keyword for e in dataset}:
        raise DataError(f"{where}: no pixel data in it; name the image, not a report or a header")
    modality = _text(dataset, "Modality")
    if modality not in MODALITIES:
        raise DataError(
            f"{where}: modality {modality or 'not stated'!r}; read are {', '.join(MODALITIES)}"
        )
    burned = _text(dataset, "BurnedInAnnotation")
    kind = _text(dataset, "SOPClassUID")
    if burned == "YES" or (burned != "NO" and kind.startswith(SECOND_HAND)):
        raise DataError(
            f"{where}: writing is, or may be, burned into the pixels (BurnedInAnnotation is "
            f"{burned or 'not stated'}), which may name the patient; take the original image, or "
            "clean its pixels and set the attribute to NO"
        )
    if _text(dataset, "RecognizableVisualFeatures") == "YES":
        raise DataError(f"{where}: a face may be recognised in it; remove it first (deface)")
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise DataError(f"{where}: a colour image; read are images of one sample per pixel")
    if modality == "CT":
        _refuse_other_units(dataset, where)


def _refuse_other_units(dataset: Dataset, where: str) -> None:
    """Refuse a CT whose values cannot be brought to Hounsfield units."""
    found = _group(dataset, "PixelValueTransformationSequence") or dataset
    if "ModalityLUTSequence" in found:
        return
    if "RescaleSlope" not in found or "RescaleIntercept" not in found:
        raise DataError(
            f"{where}: a CT without RescaleSlope and RescaleIntercept, so its values are no "
            "Hounsfield units; take the original image"
        )
    unit = _text(found, "RescaleType")
    if unit not in ("", "HU", "US"):  # US: unspecified
        raise DataError(f"{where}: a CT in units of {unit!r}; read are Hounsfield units")


def _stored(dataset: Dataset, where: str) -> NDArray[np.generic]:
    """The stored pixels, decoded."""
    try:
        array = dataset.pixel_array
    except (AttributeError, NotImplementedError, RuntimeError, ValueError, KeyError, EOFError):
        syntax = dataset.file_meta.get("TransferSyntaxUID") if "file_meta" in dir(dataset) else None
        raise DataError(
            f"{where}: its pixels cannot be decoded here (transfer syntax "
            f"{syntax.name if syntax is not None else 'not stated'}); write it uncompressed, for "
            "example with `gdcmconv --raw`"
        ) from None
    frames = array if array.ndim == STACK else array[None]
    if frames.ndim != STACK:
        raise DataError(f"{where}: {array.ndim} dimensions of pixels; an image has 2 or 3")
    return cast("NDArray[np.generic]", frames)


def _values(
    dataset: Dataset, stored_FRC: NDArray[np.generic]
) -> tuple[NDArray[np.float32], Window | None]:
    """The values in their own units, larger is brighter, and the window that the file asks for."""
    values = _rescaled(dataset, stored_FRC)
    voi = _group(dataset, "FrameVOILUTSequence") or dataset
    window = _window(voi)
    if window is None and "VOILUTSequence" in dataset and values.dtype.kind in "iu":
        values = cast("NDArray[np.generic]", apply_voi(values, dataset))
    values_FRC = values.astype(np.float32)
    if _text(dataset, "PhotometricInterpretation") == "MONOCHROME1":
        # About the middle of the values that the pixels could have, so that one image does not
        # come out otherwise than the next.
        total = float(np.sum(_rescaled(dataset, _range(dataset, stored_FRC))))
        values_FRC = total - values_FRC
        window = window and Window(total - window.centre, window.width)
    return values_FRC, window


def _rescaled(dataset: Dataset, stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """Slope and intercept, or the modality table, of the image or of its frames."""
    frames = dataset.get("PerFrameFunctionalGroupsSequence")
    if not frames or "PixelValueTransformationSequence" not in frames[0]:
        found = _group(dataset, "PixelValueTransformationSequence") or dataset
        return cast("NDArray[np.generic]", apply_modality_lut(stored, found))
    if len(frames) != len(stored):  # the range of the values, for which the first frame stands
        first = frames[0].PixelValueTransformationSequence[0]
        return cast("NDArray[np.generic]", apply_modality_lut(stored, first))
    parts = [
        apply_modality_lut(part, frame.PixelValueTransformationSequence[0])
        for part, frame in zip(stored, frames, strict=True)
    ]
    return np.stack(parts)


def _range(dataset: Dataset, stored: NDArray[np.generic]) -> NDArray[np.generic]:
    """The lowest and the highest number that a stored pixel may be."""
    if stored.dtype.kind == "f":
        return np.array([stored.min(), stored.max()])
    bits, signed = int(dataset.BitsStored), int(dataset.PixelRepresentation)
    low = -(1 << (bits - 1)) if signed else 0
    return np.array([low, low + (1 << bits) - 1], dtype=stored.dtype)


def _window(dataset: Dataset) -> Window | None:
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centre in (None, "") or width in (None, ""):
        return None
    first = [float(np.atleast_1d(one)[0]) for one in (centre, width)]
    return Window(first[0], first[1]) if first[1] >= 1 else None


def _group(dataset: Dataset, name: str) -> Dataset | None:
    """The first item of a functional group: of all frames, else of the first frame."""
    for holder in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        some = dataset.get(holder)
        if some and some[0].get(name):
            return cast("Dataset", some[0].get(name)[0])
    return None


def _spacing(dataset: Dataset, turn: Turn) -> tuple[float, float] | None:
    measures = _group(dataset, "PixelMeasuresSequence") or dataset
    found = measures.get("PixelSpacing") or dataset.get("ImagerPixelSpacing")
    if not found:
        return None
    rows, columns = (float(one) for one in found)
    if min(rows, columns) <= 0:  # files without a known spacing are written with zeros
        return None
    return (columns, rows) if turn.transposed else (rows, columns)


def _turn(dataset: Dataset) -> Turn:
    """How to turn a slice to the standard view: front or head above, the patient's right left.

    Projection images have no orientation in space and are left as they are stored.
    """
    plane = _group(dataset, "PlaneOrientationSequence") or dataset
    found = plane.get("ImageOrientationPatient")
    if not found:
        return Turn()
    along_row, along_column = np.array(found[:3], float), np.array(found[3:], float)
    axes = int(np.abs(along_row).argmax()), int(np.abs(along_column).argmax())
    # The patient's axes: 0 to the left, 1 to the back, 2 to the head.
    wanted = {0: (1, 2), 1: (0, 2), 2: (0, 1)}[3 - axes[0] - axes[1]]
    transposed = axes != wanted
    right, down = (along_column, along_row) if transposed else (along_row, along_column)
    down_sign = -1.0 if wanted[1] == 2 else 1.0  # noqa: PLR2004  the head is above
    return Turn(
        transposed,
        rows_flipped=float(down[wanted[1]]) * down_sign < 0,
        columns_flipped=float(right[wanted[0]]) < 0,
    )


def _text(dataset: Dataset, keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip()


def _name(source: Path | bytes) -> str:
    return "the image" if isinstance(source, bytes) else source.name
