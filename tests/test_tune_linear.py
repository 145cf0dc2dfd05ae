"""Our computation of a LoRA layer is PEFT's, and loses less in bfloat16."""

import pytest
import torch
from peft import LoraConfig, LoraModel
from torch import nn

from medtune.tune.linear import fused

TOKENS, INPUTS, OUTPUTS = 6, 16, 24


class OneLayer(nn.Module):
    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(INPUTS, OUTPUTS, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


def adapted(dtype: torch.dtype, *, bias: bool = False, size: float = 1.0) -> OneLayer:
    """A layer with an adapter whose second matrix is not zero."""
    torch.manual_seed(3)
    model = OneLayer(bias=bias).to(dtype)
    LoraModel(model, LoraConfig(r=4, lora_alpha=8, target_modules=["layer"]), "default")
    with torch.no_grad():
        model.layer.lora_B["default"].weight.normal_(std=size)
    for parameter in model.parameters():
        if parameter.requires_grad and dtype == torch.bfloat16:
            parameter.data = parameter.data.float()
    return model


@pytest.mark.parametrize("bias", [False, True])
def test_output_and_gradients_are_those_of_peft(bias: bool) -> None:
    model = adapted(torch.float64, bias=bias)
    x = torch.randn(2, TOKENS, INPUTS, dtype=torch.float64, requires_grad=True)
    trained = [p for p in model.parameters() if p.requires_grad]
    weights = torch.randn(2, TOKENS, OUTPUTS, dtype=torch.float64)

    def run() -> list[torch.Tensor]:
        y = model(x)
        return [y.detach(), *torch.autograd.grad((y * weights).sum(), [x, *trained])]

    theirs = run()
    with fused(model, x.dtype):
        assert "Fused" in type(model.layer).__name__
        ours = run()
    assert "Fused" not in type(model.layer).__name__
    torch.testing.assert_close(ours, theirs)


def test_a_small_update_is_not_rounded_away_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    model = adapted(torch.bfloat16, size=1e-4)
    x = torch.randn(4000, INPUTS).bfloat16()
    model.layer.lora_A["default"].weight.data.abs_()
    model.layer.lora_B["default"].weight.data.abs_()
    x = x.abs()
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)  # its bfloat16 kills some machines
    with torch.no_grad():
        base = model.layer.base_layer(x).double()
        theirs = (model(x).double() - base).sum()
        with fused(model, x.dtype):
            ours = (model(x).double() - base).sum()
        a, b = (m["default"].weight.double() for m in (model.layer.lora_A, model.layer.lora_B))
        expected = (x.double() @ a.T @ b.T * 2).sum()
    assert ours == pytest.approx(float(expected), rel=0.1)
    assert theirs < 0.7 * expected


def test_a_layer_of_another_kind_keeps_its_computation() -> None:
    model = adapted(torch.float32)
    model.other = nn.Linear(2, 2)
    with fused(model, torch.float32):
        assert type(model.other) is nn.Linear
