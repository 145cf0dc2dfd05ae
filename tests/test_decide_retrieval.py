"""Retrieval searches with the question alone, and finds what is there."""

import dataclasses
import json

import pytest
from tiny_study import APP, examples

from medtune.artifacts import Recipe
from medtune.errors import ConfigError, DataError
from medtune.records import Example, Message
from medtune.ways import Asking, always, library, prompt_of, question_of, read_passages, wordings

TRAIN = examples(40, "train")


def choice_app(**changed):
    """A task where each record has options of its own."""
    fields = {
        "choices": lambda example: json.loads(example.fields["options"]),
        "prompt": lambda example: [
            Message("system", "Choose."),
            Message("user", f"{example.fields['text']}\n{example.fields['options']}"),
        ],
        "parse": lambda example, text: text,
    }
    return dataclasses.replace(APP, **(fields | changed))


def asking(wording, *, own=(), found=None, **recipe):
    """The task of the tests under a recipe."""
    made = Recipe(**({"shots": [], "passages": 0} | recipe), wording=wording, tried={}, n_search=0)
    return Asking(APP, prompt_of(APP, TRAIN, made, own), found, always).task


def record(i, options=("aspirin", "heparin")):
    return Example(
        id=f"r{i}",
        group=f"g{i}",
        fields={"text": f"Which drug thins blood in case {i}?", "options": json.dumps(options)},
        target=options[0],
    )


RECORDS = [record(i, (f"drug{i}", f"other{i}")) for i in range(20)]


def test_the_query_is_the_question_and_the_options_never_change_it():
    query = question_of(choice_app(), RECORDS)
    same = dataclasses.replace(
        RECORDS[3], fields={**RECORDS[3].fields, "options": json.dumps(["x1", "y1"])}
    )
    assert query(RECORDS[3]) == "Which drug thins blood in case 3?"
    assert query(same) == query(RECORDS[3])


def test_a_text_that_names_labels_all_records_share_is_still_the_question():
    query = question_of(APP, TRAIN)
    odd = dataclasses.replace(TRAIN[0], fields={"text": "yes, no, maybe: which?"})
    assert query(odd) == "yes, no, maybe: which?"


def test_an_application_that_puts_the_options_into_the_query_is_refused():
    leaky = choice_app(question=lambda example: " ".join(example.fields.values()))
    with pytest.raises(DataError, match="holds all their options"):
        library(leaky, RECORDS, [])


def test_the_nearest_training_examples_are_found_but_never_of_the_own_group():
    found = library(APP, TRAIN, [])
    asked = dataclasses.replace(TRAIN[5], id="new", group="new")
    words = found.words(asked)
    assert TRAIN[found.nearest(words, 1)[0]].target == TRAIN[5].target
    own = [TRAIN[i].group for i in found.nearest(words, 40, TRAIN[5].group)]
    assert TRAIN[5].group not in own
    put = found.around(words, 4)
    assert [message.role for message in put.turns] == ["user", "assistant"] * 4
    assert put.found[-1] == TRAIN[found.nearest(words, 1)[0]].id
    assert found.nearest(["zzz", "qqq"], 3) == []


def test_passages_are_paragraphs_or_lines_of_json(tmp_path):
    text = tmp_path / "guide.txt"
    text.write_text("One thing.\nStill one.\n\n\nAnother thing.\n", encoding="utf-8")
    assert read_passages(text) == ["One thing. Still one.", "Another thing."]
    rows = tmp_path / "guide.jsonl"
    rows.write_text('{"text": "' + "word " * 130 + '"}\n', encoding="utf-8")
    assert [len(part.split()) for part in read_passages(rows)] == [120, 10]
    rows.write_text('{"body": "x"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="no key 'text'"):
        read_passages(rows)
    text.write_text(" \n", encoding="utf-8")
    with pytest.raises(DataError, match="no text in it"):
        read_passages(text)


def test_the_passage_that_answers_is_put_before_the_question(tmp_path):
    path = tmp_path / "wards.txt"
    path.write_text(
        "\n\n".join(f"Code K{i} goes to ward {i % 3}." for i in range(30)), encoding="utf-8"
    )
    found = library(APP, TRAIN, [path])
    asked = Example("q", "q", {"text": "Where does code K17 go?"}, "yes")
    put = found.around(found.words(asked), 2)
    assert put.passages[-1] == "Code K17 goes to ward 2."
    assert put.found[-1] == "wards.txt#18"
    app = asking("as written", found=found, passages=1)
    question = app.prompt(asked)[-1].content
    assert question.startswith("Use these passages:\n- Code K17 goes to ward 2.\n\n")
    assert question.endswith("Where does code K17 go?")


def test_a_wording_moves_the_instruction_and_nothing_else():
    example = TRAIN[0]
    instruction, question = (message.content for message in APP.prompt(example))
    names = wordings(APP, TRAIN, ("Decide.",))
    assert names[:2] == ["as written", "own wording 1"]
    told = {
        name: [(m.role, m.content) for m in asking(name, own=("Decide.",)).prompt(example)]
        for name in names
    }
    assert told["as written"] == [("system", instruction), ("user", question)]
    assert told["own wording 1"] == [("system", "Decide."), ("user", question)]
    assert told["repeated after the question"][1] == ("user", f"{question}\n\n{instruction}")
    assert told["inside the question"] == [("user", f"{instruction}\n\n{question}")]


def test_an_instruction_that_was_taken_out_of_the_run_file_is_missed():
    with pytest.raises(ConfigError, match="number 2, which the decision chose"):
        asking("own wording 2", own=("Decide.",))


def test_worked_examples_are_turns_between_instruction_and_question():
    app = asking("as written", shots=[TRAIN[1].id, TRAIN[2].id])
    roles = [message.role for message in app.prompt(TRAIN[0])]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert app.prompt(TRAIN[0])[2].content == TRAIN[1].target


def test_a_task_without_an_instruction_has_one_wording():
    bare = dataclasses.replace(APP, prompt=lambda example: [Message("user", "Q")])
    assert wordings(bare, TRAIN, ()) == ["as written"]
