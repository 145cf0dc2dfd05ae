"""Full tuning: all weights of the model learn, in float32, and are saved as safetensors.

The names in the file are those of transformers, and beside it lie the base model's settings and
tokenizer, so any tool that reads a folder of the transformers layout reads ours.
"""

import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor, nn
from transformers import PreTrainedModel

from medtune.llm.load import WEIGHTS

BESIDE = ("*.json", "*.jinja", "*.txt", "*.model")
"""Settings, tokenizer and chat template of a model, whatever it calls them."""
NOT_BESIDE = ("medtune.json", "model.safetensors.index.json")


class Opened(NamedTuple):
    """The weights of a model as they are trained, and as they were."""

    weights: dict[str, nn.Parameter]
    start: dict[str, Tensor]


@contextmanager
def opened(model: PreTrainedModel) -> Generator[Opened]:
    """Let all weights of the model learn while the block runs; afterwards it is as it was.

    What was bfloat16 is trained in float32, and rounded for each product: see `HalfLinear`.
    """
    weights = dict(model.named_parameters())
    start = {name: weight.data for name, weight in weights.items()}
    try:
        for weight in weights.values():
            wide = torch.float64 if weight.dtype == torch.float64 else torch.float32
            weight.data = weight.data.to(wide, copy=True)
            weight.requires_grad = True
        yield Opened(weights, start)
    finally:
        for name, weight in weights.items():
            weight.requires_grad = False
            weight.grad = None
            weight.data = start[name]


@contextmanager
def with_weights(
    weights: Mapping[str, nn.Parameter], others: Mapping[str, Tensor]
) -> Generator[None]:
    """Compute with other weights while the block runs. Graphs from before it must not be in use."""
    own = {name: weight.data for name, weight in weights.items()}
    for name, weight in weights.items():
        weight.data = others[name].to(weight.dtype)
    try:
        yield
    finally:
        for name, weight in weights.items():
            weight.data = own[name]


def write_weights(folder: Path, tensors: Mapping[str, Tensor], base: Path) -> None:
    """Write a model into `folder`, with what the base model has beside its weights.

    Raises:
        OSError: The disk is full.
    """
    for pattern in BESIDE:
        for path in sorted(base.glob(pattern)):
            if path.name not in NOT_BESIDE:
                shutil.copyfile(path, folder / path.name)
    (folder / WEIGHTS).write_bytes(save(dict(tensors), {"format": "pt"}))
