"""Checkpoints of weights that are divided among processes: each writes and reads its own part.

The files are those of torch.distributed.checkpoint, beside the same state.json as of any other
checkpoint, so they may be read by another number of processes, or by one. All processes must see
the same folder.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from medtune.errors import MachineError
from medtune.tune.distributed import control
from medtune.tune.lora import Adapter

METADATA = ".metadata"
"""Which torch.distributed.checkpoint writes last."""


class Tensors(NamedTuple):
    """What a checkpoint holds of tensors."""

    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    moments: dict[str, Tensor]


def write(folder: Path, tensors: Tensors) -> None:
    """Write the tensors into a folder that exists, every process its part.

    Raises:
        MachineError: A process could not write.
    """
    try:
        save(_named(tensors), checkpoint_id=folder)
    except CheckpointException as error:
        raise MachineError(
            f"{folder.parent}: a process could not write its part of the checkpoint: "
            f"{next(iter(error.failures.values()))[0]}; see that there is room, and that all "
            "processes see this folder; then run the same command to go on"
        ) from error


def read(folder: Path, adapter: Adapter) -> Tensors:
    """Read the tensors, divided as the adapter's weights are now."""
    reader = FileSystemReader(folder)
    by_index = [str(index) for index in range(len(adapter.weights))]
    patterns = dict(zip(by_index, adapter.weights.values(), strict=True)) | adapter.weights
    found: dict[str, Tensor] = {}
    for key, about in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(about, TensorStorageMetadata), "only tensors are written"
        pattern = patterns[_pattern(key)]
        scalar = about.size == torch.Size()
        found[key] = torch.zeros(()) if scalar else torch.empty_like(pattern, requires_grad=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled", UserWarning)
        load(found, storage_reader=reader, no_dist=not control.is_shared())
    parts: dict[str, dict[str, Tensor]] = {name: {} for name in Tensors._fields}
    for key, tensor in found.items():
        part, _, name = key.partition("/")
        parts[part][name] = tensor
    return Tensors(**parts)


def _named(tensors: Tensors) -> dict[str, Tensor]:
    return {
        f"{part}/{name}": tensor
        for part, some in tensors._asdict().items()
        for name, tensor in some.items()
    }


def _pattern(key: str) -> str:
    """The weight that a tensor is divided like: by its name, or of moments by its index."""
    part, _, name = key.partition("/")
    return name.partition(".")[0] if part == "moments" else name
