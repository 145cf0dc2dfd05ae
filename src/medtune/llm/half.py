"""Linear layers whose products are in bfloat16, in a model whose activations are float32.

The matrix products are three quarters of the time, and the only part that bfloat16 makes faster on
a CPU: its attention backward and its elementwise parts are slower than float32's. What lies between
the products (attention, norms, the residual stream, the output layer) keeps float32, so no update
is lost by adding it to a rounded number.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel


class HalfLinear(nn.Linear):
    """A linear layer that multiplies in bfloat16, and gives float32.

    Its weights are bfloat16 where they are frozen; where all are trained they are float32, so that
    small updates add up, and are rounded for each product.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Multiply in bfloat16; the sums inside are float32, rounded once."""
        half = torch.bfloat16
        bias = None if self.bias is None else self.bias.to(half)  # pyright: ignore[reportUnnecessaryComparison]
        return F.linear(input.to(half), self.weight.to(half), bias).float()


def halve(model: PreTrainedModel) -> None:
    """Turn the decoder's linear layers into `HalfLinear`, in place. The output layer stays."""
    for module in model.get_decoder().modules():
        if type(module) is nn.Linear:
            module.__class__ = HalfLinear
            module.to(torch.bfloat16)
