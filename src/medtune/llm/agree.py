"""Do two models give the same replies the same probabilities? Per token, the plain way.

One sequence at a time through the model's own forward: nothing here is shared with the fast paths,
so what is wrong there shows here.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from medtune.llm.load import LanguageModel
from medtune.llm.render import Rendered


@torch.no_grad()
def token_log_probabilities(lm: LanguageModel, rendered: Sequence[Rendered]) -> Tensor:
    """Log-probability in nats of every supervised token, in order, on the CPU.

    Supervised tokens are at the end of each sequence, as `Renderer.training` has them.
    """
    return torch.cat([_of_one(lm, one) for one in rendered])


def distance(one: Tensor, other: Tensor) -> float:
    """Mean absolute difference in nats per token."""
    return (one - other).abs().mean().item()


def _of_one(lm: LanguageModel, one: Rendered) -> Tensor:
    n_kept = sum(one.supervised)
    ids_1T = torch.tensor([one.ids], device=lm.device)
    # The last token predicts nothing, and the one before the first supervised token predicts it.
    output = lm.model(input_ids=ids_1T, use_cache=False, logits_to_keep=n_kept + 1)
    logits_KV = cast("Tensor", output.logits)[0, :-1].float()
    targets_K1 = ids_1T[0, -n_kept:, None]
    log_p_KV = logits_KV.log_softmax(dim=-1)
    return log_p_KV.gather(1, targets_K1).squeeze(1).cpu()
