"""Scores against the plain way: one full forward pass for each reply, nothing shared."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from tiny_llm import one_thread, write_model
from transformers import AutoConfig, AutoModelForCausalLM

from medtune.config import ModelSection
from medtune.errors import ConfigError, DataError
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.score import score_replies
from medtune.llm.source import find_model
from medtune.records import Message

Item = tuple[Sequence[Message], Sequence[str]]
FLOAT32 = Numerics(dtype="float32", onednn_isa=None, about="as a test needs", tokens_per_s=None)
LABELS = ("increases", "directly causes", "no", "The tumour causes pain and 12 mg of aspirin", "")


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    folder = write_model(tmp_path_factory.mktemp("tiny"))
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    with one_thread():
        yield load_model(found, FLOAT32, context_tokens=512)


def plain_score(lm: LanguageModel, messages: Sequence[Message], reply: str) -> float:
    ids, supervised = lm.renderer.training(messages, reply)
    with torch.no_grad():
        output = lm.model(input_ids=torch.tensor([ids]))
    log_p = output.logits[0].float().log_softmax(-1)
    return sum(float(log_p[i - 1, ids[i]]) for i in range(len(ids)) if supervised[i])


def check(lm: LanguageModel, items: Sequence[Item], *, batch_tokens: int = 4096) -> None:
    done: list[int] = []
    found = score_replies(lm, items, batch_tokens=batch_tokens, advance=done.append)
    expected = [
        [plain_score(lm, messages, reply) for reply in replies] for messages, replies in items
    ]
    assert [len(scores) for scores in found] == [len(replies) for _, replies in items]
    for mine, plain in zip(found, expected, strict=True):
        assert mine == pytest.approx(plain, abs=1e-4)
    assert sum(done) == len(items)


def question(text: str, *before: Message) -> list[Message]:
    return [Message("system", "Answer yes or no."), *before, Message("user", text)]


SHOTS = (
    Message("user", "The patient takes aspirin."),
    Message("assistant", "increases"),
    Message("user", "The tumour causes pain in 12 of 40."),
    Message("assistant", "directly causes"),
)
TEXTS = [
    "pain",
    "12 mg of aspirin",
    "The patient takes 12 mg of aspirin; the tumour causes pain. " * 3,
]


@pytest.mark.parametrize("batch_tokens", [1, 150, 4096])
def test_prompts_of_different_lengths_in_any_batches(lm: LanguageModel, batch_tokens: int) -> None:
    check(lm, [(question(text), LABELS) for text in TEXTS * 2], batch_tokens=batch_tokens)


def test_a_few_shot_prompt_shared_by_all(lm: LanguageModel) -> None:
    check(lm, [(question(text, *SHOTS), LABELS) for text in TEXTS], batch_tokens=300)


def test_one_item_alone(lm: LanguageModel) -> None:
    check(lm, [(question("pain"), LABELS)])


def test_one_reply_alone(lm: LanguageModel) -> None:
    check(lm, [(question(text), [label]) for text, label in zip(TEXTS, LABELS, strict=False)])


def test_equal_prompts_share_all_but_their_last_token(lm: LanguageModel) -> None:
    check(lm, [(question("pain"), LABELS[:2]), (question("pain"), LABELS[2:])])


def test_items_with_replies_of_their_own(lm: LanguageModel) -> None:
    check(lm, [(question(text), LABELS[: i + 1]) for i, text in enumerate(TEXTS)])


def test_prompts_with_nothing_in_common(tmp_path: Path) -> None:
    bare = (
        "{% for m in messages %}{{ m['content'] + '<|im_end|>' }}{% endfor %}"
        "{% if add_generation_prompt %}{% endif %}"
    )
    folder = write_model(tmp_path, template=bare)
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    lm = load_model(found, FLOAT32, context_tokens=512)
    check(lm, [([Message("user", text)], LABELS) for text in ("pain", "yes 12", "aspirin")])


def test_another_family_with_capped_logits_and_windows(lm: LanguageModel, tmp_path: Path) -> None:
    """Gemma 3 attends to windows in some layers; its logits may be capped after the head."""
    config = AutoConfig.for_model(
        "gemma3_text",
        vocab_size=lm.model.config.vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        initializer_range=0.3,
        final_logit_softcapping=2.0,
        query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "full_attention"],
        sliding_window=256,
        max_position_embeddings=512,
    )
    folder = write_model(tmp_path / "gemma")
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    gemma = load_model(found, FLOAT32, context_tokens=512)
    check(gemma, [(question(text, *SHOTS), LABELS) for text in TEXTS])
    with pytest.raises(ConfigError, match="last 256 tokens"):
        check(gemma, [(question(TEXTS[2] * 8), LABELS)])


def test_no_items_give_no_scores(lm: LanguageModel) -> None:
    assert score_replies(lm, [], batch_tokens=10, advance=lambda _: None) == []


def test_an_item_without_replies_is_refused(lm: LanguageModel) -> None:
    items = [(question("pain"), LABELS), (question("pain"), ())]
    with pytest.raises(DataError, match="item number 1 has no replies"):
        score_replies(lm, items, batch_tokens=10, advance=lambda _: None)


def test_an_item_beyond_the_context_is_refused(lm: LanguageModel) -> None:
    items = [(question("pain"), LABELS), (question("pain " * 600), LABELS)]
    with pytest.raises(DataError, match=r"1 of 2 items \(first: number 1\) exceed the 512 tokens"):
        score_replies(lm, items, batch_tokens=10, advance=lambda _: None)
