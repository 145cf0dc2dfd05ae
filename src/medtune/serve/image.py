"""An image of a request: a data URL, as OpenAI's interface has it. Nothing is ever fetched."""

import base64
import binascii
import re

import numpy as np
from numpy.typing import NDArray

from medtune.errors import DataError
from medtune.images.mark import image_mark
from medtune.images.read import read_bytes
from medtune.images.store import image_id
from medtune.images.view import square
from medtune.records import Shown

Pixels = NDArray[np.uint8]
DATA_URL = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,", re.IGNORECASE)


def see(url: str, images: dict[str, Shown]) -> str:
    """The mark of the image in a data URL; the image goes to `images`, by its pixels' hash.

    Raises:
        DataError: It is no data URL, or the image in it cannot be read or is of several frames.
    """
    head = DATA_URL.match(url)
    if head is None:
        raise DataError("image_url: send the image itself, as data:TYPE;base64,...")
    try:
        content = base64.b64decode(url[head.end() :], validate=True)
    except binascii.Error:
        raise DataError("image_url: not base64") from None
    picture = read_bytes(content)
    if len(picture.values_FRC) > 1:
        raise DataError(f"image_url: {len(picture.values_FRC)} frames; send one")
    pixels_RC = square(picture.frame(0), picture.window)
    images[image_id(pixels_RC)] = Shown(pixels_RC, picture.modality, picture.body_part)
    return image_mark(image_id(pixels_RC))
