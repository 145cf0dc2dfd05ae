import json
from pathlib import Path

import pytest

from medtune.data import kind_of, rows
from medtune.errors import DataError

OPENAI = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Is 38.5 C a fever?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": [{"type": "text", "text": "And 37.0?"}]},
        {"role": "assistant", "content": "No."},
    ]
}
SHAREGPT = {
    "id": "c1",
    "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Is 38.5 C a fever?"},
        {"from": "gpt", "value": "Yes."},
        {"from": "human", "value": "And 37.0?"},
        {"from": "gpt", "value": "No."},
    ],
}
ALPACA = {
    "system": "Be brief.",
    "history": [["Is 38.5 C a fever?", "Yes."]],
    "instruction": "And",
    "input": "37.0?",
    "output": "No.",
}
CHATS = {"openai": OPENAI, "sharegpt": SHAREGPT, "alpaca": ALPACA}


def saved(path: Path, records: list, *, as_list: bool = False) -> Path:
    text = json.dumps(records) if as_list else "".join(json.dumps(r) + "\n" for r in records)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("shape", CHATS)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_a_chat_is_detected_and_has_the_same_columns_in_every_format(tmp_path, shape, suffix):
    path = saved(tmp_path / f"chats{suffix}", [CHATS[shape]] * 2, as_list=suffix == ".json")
    assert kind_of(path, "auto").name == shape
    first, second = rows(path, "auto")
    assert first.values == second.values
    assert first.values["system"] == "Be brief."
    assert first.values["history"] == "User: Is 38.5 C a fever?\nAssistant: Yes."
    assert first.values["prompt"] == ("And\n37.0?" if shape == "alpaca" else "And 37.0?")
    assert first.values["reply"] == "No."


def test_a_named_format_fixes_what_auto_detects_and_jsonl_takes_the_file_as_it_is(tmp_path):
    path = saved(tmp_path / "chats.jsonl", [SHAREGPT])
    assert list(rows(path, "sharegpt")) == list(rows(path, "auto"))
    (plain,) = rows(path, "jsonl")
    assert set(plain.values) == {"id", "conversations"}


def test_other_columns_stay_and_a_table_with_an_output_column_is_no_chat(tmp_path):
    (row,) = rows(saved(tmp_path / "a.jsonl", [SHAREGPT]), "auto")
    assert row.values["id"] == "c1"
    table = {"instruction": "x", "output": "y", "patient": "p1"}
    assert kind_of(saved(tmp_path / "b.jsonl", [table]), "auto").name == "jsonl"


def test_a_chat_that_ends_with_a_question_has_no_reply(tmp_path):
    open_chat = {"messages": OPENAI["messages"][:4]}
    (row,) = rows(saved(tmp_path / "a.jsonl", [open_chat]), "auto")
    assert (row.values["prompt"], row.values["reply"]) == ("And 37.0?", "")


def test_what_a_tool_answered_stands_with_the_question(tmp_path):
    chat = {
        "messages": [
            {"role": "user", "content": "Potassium?"},
            {"role": "assistant", "content": None},
            {"role": "tool", "content": "4.1 mmol/L"},
            {"role": "assistant", "content": "4.1 mmol/L, normal."},
        ]
    }
    (row,) = rows(saved(tmp_path / "a.jsonl", [chat]), "auto")
    assert row.values["prompt"] == "Potassium?\nAssistant: \nTool: 4.1 mmol/L"
    assert row.values["reply"] == "4.1 mmol/L, normal."


@pytest.mark.parametrize(
    ("shape", "record", "words"),
    [
        ("openai", {"messages": []}, "no list 'messages'"),
        ("openai", {"messages": [{"role": "nurse", "content": "Hopper"}]}, "turn 1: the speaker"),
        ("openai", {"messages": [{"content": "Hopper"}]}, "turn 1 has no 'role'"),
        ("openai", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "image"),
        ("sharegpt", {"text": "Hopper"}, "no list 'conversations'"),
        ("alpaca", {"instruction": "Hopper"}, "no 'output'"),
        ("alpaca", {**ALPACA, "history": ["Hopper"]}, "history 1 is not a pair"),
    ],
)
def test_what_is_no_chat_is_refused_with_its_line_and_without_its_text(
    tmp_path, shape, record, words
):
    path = saved(tmp_path / "a.jsonl", [CHATS[shape], record])
    with pytest.raises(DataError) as caught:
        list(rows(path, shape))
    assert words in str(caught.value)
    assert f"{path}:2" in str(caught.value)
    assert "Hopper" not in str(caught.value)
