import pytest
from tiny_data import SECRET, make_run, refused, rows, saved

from medtune.data import load_split
from medtune.errors import ConfigError, DataError


def test_an_empty_file_writes_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", [])
    assert "notes.jsonl: the file is empty" in refused(make_run(out, [path]), [path])


def test_a_wrong_encoding_writes_nothing(tmp_path, out):
    path = tmp_path / "notes.csv"
    path.write_bytes(f"id,patient,note,label,sex\n1,1,{SECRET} f\u00fcr,yes,f\n".encode("latin-1"))
    assert "notes.csv:2: not UTF-8 at byte" in refused(make_run(out, [path]), [path])


def test_rows_without_an_answer_are_named_by_place_and_id(tmp_path, out):
    records = rows()
    records[4] |= {"label": "", "note": SECRET}
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert "1 of 60 rows cannot be used (1 no answer)" in message
    assert "notes.jsonl:5: record r4: no answer" in message
    assert "data.bad_rows to 'drop'" in message


def test_an_over_long_row_is_named_and_not_cut(tmp_path, out):
    records = rows()
    records[7]["note"] = f"{SECRET} " * 600
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert (
        "1 of 60 records exceed model.context_tokens 512 (first: r7; the longest has 605)"
        in message
    )
    assert "set data.too_long to 'drop' or raise model.context_tokens" in message


def test_a_record_that_cannot_be_rendered_is_named(tmp_path, out):
    records = rows()
    records[7]["note"] = f"{SECRET} <|end|>"
    path = saved(tmp_path, "notes.jsonl", records)
    assert "cannot be written for the model: r7" in refused(make_run(out, [path]), [path])


def test_a_patient_in_two_fixed_splits_writes_nothing(tmp_path, out):
    paths = [saved(tmp_path, "a.jsonl", rows(10))]
    paths += [saved(tmp_path, "b.jsonl", [{**r, "id": f"b{r['id']}"} for r in rows(2)])]
    message = refused(make_run(out, paths, [{"split": "train"}, {"split": "test"}]), paths)
    assert "1 of 5 groups are fixed in more than one split: p0 (2 in test, 2 in train)" in message


def test_repeated_ids_are_named(tmp_path, out):
    records = rows()
    records[9]["id"] = records[8]["id"]
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert message == (
        "notes.jsonl: 1 ids name more than one record: r8; give every record an id of its own"
    )


def test_an_unknown_template_field_writes_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows())
    message = refused(make_run(out, [path], task={"input": "{notes}"}), [path], ConfigError)
    assert "task.input" in message
    assert "did you mean 'note'?" in message


def test_too_few_groups_write_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows(4))
    assert "2 groups are free to be divided" in refused(make_run(out, [path]), [path])


def test_nothing_left_says_why(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", [{**r, "label": "maybe"} for r in rows(4)])
    message = refused(make_run(out, [path], bad_rows="drop"), [path])
    assert "no record is left to learn from (4 unknown label)" in message


def test_a_source_whose_fixed_split_cannot_be_kept_is_named(tmp_path, out):
    good = saved(tmp_path, "good.jsonl", rows())
    bad = saved(tmp_path, "bad.jsonl", [{**r, "id": f"b{r['id']}", "label": "?"} for r in rows(2)])
    run = make_run(out, [good, bad], [{}, {"split": "test"}], bad_rows="drop", test=0)
    assert "no record came from bad.jsonl" in refused(run, [good, bad])


def test_loading_a_split_before_it_is_written_names_the_stage(out):
    with pytest.raises(DataError, match=r"test.jsonl: missing; run `medtune data`"):
        load_split(out, "test")
