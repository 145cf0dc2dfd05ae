"""A tuned model beside its base model: the frozen weights are in memory once, for both."""

import copy
from dataclasses import replace
from pathlib import Path

from medtune.llm.load import WEIGHTS, LanguageModel, refuse_others, with_adapter


def beside(base: LanguageModel, adapter: Path) -> LanguageModel | None:
    """The model of an adapter over the weights of a base model; None where it needs its own.

    The modules are copied and the tensors in them are not, so each model is changed alone as long
    as nobody writes into a frozen weight. Where all weights were tuned nothing is in common; a
    model that sees hangs on its images, and packed weights were not tried: they are loaded apart.

    Raises:
        DataError: The adapter was trained on other base weights, or is not one.
    """
    apart = base.eyes is not None or base.quantize is not None
    if apart or (adapter / WEIGHTS).is_file():
        return None
    refuse_others(adapter, base.folder, base.gallery, base.quantize)
    kept = {id(one): one for one in (*base.model.parameters(), *base.model.buffers())}
    model = with_adapter(copy.deepcopy(base.model, kept), adapter)
    model = model.to(base.device).eval().requires_grad_(requires_grad=False)  # type: ignore[arg-type]
    return replace(base, model=model, crew=None)
