"""PNG and JPEG to numbers. They state no spacing, view or side, so none is known.

What has 8 bits was made to be looked at, and is shown as it is.
"""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from medtune.errors import DataError
from medtune.images.picture import Picture, Window, checked

FORMATS: Final = ("PNG", "JPEG")
MOST_PIXELS: Final = 64_000_000
"""Larger than any radiograph; a small file may unpack to far more."""
DEEP: Final = ("I;16", "I;16B", "I;16L", "I", "F")


def read_plain(source: Path | bytes) -> Picture:
    """The image of a PNG or JPEG file, as grey.

    Raises:
        DataError: It is neither, damaged, moving or too large.
    """
    name = "the image" if isinstance(source, bytes) else source.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(
                BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS
            )
            if opened.width * opened.height > MOST_PIXELS:
                raise DataError(f"{name}: more than {MOST_PIXELS} pixels; make it smaller")
            if getattr(opened, "n_frames", 1) > 1:
                raise DataError(f"{name}: it moves; give one frame")
            grey = opened if opened.mode in DEEP else opened.convert("L")
            values_RC = np.asarray(grey, dtype=np.float32)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
    ):
        raise DataError(f"{name}: not a PNG or JPEG file, or damaged") from None
    whole = None if grey.mode in DEEP else Window(127.5, 255.0)
    return Picture(checked(values_RC[None], name), "", None, whole)
