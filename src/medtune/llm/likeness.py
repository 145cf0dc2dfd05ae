"""How alike do two texts look to the model: the cosine of their mean hidden states.

It is no measure of meaning: a text and its negation are nearly alike. So it describes, and no gate
may use it.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from medtune.llm.load import LanguageModel

NAME = "cosine of mean hidden states"


def cosines(
    lm: LanguageModel, pairs: Sequence[tuple[str, str]], *, advance: Callable[[int], None]
) -> list[float]:
    """For each pair of texts, the cosine of the means of the last hidden states, from -1 to 1.

    A text longer than the context is cut there. An empty text has the cosine 0 with every other.
    """
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    states = {text: _mean_state(lm, text) for text in texts if text.strip()}
    found: list[float] = []
    for one, other in pairs:
        both = states.get(one), states.get(other)
        found.append(0.0 if both[0] is None or both[1] is None else _cosine(both[0], both[1]))
        advance(1)
    return found


def _mean_state(lm: LanguageModel, text: str) -> Tensor:
    ids = lm.renderer.tokenizer.encode(text, add_special_tokens=False)[: lm.context_tokens]
    with torch.inference_mode():
        decoder = cast("Callable[..., object]", lm.model.get_decoder())
        output = decoder(input_ids=torch.tensor([ids], device=lm.device), use_cache=False)
    hidden = cast("Tensor", output.last_hidden_state)  # pyright: ignore[reportAttributeAccessIssue]
    return hidden[0].float().mean(dim=0)


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))
