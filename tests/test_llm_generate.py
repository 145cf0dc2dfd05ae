"""Generation: batches, single prompts and the stream write the same."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tiny_llm import one_thread, write_model

from medtune.config import ModelSection
from medtune.errors import DataError
from medtune.llm.generate import generate, stream
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.render import Reply
from medtune.llm.source import find_model
from medtune.records import Message

FLOAT32 = Numerics(dtype="float32", onednn_isa=None, about="as a test needs", tokens_per_s=None)
PROMPTS = [
    [Message("system", "s" * n), Message("user", text)]
    for n, text in enumerate(
        ["pain", "12 mg of aspirin", "The tumour causes pain. " * 5, "é", "yes"]
    )
]


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    folder = write_model(tmp_path_factory.mktemp("tiny"))
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    with one_thread():
        yield load_model(found, FLOAT32, context_tokens=256)


def plain(lm: LanguageModel, messages: list[Message], max_new_tokens: int) -> list[int]:
    """The new ids, by one full forward pass for each token."""
    ids = lm.renderer.prompt(messages)
    start = len(ids)
    while len(ids) - start < max_new_tokens:
        with torch.no_grad():
            ids = [*ids, int(lm.model(torch.tensor([ids])).logits[0, -1].argmax())]
        if ids[-1] in lm.renderer.stop_ids:
            break
    return ids[start:]


def all_replies(lm: LanguageModel, *, batch_tokens: int, max_new_tokens: int = 30) -> list[Reply]:
    done: list[int] = []
    replies = generate(
        lm,
        PROMPTS,
        max_new_tokens=max_new_tokens,
        batch_tokens=batch_tokens,
        advance=done.append,
    )
    assert sum(done) == len(PROMPTS)
    return replies


@pytest.mark.parametrize("batch_tokens", [1, 200, 4096])
def test_replies_are_those_of_the_plain_loop_in_any_batches(
    lm: LanguageModel, batch_tokens: int
) -> None:
    for messages, reply in zip(PROMPTS, all_replies(lm, batch_tokens=batch_tokens), strict=True):
        ids = plain(lm, messages, 30)
        assert reply.n_new == len(ids)
        assert reply.n_prompt == len(lm.renderer.prompt(messages))
        assert reply.stopped == (ids[-1] in lm.renderer.stop_ids)
        assert reply.text == lm.renderer.decode(ids)


@pytest.mark.parametrize("max_new_tokens", [1, 30])
def test_the_stream_writes_what_a_batch_writes(lm: LanguageModel, max_new_tokens: int) -> None:
    replies = all_replies(lm, batch_tokens=4096, max_new_tokens=max_new_tokens)
    for messages, reply in zip(PROMPTS, replies, strict=True):
        pieces = list(stream(lm, messages, max_new_tokens=max_new_tokens))
        assert "".join(pieces) == reply.text
        assert all(pieces)


@pytest.fixture
def taught(tmp_path: Path) -> Iterator[LanguageModel]:
    """A model whose head is its own, so that it can be taught what follows what."""
    folder = write_model(tmp_path, extra={"tie_word_embeddings": False})
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    with one_thread():
        yield load_model(found, FLOAT32, context_tokens=256)


def chain(lm: LanguageModel, ids: list[int]) -> None:
    """Make `lm` write `ids` one after the other after a prompt, whatever the prompt says."""
    last = lm.renderer.prompt([Message("user", "x")])[-1]
    inputs, outputs = lm.model.get_input_embeddings(), lm.model.get_output_embeddings()
    with torch.no_grad():
        for name, parameter in lm.model.named_parameters():
            if "proj" in name or "lm_head" in name:
                parameter.zero_()
        for place, (one, after) in enumerate(pairwise([last, *ids])):
            inputs.weight[one] = torch.eye(32)[place]
            outputs.weight[after, place] = 1


def test_a_piece_of_the_stream_never_ends_within_a_character(taught: LanguageModel) -> None:
    ids = taught.renderer.reply_ids([Message("user", "x")], "ö€🩺")
    assert len(ids) > 8, "each character takes several tokens"
    chain(taught, ids)
    assert list(stream(taught, [Message("user", "y")], max_new_tokens=20)) == ["ö", "€", "🩺"]
    cut = list(stream(taught, [Message("user", "y")], max_new_tokens=3))
    assert cut == ["ö", "\N{REPLACEMENT CHARACTER}"]
    (reply,) = generate(
        taught, [[Message("user", "y")]], max_new_tokens=20, batch_tokens=99, advance=lambda _: None
    )
    assert (reply.text, reply.stopped, reply.n_new) == ("ö€🩺", True, len(ids))


def test_a_reply_ends_where_the_context_is_full(lm: LanguageModel) -> None:
    long = [Message("system", ""), Message("user", "9" * 235)]
    n_prompt = len(lm.renderer.prompt(long))
    assert 245 < n_prompt < 256
    (reply,) = generate(lm, [long], max_new_tokens=30, batch_tokens=99, advance=lambda _: None)
    assert reply.n_new == 256 - n_prompt
    assert not reply.stopped
    assert "".join(stream(lm, long, max_new_tokens=30)) == reply.text


def test_a_prompt_that_fills_the_context_is_refused(lm: LanguageModel) -> None:
    long = [Message("user", "9" * 300)]
    with pytest.raises(DataError, match=r"1 of 2 prompts \(first: number 1\) fill the 256 tokens"):
        generate(lm, [PROMPTS[0], long], max_new_tokens=3, batch_tokens=99, advance=lambda _: None)
    with pytest.raises(DataError, match="fills the 256 tokens"):
        stream(lm, long, max_new_tokens=3)


def test_a_reply_keeps_its_text_out_of_its_repr(lm: LanguageModel) -> None:
    assert "Smith" not in repr(Reply("Mr Smith", n_prompt=1, n_new=1, stopped=True))
