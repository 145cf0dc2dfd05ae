"""Prepared images, and what is computed from them, kept in the cache by the hash of their content.

A record of a data set holds the hash of its image, never pixels. The files are readable by their
owner only, and their names are keyed hashes (HMAC-SHA256 with a key of this cache): who sees a
listing learns nothing, and cannot test whether an image that they have is there.
"""

import hashlib
import hmac
import os
import secrets
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medtune.artifacts import atomic
from medtune.errors import DataError
from medtune.fetch import cache_dir

FOLDER: Final = "images"
KEY: Final = "key"
KEY_BYTES: Final = 32


def image_id(pixels_RC: NDArray[np.uint8]) -> str:
    """SHA-256 of an image's shape and pixels, 64 hexadecimal digits."""
    head = f"medtune image 1 {pixels_RC.shape[0]} {pixels_RC.shape[1]}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels_RC).tobytes()).hexdigest()


def keep_image(pixels_RC: NDArray[np.uint8]) -> str:
    """Keep an image; its hash, by which `kept_image` gives it back."""
    name = image_id(pixels_RC)
    path = place(name, "png")
    if not path.exists():
        buffer = BytesIO()
        Image.fromarray(pixels_RC).save(buffer, "PNG")
        write(path, buffer.getvalue())
    return name


def kept_image(name: str) -> NDArray[np.uint8]:
    """The image of a hash.

    Raises:
        DataError: It is not in the cache, or was changed there.
    """
    path = place(name, "png")
    try:
        with Image.open(path, formats=("PNG",)) as found:
            pixels_RC = np.asarray(found, dtype=np.uint8)
    except (FileNotFoundError, OSError, SyntaxError):
        raise DataError(
            f"image {name[:12]} is not in the cache; run `medtune data` again, which puts it there"
        ) from None
    if image_id(pixels_RC) != name:
        raise DataError(f"image {name[:12]} was changed in the cache; run `medtune data` again")
    return pixels_RC


def place(name: str, kind: str) -> Path:
    """Where a file of the store lies; the folder is made."""
    folder = cache_dir() / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hmac.new(_key(folder), f"{kind}/{name}".encode(), hashlib.sha256).hexdigest()
    return folder / f"{digest}.{kind}"


def write(path: Path, content: bytes) -> None:
    """Write a file in one step, for its owner only."""
    with atomic(path) as part:
        part.write_bytes(content)
        part.chmod(0o600)


def _key(folder: Path) -> bytes:
    """The key of this cache, made at the first use."""
    path = folder / KEY
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise DataError(f"{path}: damaged; delete {folder} and run again") from None
        return key
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
    return key
