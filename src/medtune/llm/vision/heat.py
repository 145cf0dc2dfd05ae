"""Which cells of an image a reply rests on, and the same question to the model before it learnt.

The map of a reply is the gradient of its log-probability, less that of another reply, times the
image tokens, cell by cell, without its sign. Source: Shrikumar 2017, arXiv:1605.01713, section 3.1
(gradient times input). A map may be shown only after `apps.imaging_sanity` has passed it.

Shapes: T tokens, D size of a vector, N cells, S supervised tokens.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from peft.tuners.lora import LoraLayer
from torch import Tensor

from medtune.errors import ConfigError, DataError
from medtune.images.view import GRID, N_CELLS
from medtune.llm.load import LanguageModel
from medtune.llm.vision.projector import Sight, sight_of
from medtune.records import Message


def heat_map(
    lm: LanguageModel, messages: Sequence[Message], reply: str, against: str
) -> NDArray[np.float32]:
    """How much each cell of the one image speaks for a reply rather than another: GRID x GRID.

    Raises:
        ConfigError: The model sees no images.
        DataError: The messages have no image, or several.
    """
    sight = _sight(lm)
    total_NN = np.zeros((GRID, GRID), dtype=np.float32)
    for text, sign in ((reply, 1.0), (against, -1.0)):
        rendered = lm.renderer.training(messages, text)
        ids_T = torch.tensor(rendered.ids, device=lm.device)
        cells_T = ids_T >= sight.n_words
        if int(cells_T.sum()) != N_CELLS:
            raise DataError(f"a heat map is of one image; the messages have {_images(cells_T)}")
        supervised_T = torch.tensor(rendered.supervised, device=lm.device)
        slope_TD, vectors_TD = _slope(lm, sight, ids_T, supervised_T)
        effect_N = (slope_TD * vectors_TD).sum(-1)[cells_T].float().cpu().numpy()
        total_NN += sign * effect_N.reshape(GRID, GRID)
    return np.abs(total_NN)


@contextmanager
def unlearnt(lm: LanguageModel, seed: int) -> Generator[None]:
    """The model with all that it learnt made random while the block runs.

    The adapter is off and the projector is drawn anew; all else was never trained on images.
    """
    projector = _sight(lm).projector
    before = {name: weight.clone() for name, weight in projector.state_dict().items()}
    layers = [module for module in lm.model.modules() if isinstance(module, LoraLayer)]
    projector.draw(seed)
    for layer in layers:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        projector.load_state_dict(before)
        for layer in layers:
            layer.enable_adapters(enabled=True)
        lm.model.requires_grad_(requires_grad=False)


def _slope(
    lm: LanguageModel, sight: Sight, ids_T: Tensor, supervised_T: Tensor
) -> tuple[Tensor, Tensor]:
    """The gradient of the reply's log-probability by the input vectors, and these vectors."""
    with torch.enable_grad():
        vectors_TD = sight(ids_T).detach().requires_grad_()
        logits_TV = lm.model(inputs_embeds=vectors_TD[None], use_cache=False).logits[0]
        log_p_TV = logits_TV.float().log_softmax(-1)
        where_S = supervised_T.nonzero()[:, 0]
        log_p = log_p_TV[where_S - 1, ids_T[where_S]].sum()
        (slope_TD,) = torch.autograd.grad(log_p, vectors_TD)
    return slope_TD, vectors_TD.detach()


def _sight(lm: LanguageModel) -> Sight:
    sight = sight_of(lm.model)
    if sight is None:
        raise ConfigError("model.vision: the model sees no images, so it has no heat map; set it")
    return sight


def _images(cells_T: Tensor) -> int:
    return int(cells_T.sum()) // N_CELLS
