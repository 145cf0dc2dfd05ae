"""The elementwise parts of a decoder layer, with a third of the memory.

Between two layers of weights, autograd keeps every intermediate result. Root-mean-square norms and
gated activations need only their inputs to form their gradients again, and where the linear layer
that follows computes in bfloat16, what feeds it can be handed over, and kept, in bfloat16. The
arithmetic is that of the modules that are replaced: each is tried on numbers first, and one that
computes something else is left alone.

Sources: Zhang and Sennrich 2019, arXiv:1910.07467 (RMSNorm); Shazeer 2020, arXiv:2002.05202
(SwiGLU).

Shapes: N tokens, D hidden size, F inner size.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from medtune.llm.flat import TOLERANCE, tolerance

NORMS = ("input_layernorm", "post_attention_layernorm")
"""The norms of a decoder layer whose outputs feed linear layers, and nothing else."""


class _Norm(torch.autograd.Function):
    """x over its root mean square, times a frozen weight, in the type of the weight."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        x_ND: Tensor,
        weight_D: Tensor,
        epsilon: float,
        out: torch.dtype,
    ) -> Tensor:
        size = x_ND.shape[-1]
        norm_N1 = torch.linalg.vector_norm(x_ND, dim=-1, keepdim=True)
        scale_N1 = norm_N1.square_().div_(size).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x_ND, weight_D, scale_N1)
        return (x_ND * scale_N1).mul_(weight_D).to(out)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        g_ND: Tensor,
    ) -> tuple[Tensor | None, ...]:
        x_ND, weight_D, scale_N1 = ctx.saved_tensors
        g_ND = g_ND * weight_D
        along_N1 = torch.linalg.vecdot(g_ND, x_ND).unsqueeze(-1)
        along_N1.mul_(scale_N1.pow(3)).div_(x_ND.shape[-1])
        return g_ND.mul_(scale_N1).addcmul_(x_ND, along_N1, value=-1), None, None, None


class _Gated(torch.autograd.Function):
    """silu(gate) times up, in the type that the next linear layer computes in."""

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        gate_NF: Tensor,
        up_NF: Tensor,
        out: torch.dtype,
    ) -> Tensor:
        ctx.save_for_backward(gate_NF, up_NF)
        return F.silu(gate_NF).mul_(up_NF).to(out)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  torch declares *args
        ctx: Any,  # noqa: ANN401  torch's context has no public type
        g_NF: Tensor,
    ) -> tuple[Tensor | None, ...]:
        gate_NF, up_NF = ctx.saved_tensors
        g_NF = g_NF.to(gate_NF.dtype)
        g_up_NF = F.silu(gate_NF).mul_(g_NF)
        g_gate_NF = torch.ops.aten.silu_backward(g_NF * up_NF, gate_NF)
        return g_gate_NF, g_up_NF, None


class _LeanNorm(nn.Module):
    def __init__(self, norm: nn.Module, out: torch.dtype) -> None:
        super().__init__()
        self.weight = cast("Tensor", norm.weight)
        self.epsilon = _epsilon(norm)
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        y = _Norm.apply(x, self.weight, self.epsilon, self.out)
        assert isinstance(y, Tensor)
        return y


class _LeanGated(nn.Module):
    def __init__(self, mlp: nn.Module, out: torch.dtype) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = mlp.get_submodule("gate_proj"), mlp.get_submodule("up_proj")
        self.down_proj = mlp.get_submodule("down_proj")
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        gate, up = cast("Tensor", self.gate_proj(x)), cast("Tensor", self.up_proj(x))
        return cast("Tensor", self.down_proj(_Gated.apply(gate, up, self.out)))


@contextmanager
def lean(model: PreTrainedModel) -> Generator[None]:
    """Replace the parts that can be while the block runs. Norm weights must be frozen."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    size = cast("int", model.get_decoder().config.hidden_size)
    most = max(tolerance(model), TOLERANCE[torch.float32])  # in which norms compute, whatever else
    sample = torch.linspace(-2, 3, 3 * size, dtype=model.dtype, device=model.device).view(3, -1)
    for layer in cast("nn.ModuleList", model.get_decoder().layers):
        for name in (*NORMS, "mlp"):
            part = cast("nn.Module | None", getattr(layer, name, None))
            leaner = _leaner(part, _compute_type(layer))
            if part is not None and leaner is not None and _same(part, leaner, sample, most):
                replaced.append((layer, name, part))
                setattr(layer, name, leaner)
    try:
        yield
    finally:
        for layer, name, part in replaced:
            setattr(layer, name, part)


def _leaner(part: nn.Module | None, out: torch.dtype) -> nn.Module | None:
    """A replacement that computes the same by its looks, or None."""
    if part is None or part.training:
        return None
    if all(hasattr(part, name) for name in ("gate_proj", "up_proj", "down_proj")):
        return _LeanGated(part, out) if _is_silu(getattr(part, "act_fn", None)) else None
    weight = getattr(part, "weight", None)
    named = hasattr(part, "variance_epsilon") or hasattr(part, "eps")
    if not named or not isinstance(weight, Tensor) or weight.ndim != 1 or weight.requires_grad:
        return None
    return _LeanNorm(part, out)


@torch.no_grad()
def _same(part: nn.Module, leaner: nn.Module, sample: Tensor, most: float) -> bool:
    """Whether both give the same numbers, up to a share of the largest of them."""
    theirs, ours = cast("Tensor", part(sample)).float(), cast("Tensor", leaner(sample)).float()
    return float((ours - theirs).abs().max()) <= most * float(theirs.abs().max())


def _is_silu(activation: object) -> bool:
    if not isinstance(activation, nn.Module):
        return False
    sample = torch.linspace(-3, 3, 7)
    return torch.allclose(activation(sample), F.silu(sample))


def _compute_type(layer: nn.Module) -> torch.dtype:
    """The narrowest type of the layer's weights of two dimensions: that of its frozen products.

    Packed weights are none of them: their layers take float32.
    """
    types = [weight.dtype for weight in layer.parameters() if weight.ndim > 1]
    return min(types, key=lambda dtype: dtype.itemsize, default=torch.float32)


def _epsilon(norm: nn.Module) -> float:
    found = norm.variance_epsilon if hasattr(norm, "variance_epsilon") else norm.eps
    return float(cast("float", found))
