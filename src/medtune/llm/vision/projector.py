"""From image features to vectors that the language model reads like words: the trained part.

A network of two layers for each cell, and a vector for each row and column of the grid, so that the
model can tell where it looks (Liu et al. 2023, arXiv:2310.03744, for the two layers). Each kind of
feature is normalised by its own mean and spread. The last layer begins so that the tokens have the
size of the model's own word vectors, and the vectors of rows and columns begin as those of the
words for them: what a model of words can already say of a place, it need not learn.

Shapes: T image tokens, W features, D size of the model's vectors.
"""

import math
from collections.abc import Callable
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medtune.images.view import GRID, N_CELLS
from medtune.llm.vision.gallery import Gallery
from medtune.llm.vision.network import FINE, LAST, WIDTH

INNER: Final = 512
"""Width between the two layers."""
ROWS: Final = (" upper", " middle", " lower")
COLUMNS: Final = (" left", " middle", " right")
"""What a third of the rows, or columns, is called."""
APART: Final = 0.1
"""By how much two rows of one name begin apart, as a share of a word's size."""
FILE: Final = "projector.safetensors"
"""Beside the adapter's weights, in its folder."""


class Projector(nn.Module):
    """The weights. They are plain parameters, for an adapter must not be put on them."""

    def __init__(self, rows_GD: Tensor, columns_GD: Tensor, word_size: float) -> None:
        super().__init__()
        size = rows_GD.shape[-1]
        self.word_size = word_size
        """Root mean square of the entries of a word's vector."""
        self.register_buffer("row_start", rows_GD, persistent=False)
        self.register_buffer("column_start", columns_GD, persistent=False)
        self.first = nn.Parameter(torch.empty(INNER, WIDTH))
        self.first_bias = nn.Parameter(torch.empty(INNER))
        self.second = nn.Parameter(torch.empty(size, INNER))
        self.second_bias = nn.Parameter(torch.empty(size))
        self.row = nn.Parameter(torch.empty(GRID, size))
        self.column = nn.Parameter(torch.empty(GRID, size))
        self.draw(0)

    @torch.no_grad()
    def draw(self, seed: int) -> None:
        """Begin anew, by a seed."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first.normal_(0.0, 1 / math.sqrt(WIDTH))
            # Half of the inner activations are cut to about nothing, which halves their power.
            self.second.normal_(0.0, self.word_size * math.sqrt(2 / INNER))
            for place, start in ((self.row, self.row_start), (self.column, self.column_start)):
                place.normal_(0.0, self.word_size * APART).add_(cast("Tensor", start))
        self.first_bias.zero_()
        self.second_bias.zero_()

    def forward(self, features_TW: Tensor, cells_T: Tensor) -> Tensor:
        """The vectors of image tokens, T x D, by their features and cells."""
        parts = features_TW.split([LAST, FINE], dim=-1)
        level_TW = torch.cat([F.layer_norm(part, part.shape[-1:]) for part in parts], dim=-1)
        inner_TI = F.gelu(F.linear(level_TW, self.first, self.first_bias))
        vectors_TD = F.linear(inner_TI, self.second, self.second_bias)
        return vectors_TD + self.row[cells_T // GRID] + self.column[cells_T % GRID]


class Sight(nn.Module):
    """The input layer of a model that sees: words from the table, image tokens projected."""

    def __init__(
        self, words: nn.Embedding, gallery: Gallery, encode: Callable[[str], list[int]]
    ) -> None:
        super().__init__()
        self.words = words
        self.gallery = gallery
        size = float(words.weight.detach().float().square().mean().sqrt())
        rows_GD, columns_GD = (_named(words, encode, names) for names in (ROWS, COLUMNS))
        self.projector = Projector(rows_GD, columns_GD, size)

    @property
    def weight(self) -> Tensor:
        """The table of the words, which the output layer may share."""
        return self.words.weight

    @property
    def n_words(self) -> int:
        """Size of the vocabulary: ids from here on are image tokens."""
        return self.words.num_embeddings

    def ids(self, name: str) -> list[int]:
        """The ids of an image by its hash."""
        return [self.n_words + own for own in self.gallery.ids(name)]

    def forward(self, ids: Tensor) -> Tensor:
        """The vectors of token ids of any shape."""
        is_image = ids >= self.n_words
        vectors: Tensor = self.words(ids.masked_fill(is_image, 0))
        if not bool(is_image.any()):
            return vectors
        own_T = ids[is_image] - self.n_words
        seen_TD = self.projector(self.gallery.rows(own_T), own_T % N_CELLS)
        return vectors.masked_scatter(is_image[..., None], seen_TD.to(vectors.dtype))


@torch.no_grad()
def _named(
    words: nn.Embedding, encode: Callable[[str], list[int]], names: tuple[str, ...]
) -> Tensor:
    """The vectors of the words for each row or column: G x D."""
    thirds = [words.weight[encode(name)].float().mean(dim=0) for name in names]
    return torch.stack([thirds[(2 * at + 1) * len(names) // (2 * GRID)] for at in range(GRID)])


def sight_of(model: nn.Module) -> Sight | None:
    """The eyes of a model; None if it has none."""
    return next((one for one in model.modules() if isinstance(one, Sight)), None)
