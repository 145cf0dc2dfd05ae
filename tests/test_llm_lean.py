"""The lean parts compute what they replace, and are put back."""

import pytest
import torch
from test_llm_flat import FAMILIES, largest_difference, model_of, sequences
from torch import nn
from torch.autograd import gradcheck

from medtune.llm.half import halve
from medtune.llm.lean import _Gated, _Norm, lean

LEAN = {"llama", "qwen2", "qwen3", "mistral with a window"}


def test_the_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, dtype=torch.float64)
    assert gradcheck(lambda x: _Norm.apply(x, weight, 1e-5, torch.float64), x)
    up = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda gate, up: _Gated.apply(gate, up, torch.float64), (x, up))


@pytest.mark.parametrize("family", FAMILIES)
def test_states_and_gradients_are_the_models_own(family: str) -> None:
    model = model_of(family)
    for name, weight in model.named_parameters():
        weight.requires_grad_("norm" not in name)
    ids = torch.tensor(sequences(0, [9]))

    def found() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        model.zero_grad(set_to_none=True)
        states = model.get_decoder()(input_ids=ids).last_hidden_state
        (states**3).sum().backward()
        return states.detach(), {n: w.grad for n, w in model.named_parameters() if w.requires_grad}

    plain, expected = found()
    before = [type(module) for module in model.modules()]
    with lean(model):
        replaced = [type(module) for module in model.modules()] != before
        states, gradients = found()
    assert replaced == (family in LEAN or family == "phi3")
    assert [type(module) for module in model.modules()] == before
    assert largest_difference(states, plain) < 1e-5
    for name, gradient in gradients.items():
        if gradient is not None:
            assert largest_difference(gradient, expected[name]) < 1e-5, name


def test_beside_bfloat16_products_the_stream_stays_float32() -> None:
    model = model_of("llama").float().requires_grad_(requires_grad=False)
    halve(model)
    seen: list[torch.dtype] = []
    for layer in model.get_decoder().layers:
        layer.register_forward_hook(lambda _, __, out: seen.append(out.dtype))
    with torch.no_grad():
        plain = model.get_decoder()(input_ids=torch.tensor([[5, 6, 7]])).last_hidden_state
        with lean(model):
            ours = model.get_decoder()(input_ids=torch.tensor([[5, 6, 7]])).last_hidden_state
    assert set(seen) == {torch.float32}
    assert torch.equal(plain, ours), "handing bfloat16 over rounds as taking it does"


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_a_gated_activation_is_tried_on_numbers(factor: float) -> None:
    """Some families multiply within a block that otherwise looks the same, as Falcon-H1 does."""
    model = model_of("llama").requires_grad_(requires_grad=False)
    mlp = model.get_decoder().layers[0].mlp
    own = mlp.forward
    mlp.forward = lambda x: factor * own(x)
    with lean(model):
        kinds = [type(layer.mlp).__name__ for layer in model.get_decoder().layers]
    assert kinds == ["_LeanGated" if factor == 1.0 else "LlamaMLP", "_LeanGated", "_LeanGated"]


def test_a_part_that_computes_something_else_is_left_alone() -> None:
    model = model_of("llama").requires_grad_(requires_grad=False)
    layer = model.get_decoder().layers[0]
    layer.mlp.act_fn = nn.GELU()
    with torch.no_grad():
        layer.input_layernorm.weight.fill_(1.0)
    layer.input_layernorm.forward = lambda x: x * 2
    with lean(model):
        assert type(layer.mlp).__name__ == "LlamaMLP"
        assert type(layer.input_layernorm).__name__ == "LlamaRMSNorm"
        assert type(layer.post_attention_layernorm).__name__ == "_LeanNorm"
