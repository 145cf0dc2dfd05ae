"""Slots give each row what it gets alone, for every family of decoders, and full batches too."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from test_llm_flat import FAMILIES, SIZES, largest_difference, model_of
from tiny_llm import one_thread, write_model
from transformers import Gemma2Config, Gemma2ForCausalLM

from medtune.config import ModelSection
from medtune.llm import generate as module
from medtune.llm.generate import generate_ids
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.render import Reply
from medtune.llm.slots import Slots, beginning_of, fill, is_exact, slotted, write
from medtune.llm.source import find_model

TOLERANCE = 1e-5
"""Norms and rotations are computed in float32 whatever the type; the rest is in float64."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def random_ids(lengths: Sequence[int], beginning: Sequence[int] = ()) -> list[list[int]]:
    generator = torch.Generator().manual_seed(7)
    rests = [torch.randint(3, 60, (n,), generator=generator).tolist() for n in lengths]
    return [[*beginning, *rest] for rest in rests]


@pytest.mark.parametrize("beginning", [[], [9, 8, 7, 6, 5, 4, 3]])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_logits_are_those_of_each_sequence_alone(family: str, beginning: list[int]) -> None:
    model = model_of(family)
    prompts, tails = random_ids([9, 4, 4, 1], beginning), random_ids([3, 3, 3, 3])
    assert is_exact(model)
    slots = Slots(5, 12, beginning_of(model, beginning))
    with slotted(model):
        got = [fill(model, slots, 0, [prompt[len(beginning) :] for prompt in prompts])]
        for step in range(3):
            held = [len(one) - len(beginning) + step for one in prompts]
            got.append(write(model, slots, [tail[step] for tail in tails], held))
    for step, found in enumerate(got):
        for row, prompt, tail in zip(found, prompts, tails, strict=True):
            alone = model(torch.tensor([[*prompt, *tail[:step]]])).logits[0, -1]
            assert largest_difference(row, alone) < TOLERANCE


def test_an_architecture_that_caps_its_attention_is_left_to_its_own_code() -> None:
    capped = Gemma2ForCausalLM(Gemma2Config(**SIZES, head_dim=8, attn_logit_softcapping=20.0))
    assert not is_exact(capped.eval())
    assert capped.config._attn_implementation != "medtune_slots"


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = write_model(tmp_path_factory.mktemp("tiny"))
    found = find_model(ModelSection(source=f"path:{folder}"), offline=True)
    numerics = Numerics("float32", None, "the tests", None)
    return load_model(found, numerics, context_tokens=64)


def alone(lm: LanguageModel, prompt: list[int], max_new_tokens: int) -> list[int]:
    """The new ids, by one full forward pass for each token."""
    ids = list(prompt)
    while len(ids) - len(prompt) < min(max_new_tokens, lm.context_tokens - len(prompt)):
        with torch.no_grad():
            ids.append(int(lm.model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in lm.renderer.stop_ids:
            break
    return ids[len(prompt) :]


def replies(lm: LanguageModel, prompts: list[list[int]], batch_tokens: int, n: int) -> list[Reply]:
    done: list[int] = []
    found = generate_ids(
        lm, prompts, max_new_tokens=n, batch_tokens=batch_tokens, advance=done.append
    )
    assert sum(done) == len(prompts)
    return found


LENGTHS = [30, 3, 17, 17, 9, 57, 1, 22, 12, 5, 30, 8, 44, 2, 58]


@pytest.mark.parametrize("batch_tokens", [1, 40, 100, 4096])
@pytest.mark.parametrize("beginning", [[], [1, 50, 51]])
def test_rows_that_leave_and_enter_write_what_each_prompt_gets_alone(
    lm: LanguageModel, beginning: list[int], batch_tokens: int
) -> None:
    prompts = random_ids(LENGTHS, beginning)
    found = replies(lm, prompts, batch_tokens, 14)
    for prompt, reply in zip(prompts, found, strict=True):
        expected = alone(lm, prompt, 14)
        assert reply.n_new == len(expected)
        assert reply.text == lm.renderer.decode(expected)
    assert len({reply.n_new for reply in found}) > 2, "rows must end at different times"


def test_the_plain_path_and_two_processes_write_the_same(
    lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = random_ids(LENGTHS)
    ours = replies(lm, prompts, 200, 9)
    object.__setattr__(lm, "processes", 2)
    shared = replies(lm, prompts, 200, 9)
    object.__setattr__(lm, "processes", 1)
    monkeypatch.setattr(module, "is_exact", lambda _: False)
    assert ours == shared == replies(lm, prompts, 200, 9)


def test_no_prompts_give_no_replies(lm: LanguageModel) -> None:
    assert replies(lm, [], 100, 5) == []


def test_a_slot_s_leftovers_do_not_reach_the_next_row(lm: LanguageModel) -> None:
    slots = Slots(2, 40, [])
    long, short = random_ids([30, 3])
    with torch.no_grad(), slotted(lm.model):
        fill(lm.model, slots, 0, [long, long])
        fill(lm.model, slots, 1, [short])
        found = write(lm.model, slots, [7, 7], [30, 3])
    with torch.no_grad():
        expected = [lm.model(torch.tensor([[*one, 7]])).logits[0, -1] for one in (long, short)]
    torch.testing.assert_close(found, torch.stack(expected), atol=1e-4, rtol=1e-4)
