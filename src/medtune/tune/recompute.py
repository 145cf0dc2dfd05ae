"""Keep of each decoder layer only its input, and compute the rest again in the backward pass.

A third more operations, and the memory of a pass is one layer's instead of all layers'. The second
computation is the first one again, bit for bit, so the gradients are the same.

Source: Chen et al. 2016, arXiv:1604.06174.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import cast

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel


@contextmanager
def recomputed(model: PreTrainedModel, *, on: bool) -> Generator[None]:
    """Compute the decoder's layers so while the block runs; nothing where it is not asked for."""
    layers = list(cast("nn.ModuleList", model.get_decoder().layers)) if on else []
    for layer in layers:
        again = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
        layer.forward = again
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
