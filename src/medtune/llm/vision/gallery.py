"""The images that a process talks about, and the token ids that stand for them.

The ids of an image are V + (h N) to V + (h N) + N - 1, where V is the size of the vocabulary, N the
number of image tokens, and h the first 48 bits of the image's hash. So they depend on nothing but
the image. A renderer writes them; the input layer looks them up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medtune.errors import DataError
from medtune.images.store import image_id
from medtune.images.view import GRID, N_CELLS
from medtune.llm.vision.encoder import Encoder

GUESTS: Final = 32
"""Uploaded images that are held at once; the oldest is forgotten, and none is ever written."""
THIRDS: Final = (slice(0, 3), slice(2, 5), slice(4, 7))
"""Rows, or columns, of the cells of a region."""
DIGITS: Final = 12
"""Hexadecimal digits of an image's hash that its ids are made of."""


@dataclass
class Gallery:
    """Features by image. One gallery serves a base model and all that were tuned from it."""

    encoder: Encoder
    _features: dict[int, NDArray[np.float16]] = field(
        default_factory=dict[int, NDArray[np.float16]], repr=False
    )
    _names: dict[int, str] = field(default_factory=dict[int, str], repr=False)
    _guests: list[int] = field(default_factory=list[int], repr=False)

    def hang(self, names: Iterable[str]) -> None:
        """Encode images of the store, many at once, before they are asked for one by one.

        Raises:
            DataError: An image is not in the store.
        """
        missing = [name for name in dict.fromkeys(names) if not self._has(name)]
        for name, features_NW in self.encoder.of_kept(missing).items():
            self._put(name, features_NW)

    def admit(self, pixels_RC: NDArray[np.uint8]) -> str:
        """Take in an uploaded image for a while; its hash. Nothing is written to a disk."""
        name = image_id(pixels_RC)
        number, is_new = _number(name), not self._has(name)
        if is_new:
            self._put(name, self.encoder.encode([pixels_RC])[0])
        if is_new or number in self._guests:
            self._guests = [*(one for one in self._guests if one != number), number]
            for oldest in self._guests[:-GUESTS]:
                del self._features[oldest], self._names[oldest]
            self._guests = self._guests[-GUESTS:]
        return name

    def ids(self, name: str) -> range:
        """The ids of an image's tokens, counted from 0: a renderer adds the vocabulary.

        Raises:
            DataError: The image is neither here nor in the store.
        """
        if not self._has(name):
            self.hang([name])
        first = _number(name) * N_CELLS
        return range(first, first + N_CELLS)

    def rows(self, ids_T: Tensor) -> Tensor:
        """The features of image tokens by their ids, counted from 0: T x W, float32.

        Raises:
            DataError: An image is not here; an upload may have been forgotten.
        """
        numbers_T = torch.div(ids_T, N_CELLS, rounding_mode="floor")
        unique_U, which_T = numbers_T.unique(return_inverse=True)
        wanted = unique_U.tolist()
        if any(number not in self._features for number in wanted):
            raise DataError("an image of this conversation is no longer held; send it again")
        features_UNW = np.stack([self._features[number] for number in wanted])
        rows_UNW = torch.from_numpy(features_UNW).to(ids_T.device)
        return rows_UNW[which_T, ids_T % N_CELLS].float()

    def pooled(self, name: str) -> NDArray[np.float32]:
        """What a classical learner reads: the mean, and the maxima of three by three regions."""
        self.ids(name)
        grid_GGW = self._features[_number(name)].reshape(GRID, GRID, -1).astype(np.float32)
        parts = [grid_GGW[rows, columns].max(axis=(0, 1)) for rows in THIRDS for columns in THIRDS]
        return np.concatenate([grid_GGW.mean(axis=(0, 1)), *parts])

    def _has(self, name: str) -> bool:
        there = self._names.get(_number(name))
        if there is not None and there != name:
            raise DataError(
                f"images {name[:DIGITS]}: two images whose hashes begin alike; leave one out"
            )
        return there is not None

    def _put(self, name: str, features_NW: NDArray[np.float16]) -> None:
        self._names[_number(name)] = name
        self._features[_number(name)] = features_NW


def _number(name: str) -> int:
    return int(name[:DIGITS], 16)
