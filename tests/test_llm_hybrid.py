"""Decoders with convolution or recurrence between tokens are left to their own code everywhere."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch
from test_llm_slots import alone, random_ids, replies
from tiny_llm import one_thread, write_model
from tiny_tune import APP, VOCABULARY, make_run, settings
from tiny_tune import language_model as tiny
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from medtune.config import ModelSection
from medtune.llm import flat, slots
from medtune.llm.generate import stream
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.render import Candidates
from medtune.llm.score import is_exact, score_candidates
from medtune.llm.source import find_model
from medtune.records import Example, Message
from medtune.tune.job import at_work, job

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
HYBRIDS = {
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
    "qwen3_next": {
        "layer_types": ["linear_attention", "full_attention"],
        "head_dim": 8,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "num_experts": 0,
        "mlp_only_layers": [0, 1],
    },
    "falcon_h1": {
        "mamba_d_ssm": 32,
        "mamba_n_heads": 4,
        "mamba_d_head": 8,
        "mamba_d_state": 8,
        "mamba_n_groups": 1,
    },
}
"""LFM2 convolves in some layers, Qwen3-Next has a delta rule, Falcon-H1 also scans."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def hybrid(kind: str, n_tokens: int, spread: float = 0.3) -> PreTrainedModel:
    config = AutoConfig.for_model(
        kind, vocab_size=n_tokens, initializer_range=spread, **SIZES, **HYBRIDS[kind]
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module", params=HYBRIDS)
def lm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = write_model(tmp_path_factory.mktemp(request.param))
    n_tokens = AutoConfig.from_pretrained(folder).vocab_size
    hybrid(request.param, n_tokens).save_pretrained(folder)
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    return load_model(found, Numerics("float32", None, "the tests", None), context_tokens=64)


@pytest.mark.parametrize("kind", HYBRIDS)
def test_they_are_told_even_where_16_bits_would_hide_it(kind: str) -> None:
    """With weights as small as these, sequences that reach into each other differ by under 5 %."""
    model = hybrid(kind, 64, spread=0.02).bfloat16()
    assert not flat.is_exact(model)
    assert not slots.is_exact(model)


@pytest.mark.parametrize("way", [flat.is_exact, slots.is_exact])
def test_the_trial_on_made_up_sequences_tells_them_too(
    way: Callable[[PreTrainedModel], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flat, "keeps_keys_only", lambda _: True)
    assert not way(hybrid("lfm2", 64))


@pytest.mark.parametrize("beginning", [[], [9, 8, 7]])
def test_replies_are_those_of_each_prompt_alone(lm: LanguageModel, beginning: list[int]) -> None:
    prompts = random_ids([9, 3, 17, 1], beginning)
    for prompt, reply in zip(prompts, replies(lm, prompts, 100, 6), strict=True):
        assert reply.text == lm.renderer.decode(alone(lm, prompt, 6))


def test_a_streamed_reply_is_that_of_its_prompt_alone(lm: LanguageModel) -> None:
    asked = [Message("user", "pain")]
    told = "".join(stream(lm, asked, max_new_tokens=6))
    assert told == lm.renderer.decode(alone(lm, lm.renderer.prompt(asked), 6))


def plain_scores(lm: LanguageModel, item: Candidates) -> list[float]:
    found: list[float] = []
    for reply in item.replies:
        ids = torch.tensor([item.prompt + reply])
        with torch.no_grad():
            log_p = lm.model(ids, use_cache=False).logits[0].log_softmax(-1)
        ends = range(len(item.prompt), ids.shape[1])
        found.append(sum(float(log_p[at - 1, ids[0, at]]) for at in ends))
    return found


@pytest.mark.parametrize("beginning", [[], [9, 8, 7]])
def test_scores_are_those_of_each_reply_alone(lm: LanguageModel, beginning: list[int]) -> None:
    assert not is_exact(lm)
    prompts: Sequence[list[int]] = random_ids([5, 2, 8], beginning)
    items = [Candidates(prompt, [[11, 12, 2], [30, 2], [40, 41, 42, 2]]) for prompt in prompts]
    found = score_candidates(lm, items, batch_tokens=500, advance=lambda _: None)
    for scores, item in zip(found, items, strict=True):
        assert scores == pytest.approx(plain_scores(lm, item), abs=1e-3)


def test_one_long_record_in_a_pass_of_its_own_does_not_hide_it_from_a_training(out: Path) -> None:
    lm = tiny()
    object.__setattr__(lm, "model", hybrid("lfm2", VOCABULARY).requires_grad_(requires_grad=False))
    texts = ["a" * 90, *(letter * 8 for letter in "bcd")]
    records = [Example(text[0], text[0], {"text": text}, "yes") for text in texts]
    asked = job(make_run(out, settings()), APP, lm, records, records)
    assert [batch.n_sequences for batch in asked.step(1)] == [1, 3]
    with at_work(asked):
        assert flat.implementation(lm.model) != flat.FLAT
