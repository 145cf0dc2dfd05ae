"""Arrays of 32-bit numbers, one after the other, in a temporary file that has no name.

What a million notes are compared by is larger than the memory of a laptop: it lies here.
"""

import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH = 4
"""Bytes of a number."""
BUFFER = 1 << 20
Numbers = NDArray[np.uint32]


class Chunk(NamedTuple):
    """Some neighbouring arrays, joined."""

    first: int
    """Place of the first of them."""
    numbers: Numbers
    sizes: NDArray[np.int64]


@dataclass
class Store:
    """Arrays in the order in which they were added. The file is gone once this is."""

    folder: Path | None = None
    """Where the file lies; None is the system's folder for such files."""
    sizes: list[int] = field(default_factory=list[int])
    _file: IO[bytes] = field(init=False, repr=False)
    _starts: NDArray[np.int64] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self._file = TemporaryFile(dir=self.folder, buffering=BUFFER)  # noqa: SIM115  closed below
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self.sizes)

    def add(self, numbers: Numbers) -> None:
        """Add one array."""
        self._file.write(np.ascontiguousarray(numbers, dtype=np.uint32).tobytes())
        self.sizes.append(len(numbers))
        self._starts = None

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where each array begins, in numbers; at the end, how many numbers there are."""
        if self._starts is None:
            self._file.flush()
            self._starts = np.concatenate([[0], np.cumsum(self.sizes, dtype=np.int64)])
        return self._starts

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many numbers each array has."""
        return np.diff(self.starts)

    def __getitem__(self, place: int) -> Numbers:
        return self._between(self.starts[place], self.starts[place + 1])

    def joined(self, places: Sequence[int]) -> Numbers:
        """Several arrays, one after the other."""
        return np.concatenate([self[place] for place in places])

    def chunks(self, most: int) -> Iterator[Chunk]:
        """Yield all arrays in chunks of at most so many numbers, or of one longer array."""
        starts, first = self.starts, 0
        while first < len(self):
            end = int(np.searchsorted(starts, starts[first] + most, side="right")) - 1
            end = max(first + 1, end)
            numbers = self._between(starts[first], starts[end])
            yield Chunk(first, numbers, np.diff(starts[first : end + 1]))
            first = end

    def _between(self, start: int, end: int) -> Numbers:
        raw = os.pread(self._file.fileno(), int(end - start) * WIDTH, int(start) * WIDTH)
        return np.frombuffer(raw, dtype=np.uint32)
