"""An image encoder of a few numbers, and images that it can tell apart."""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from medtune.images.view import GRID, SIDE
from medtune.llm.vision.encoder import Encoder
from medtune.llm.vision.network import WIDTH, EfficientNetLite0


class Blocks(nn.Module):
    """Mean brightness of each cell, in fixed random directions."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.register_buffer("directions", torch.randn(WIDTH, 3))

    def cells(self, pixels_BCHW: Tensor) -> Tensor:
        cells_BCGG = F.adaptive_avg_pool2d(pixels_BCHW, GRID)
        return torch.einsum("wc,bcij->bwij", cast("Tensor", self.directions), cells_BCGG)


def tiny_encoder() -> Encoder:
    return Encoder(cast("EfficientNetLite0", Blocks()), "e" * 64)


def spot(row: int, column: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """A dark image with one bright cell."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(20, 60, (SIDE, SIDE)).astype(np.uint8)
    size = SIDE // GRID
    pixels[row * size : (row + 1) * size, column * size : (column + 1) * size] += 180
    return pixels
