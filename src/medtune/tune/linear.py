"""A linear layer with its LoRA adapter as one operation, forward and backward.

PEFT's layer adds the adapter's output to the base layer's in passes of their own, each over the
whole activation. Here the small product is formed first and the large one is accumulated on top of
it. That saves the passes and the memory they keep, and it is more exact: in bfloat16 an adapter's
output below half a unit in the last place would vanish when added to a rounded number, whereas
here there is one rounding. Layers that are not `nn.Linear`, or are packed, keep PEFT's computation;
weights and file format are PEFT's throughout.

Shapes: N tokens, I inputs, O outputs, R rank.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear as PeftLinear
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from medtune.llm.nf4 import FourBitLinear


class _Product(torch.autograd.Function):
    """x W' + bias + scale x A' B', with gradients for x, A and B; W and the bias are frozen."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        x_NI: Tensor,
        weight_OI: Tensor,
        bias_O: Tensor | None,
        a_RI: Tensor,
        b_OR: Tensor,
        scale: float,
    ) -> Tensor:
        ctx.adapter_type = a_RI.dtype
        a_RI, b_OR = a_RI.to(x_NI.dtype), b_OR.to(x_NI.dtype)
        inner_NR = (x_NI @ a_RI.T).mul_(scale)
        y_NO = inner_NR @ b_OR.T
        y_NO.addmm_(x_NI, weight_OI.T)
        if bias_O is not None:
            y_NO += bias_O
        ctx.save_for_backward(x_NI, inner_NR, weight_OI, a_RI, b_OR)
        ctx.scale = scale
        return y_NO

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        g_NO: Tensor,
    ) -> tuple[Tensor | None, ...]:
        x_NI, inner_NR, weight_OI, a_RI, b_OR = ctx.saved_tensors
        g_inner_NR = (g_NO @ b_OR).mul_(ctx.scale)
        g_x_NI = None
        if ctx.needs_input_grad[0]:
            g_x_NI = (g_inner_NR @ a_RI).addmm_(g_NO, weight_OI)
        # The second as the transpose of R x O: this way round the product is up to twice as fast.
        g_a_RI, g_b_OR = g_inner_NR.T @ x_NI, (inner_NR.T @ g_NO).T
        adapter_type: torch.dtype = ctx.adapter_type
        return g_x_NI, None, None, g_a_RI.to(adapter_type), g_b_OR.to(adapter_type), None


class _FusedLinear(nn.Module):
    """Computes what a PEFT layer computes, with the PEFT layer's own weights."""

    def __init__(self, layer: PeftLinear, stream: torch.dtype) -> None:
        super().__init__()
        self.stream = stream
        base = layer.get_base_layer()
        assert isinstance(base, nn.Linear), "fused replaces no others"
        self.weight, self.bias = base.weight, base.bias
        self.a, self.b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        self.scale: float = layer.scaling["default"]
        self.is_off = False

    def forward(self, x: Tensor) -> Tensor:
        flat_NI = x.flatten(0, -2).to(self.weight.dtype)
        y_NO = _Product.apply(
            flat_NI, self.weight, self.bias, self.a, self.b, 0.0 if self.is_off else self.scale
        )
        assert isinstance(y_NO, Tensor)
        return y_NO.unflatten(0, x.shape[:-1]).to(self.stream)


@contextmanager
def without_adapter(model: nn.Module) -> Generator[None]:
    """Compute as the base model does while the block runs."""
    layers = [module for module in model.modules() if isinstance(module, _FusedLinear)]
    others = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for layer in layers:
        layer.is_off = True
    for layer in others:
        layer.enable_adapters(enabled=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.is_off = False
        for layer in others:
            layer.enable_adapters(enabled=True)


@contextmanager
def fused(model: nn.Module, stream: torch.dtype) -> Generator[None]:
    """Compute the model's PEFT layers in one operation each while the block runs.

    Args:
        model: With PEFT's layers in place.
        stream: The type of what lies between the layers.
    """
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, PeftLinear)
        and isinstance(module.get_base_layer(), nn.Linear)
        and not isinstance(module.get_base_layer(), FourBitLinear)
        and not module.lora_variant
    }
    for name, layer in layers.items():
        model.set_submodule(name, _FusedLinear(layer, stream))
    try:
        yield
    finally:
        for name, layer in layers.items():
            model.set_submodule(name, layer)
