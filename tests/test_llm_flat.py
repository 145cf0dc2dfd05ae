"""A flat row gives each sequence what it gets alone, for every family of decoders."""

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from medtune.llm.flat import flat, hidden_states, is_exact, row

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
    "pad_token_id": 0,
}
WINDOW = {"sliding_window": 5}
FAMILIES = {
    "llama": (LlamaForCausalLM, LlamaConfig, {}),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, {}),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, {"head_dim": 8}),
    "mistral with a window": (MistralForCausalLM, MistralConfig, WINDOW),
    "phi3": (Phi3ForCausalLM, Phi3Config, {}),
    "gemma3 with a window": (Gemma3ForCausalLM, Gemma3TextConfig, {"head_dim": 8} | WINDOW),
}
TOLERANCE = 1e-5
"""Norms and rotations are computed in float32 whatever the type; the rest is in float64."""
CPU = torch.device("cpu")


def model_of(family: str):
    kind, config, more = FAMILIES[family]
    torch.manual_seed(3)
    return kind(config(**SIZES, **more)).double().eval()


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def sequences(beginning: int, lengths: list[int]) -> list[list[int]]:
    generator = torch.Generator().manual_seed(7)
    first = torch.randint(2, 64, (beginning,), generator=generator).tolist()
    rests = [torch.randint(2, 64, (length,), generator=generator).tolist() for length in lengths]
    return [first + rest for rest in rests]


@pytest.mark.parametrize("beginning", [0, 4, 9])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_and_gradients_are_those_of_each_sequence_alone(family: str, beginning: int) -> None:
    model, texts = model_of(family), sequences(beginning, [12, 12, 7, 1])
    alone = [
        model.get_decoder()(input_ids=torch.tensor([text])).last_hidden_state[0] for text in texts
    ]
    sum((states[beginning:] ** 3).sum() for states in alone).backward()
    expected = {name: weight.grad for name, weight in model.named_parameters()}
    model.zero_grad(set_to_none=True)

    tokens = row(texts, beginning, CPU)
    assert is_exact(model)
    with flat(model):
        states = hidden_states(model, tokens)
        (states[beginning:] ** 3).sum().backward()

    wanted = torch.cat([alone[0][:beginning], *(one[beginning:] for one in alone)])
    assert largest_difference(states, wanted) < TOLERANCE
    for name, weight in model.named_parameters():
        if expected[name] is not None:
            assert largest_difference(weight.grad, expected[name]) < TOLERANCE, name


def test_no_sequence_sees_another() -> None:
    model = model_of("llama")
    texts = sequences(3, [6, 6, 4])
    other = [texts[0], [*texts[1][:3], *(63 - token for token in texts[1][3:])], texts[2]]
    with flat(model), torch.no_grad():
        before, after = (hidden_states(model, row(some, 3, CPU)) for some in (texts, other))
    assert torch.equal(before[:9], after[:9])
    assert torch.equal(before[15:], after[15:])
    assert not torch.equal(before[9:15], after[9:15])


def test_an_architecture_that_caps_its_attention_is_left_to_its_own_code() -> None:
    config = Gemma2Config(**SIZES, head_dim=8, attn_logit_softcapping=20.0)
    capped = Gemma2ForCausalLM(config).eval()
    assert not is_exact(capped)
    assert capped.config._attn_implementation != "medtune_flat"
