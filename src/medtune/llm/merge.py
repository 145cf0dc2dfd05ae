"""Make a tuned model one set of plain weights: what the adapter adds is summed into them.

The sum is formed in float32, on the base weights as training held them, and cast once, when it is
written. Summed in bfloat16, an update below half a unit in the last place of its weight would
vanish, and with it much of what a short tune learns.
"""

import torch
from peft.tuners.lora import LoraLayer
from torch import nn
from transformers import PreTrainedModel

from medtune.errors import ConfigError, DataError
from medtune.llm.half import HalfLinear
from medtune.llm.nf4 import unpack


@torch.no_grad()
def merge(model: PreTrainedModel) -> None:
    """Sum every adapter into its layer, in place, and make all weights float32.

    A model without an adapter, tuned whole or not at all, only becomes float32. Packed weights are
    unpacked first, so the sum is not rounded to four bits again.

    Raises:
        ConfigError: A layer under an adapter is not a plain linear one: it is quantised.
        DataError: The sum is not finite, so the adapter is damaged.
    """
    unpack(model)
    adapted = {name: one for name, one in model.named_modules() if isinstance(one, LoraLayer)}
    for name, layer in adapted.items():
        base = layer.get_base_layer()
        if not isinstance(base, nn.Linear) or not base.weight.is_floating_point():
            raise ConfigError(
                f"export: {name} is a {type(base).__name__}, and an adapter is merged into plain "
                "linear layers only; set model.numerics to float32 and export again"
            )
        _widen(base)
        try:
            layer.merge(safe_merge=True)  # type: ignore[operator]  PEFT's layers share no base
        except ValueError as error:
            raise DataError(f"export: {name}: {error}; the adapter is damaged") from None
        model.set_submodule(name, base)
    for module in model.modules():
        if isinstance(module, HalfLinear):
            _widen(module)
    model.float()
    if hasattr(model, "peft_config"):
        del model.peft_config


def _widen(layer: nn.Linear) -> None:
    """Make the weights float32, and a layer that multiplies in bfloat16 a plain one."""
    layer.float()
    if isinstance(layer, HalfLinear):
        layer.__class__ = nn.Linear  # pyright: ignore[reportAttributeAccessIssue]  its parent
