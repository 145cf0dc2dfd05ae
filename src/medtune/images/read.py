"""An image file, by its content and not by its name."""

from pathlib import Path

from medtune.errors import DataError
from medtune.images.dicom import read_dicom
from medtune.images.nifti import read_nifti
from medtune.images.picture import Picture
from medtune.images.plain import read_plain

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
PREAMBLE = 128
"""Bytes before the letters DICM."""
HEAD = 352
"""Enough to tell all formats apart: the header of NIfTI-1."""
GZIP = b"\x1f\x8b"


def read_image(path: Path) -> Picture:
    """The image in a file: DICOM, NIfTI, PNG or JPEG.

    Raises:
        DataError: It does not exist, is none of these, or cannot be used; see the readers.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such image file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(GZIP) or head[344:347] in (b"n+1", b"ni1"):
        return read_nifti(path)
    return _by_head(head, path)


def read_bytes(content: bytes) -> Picture:
    """The image in an upload: DICOM, PNG or JPEG.

    Raises:
        DataError: It is none of these, or cannot be used.
    """
    return _by_head(content[:HEAD], content)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its content."""
    with path.open("rb") as file:
        return file.read(HEAD)[PREAMBLE : PREAMBLE + 4] == b"DICM"


def _by_head(head: bytes, source: Path | bytes) -> Picture:
    if head.startswith((PNG, JPEG)):
        return read_plain(source)
    if head[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return read_dicom(source)
    name = "the image" if isinstance(source, bytes) else source.name
    raise DataError(f"{name}: not a DICOM, NIfTI, PNG or JPEG file")
