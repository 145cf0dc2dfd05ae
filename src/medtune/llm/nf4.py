"""Frozen linear layers of four bits a weight, for QLoRA: a quarter of bfloat16's memory.

Weights are NF4 numbers in blocks of 64 with a scale each, and the scales are quantised again in
blocks of 256: 4.13 bits a weight. Each product dequantises its matrix, forward and backward, and
keeps none. bitsandbytes packs and unpacks, on a GPU and on a CPU. Its own layer is not used: on
processors with bfloat16 it computes in bfloat16 whatever the type asked for, and repacks weights at
the first pass without gradients in a way through which later gradients do not flow (0.50.2,
`Linear4bit.forward` and `matmul_4bit`).

Source: Dettmers et al. 2023, arXiv:2305.14314.

Shapes: I inputs, O outputs; any dimensions before I.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from medtune.errors import ConfigError

BLOCK = 64
"""Weights that share a scale."""


class _Product(torch.autograd.Function):
    """x W' + bias, with a gradient for x; W is unpacked anew for it."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        x: Tensor,
        layer: "FourBitLinear",
    ) -> Tensor:
        ctx.layer = layer
        bias = None if layer.bias is None else layer.bias.to(x.dtype)  # pyright: ignore[reportUnnecessaryComparison]
        return F.linear(x, layer.weight, bias)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        g: Tensor,
    ) -> tuple[Tensor, None]:
        return g @ ctx.layer.weight, None


class FourBitLinear(nn.Linear):
    """A frozen linear layer; what it is given and gives keeps its type."""

    packed: Tensor

    def __init__(self, layer: nn.Linear, dtype: torch.dtype, device: torch.device) -> None:
        nn.Module.__init__(self)  # its parent's would make a weight
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.bias = layer.bias
        packed, self.state = _functional().quantize_4bit(
            layer.weight.detach().to(device),
            blocksize=BLOCK,
            compress_statistics=True,
            quant_type="nf4",
        )
        self.state.dtype = dtype
        self.register_buffer("packed", packed)
        self.dtype = dtype

    @property
    def weight(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """O x I, unpacked anew at each access, in the type of the products."""
        return cast("Tensor", _functional().dequantize_4bit(self.packed, self.state))

    @property
    def nbytes(self) -> int:
        """Memory of the weights and their scales."""
        scales = (self.state.absmax, self.state.state2.absmax)
        return sum(one.nbytes for one in (self.packed, *scales))

    def forward(self, input: Tensor) -> Tensor:
        """Multiply in the type of the products."""
        y = _Product.apply(input.to(self.dtype), self)
        assert isinstance(y, Tensor)
        return y.to(input.dtype)

    def plain(self) -> nn.Linear:
        """The same layer with unpacked weights."""
        layer = nn.Linear(
            self.in_features, self.out_features, bias=False, dtype=self.dtype, device="meta"
        )
        layer.weight = nn.Parameter(self.weight, requires_grad=False)
        layer.bias = self.bias
        return layer


def quantise(model: PreTrainedModel, dtype: torch.dtype, device: torch.device) -> None:
    """Turn the decoder's linear layers into `FourBitLinear`, in place. The output layer stays.

    Args:
        model: With the weights as they are stored.
        dtype: The type of the products.
        device: Where the packed weights lie.

    Raises:
        ConfigError: bitsandbytes is not installed.
    """
    if find_spec("bitsandbytes") is None:
        raise ConfigError(
            'model.quantize needs bitsandbytes; install it with pip install -e ".[qlora]"'
        )
    decoder = model.get_decoder()
    plain = {name: one for name, one in decoder.named_modules() if type(one) is nn.Linear}
    for name, layer in plain.items():
        decoder.set_submodule(name, FourBitLinear(layer, dtype, device))


def unpack(model: PreTrainedModel) -> None:
    """Turn every `FourBitLinear` into a plain layer, in place, those under an adapter too."""
    packed = {name: one for name, one in model.named_modules() if isinstance(one, FourBitLinear)}
    for name, layer in packed.items():
        model.set_submodule(name, layer.plain())


def _functional() -> Any:  # noqa: ANN401  an optional package without types
    return import_module("bitsandbytes.functional")
