"""Small image files made for tests: nobody's."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def ct(
    stored: NDArray[np.integer] | None = None,
    *,
    number: int = 1,
    study: str = "1.2.3",
    **more: object,
) -> FileDataset:
    """A slice of CT with invented names, 2 HU a step from -1024."""
    pixels = np.arange(256, dtype=np.uint16).reshape(16, 16) if stored is None else stored
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[study, str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    found.SOPClassUID = CTImageStorage
    found.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    found.StudyInstanceUID, found.SeriesInstanceUID = study, f"{study}.1"
    found.FrameOfReferenceUID = f"{study}.2"
    found.PatientName, found.PatientID = "Doe^Jane", "MRN-1"
    found.PatientBirthDate, found.PatientSex = "19500101", "F"
    found.StudyDate, found.StudyTime, found.AccessionNumber = "20200101", "101010", "A1"
    found.StudyID, found.SeriesNumber, found.InstanceNumber = "1", 1, number
    found.ReferringPhysicianName, found.Manufacturer = "Roe^Richard", "none"
    found.PositionReferenceIndicator, found.Laterality = "", ""
    found.Modality, found.BodyPartExamined = "CT", "CHEST"
    found.Rows, found.Columns = pixels.shape[-2:]
    found.SamplesPerPixel, found.PhotometricInterpretation = 1, "MONOCHROME2"
    found.BitsAllocated, found.BitsStored, found.HighBit = 16, 12, 11
    found.PixelRepresentation = 0
    found.RescaleSlope, found.RescaleIntercept, found.RescaleType = 2, -1024, "HU"
    found.PixelSpacing, found.SliceThickness = [0.5, 0.75], 2.5
    found.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    found.ImagePositionPatient = [0.0, 0.0, 2.5 * number]
    found.WindowCenter, found.WindowWidth = [-600, 40], [1500, 400]
    found.PixelData = pixels.astype(np.uint16).tobytes()
    for name, value in more.items():
        setattr(found, name, value)
    return found


def written(dataset: FileDataset) -> bytes:
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def saved(dataset: FileDataset, path: Path) -> Path:
    path.write_bytes(written(dataset))
    return path
