import pytest
from test_custom import SECRET, TARGETS, loaded, make_run, record, refused

from medtune.apps.custom import build

BAD = [
    ("label", None, "no answer"),
    ("label", "  ", "no answer"),
    ("label", "yess", "unknown label: did you mean 'yes'?"),
    ("label", f"{SECRET} was seen again in the clinic today", "unknown label"),
    ("choice", f"{SECRET}", "answer not among the options"),
    ("choice", 3, "answer not among the options"),
    ("choice", "d", "answer not among the options"),
    ("number", f"{SECRET}", "answer not a number"),
    ("number", True, "answer not a number"),
    ("number", "1e999", "answer not a number"),
    ("spans", f"{SECRET}", "answer not a list of texts"),
    ("spans", [SECRET, 1], "answer not a list of texts"),
    ("json", [SECRET], "answer not an object"),
    ("json", {"name": SECRET}, "answer breaks task.json_schema"),
]


@pytest.mark.parametrize(("kind", "target", "says"), BAD)
def test_a_target_that_cannot_be_used_is_named_by_place_and_id(tmp_path, kind, target, says):
    records = [record(TARGETS[kind][0]), record(target, 1) | {"text": SECRET}]
    message = refused(tmp_path, records, make_run(kind))
    assert f"a.jsonl:2: record a.jsonl:2: {says}" in message
    assert "1 of 2 rows cannot be used" in message


@pytest.mark.parametrize(
    ("change", "settings", "says"),
    [
        ({"text": None}, {}, "no input: empty: text"),
        ({"text": " "}, {}, "no input: empty: text"),
        ({"key": None}, {"id": "key"}, "no id: column 'key' is empty"),
        ({"key": ""}, {"group": "key"}, "no group: column 'key' is empty"),
        ({"key": "31 May"}, {"time": "key"}, "time not in ISO 8601"),
    ],
)
def test_a_row_without_what_the_task_needs_is_named(tmp_path, change, settings, says):
    good = record("yes") | {"key": "2024-05-31"}
    message = refused(tmp_path, [good, good | change], make_run(**settings))
    assert says in message


def test_a_column_missing_from_a_later_row_is_named(tmp_path):
    message = refused(tmp_path, [record("yes"), {"label": "yes"}], make_run())
    assert "a column is missing: 'text'" in message


@pytest.mark.parametrize("options", [None, SECRET, [SECRET], [SECRET, SECRET.upper()], ["", "a"]])
def test_options_that_are_no_choice_are_refused(tmp_path, options):
    records = [record(0), record(0, 1) | {"options": options}]
    assert "a.jsonl:2: record a.jsonl:2: " in refused(tmp_path, records, make_run("choice"))


def test_the_refusal_counts_all_and_lists_ten(tmp_path):
    records = [record("yes"), *[record("typo")] * 12, record(None)]
    message = refused(tmp_path, records, make_run())
    assert "13 of 14 rows cannot be used (1 no answer, 12 unknown label)" in message
    assert message.count("record a.jsonl:") == 10
    assert message.endswith("and 3 more")


def test_dropped_rows_are_counted_by_reason_and_source(tmp_path):
    records = [record("yes"), record("typo"), record("typo"), record(None)]
    app, examples = loaded(tmp_path, records, make_run(bad_rows="drop"))
    assert [e.id for e in examples] == ["a.jsonl:1"]
    assert app.left_out([tmp_path / "a.jsonl"]) == {"a.jsonl": {"unknown label": 2, "no answer": 1}}
    assert build(make_run()).left_out is None
