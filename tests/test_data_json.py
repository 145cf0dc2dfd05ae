import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data import json_files, rows
from medtune.errors import DataError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@settings(max_examples=20)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), min_size=1),
    st.integers(1, 9),
)
def test_a_list_is_read_in_pieces_of_any_size(tmp_path_factory, records, piece):
    path = tmp_path_factory.getbasetemp() / "a.json"
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")
    whole = json_files.PIECE
    json_files.PIECE = piece
    try:
        assert [row.values for row in rows(path, "json")] == records
    finally:
        json_files.PIECE = whole


def test_one_object_is_one_row(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}', encoding="utf-8")
    (row,) = rows(path, "auto")
    assert row.values == {"a": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[{"a": 1}, {"a": ', "breaks off"),
        ('[{"a": 1} {"a": }]', "not JSON from this record on"),
        ('[{"a": 1}] [{"a": 2}]', "goes on after the end"),
        ('[{"a": NaN}]', "NaN"),
        ("[1, 2]", "not a JSON object"),
        ('"x"', "not a JSON object"),
        ('{"a": ', "not JSON"),
        ("", "the file is empty"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(tmp_path, text, words):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        list(rows(path, "json"))


def test_a_list_in_another_encoding_is_refused_with_its_byte(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes('[{"a": "café"}]'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8 at byte 11"):
        list(rows(path, "json"))
