from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medtune.data import rows
from medtune.data.readers import source_names
from medtune.errors import ConfigError, DataError

SECRET = "Mrs Hopper, 61"


def saved(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def fault(path: Path, format: str = "auto") -> str:
    with pytest.raises(DataError) as caught:
        list(rows(path, format))
    assert SECRET not in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_jsonl_rows_keep_types_and_know_their_line(tmp_path):
    path = saved(tmp_path, "a.jsonl", '{"text": "a", "n": 1.5}\n\n{"text": null, "n": [1]}\n')
    read = list(rows(path, "auto"))
    assert [row.values for row in read] == [{"text": "a", "n": 1.5}, {"text": None, "n": [1]}]
    assert [row.where for row in read] == [f"{path}:1", f"{path}:3"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_is_read_with_its_separator_and_a_byte_order_mark(tmp_path, separator):
    text = "\ufeffid|note|label\r\n1|two, parts; of\ta note|yes\r\n".replace("|", separator)
    quoted = text.replace("two, parts; of\ta note", '"two, parts; of\ta note"')
    (row,) = rows(saved(tmp_path, "a.csv", quoted), "auto")
    assert row.values == {"id": "1", "note": "two, parts; of\ta note", "label": "yes"}


def test_a_csv_field_may_span_lines_and_a_row_is_named_by_its_first(tmp_path):
    path = saved(tmp_path, "a.csv", 'id,note\n1,"two\nlines"\n\n2,one\n')
    read = list(rows(path, "auto"))
    assert read[0].values["note"] == "two\nlines"
    assert [row.where for row in read] == [f"{path}:2", f"{path}:5"]


def test_parquet_is_read_in_batches_with_plain_values(tmp_path):
    path = tmp_path / "a.parquet"
    n = 2500
    table = pa.table(
        {
            "id": list(range(n)),
            "day": [date(2024, 5, 31)] * n,
            "dose": [Decimal("2.5")] * n,
            "gap": [float("nan")] * n,
            "options": [["a", "b"]] * n,
        }
    )
    pq.write_table(table, path)
    read = list(rows(path, "auto"))
    assert len(read) == n
    assert read[-1].values == {
        "id": n - 1,
        "day": "2024-05-31",
        "dose": 2.5,
        "gap": None,
        "options": ["a", "b"],
    }
    assert read[-1].where == f"{path}:{n}"


def test_parquet_with_bytes_names_the_column(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"scan": [SECRET.encode()]}), path)
    assert "column 'scan'" in fault(path)


@pytest.mark.parametrize("content", ["", "\n \n", "id,note\n"], ids=["no bytes", "blank", "header"])
@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_an_empty_file_is_named(tmp_path, format, content):
    if format == "jsonl" and content.startswith("id"):
        content = "\n"
    if format == "csv" and content == "\n \n":
        content = "\n\n"
    assert "the file is empty" in fault(saved(tmp_path, "a.txt", content), format)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_wrong_encoding_is_named_by_line_and_byte(tmp_path, format):
    good = b'{"t": "ok"}\n' if format == "jsonl" else b"t,u\n1,2\n"
    bad = f'{{"t": "{SECRET} caf\u00e9"}}\n'.encode("latin-1")
    message = fault(saved(tmp_path, "a.txt", good + bad), format)
    line = len(good.splitlines()) + 1
    assert f":{line}: not UTF-8 at byte {(good + bad).index(0xE9)} " in message


def test_utf_16_is_a_wrong_encoding(tmp_path):
    assert "not UTF-8 at byte 0" in fault(saved(tmp_path, "a.csv", "t,u\n".encode("utf-16")))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f'{{"text": "{SECRET}"', "not JSON at column"),
        (f'["{SECRET}"]', "not a JSON object"),
        (f'{{"text": "{SECRET}", "n": NaN}}', "NaN"),
        ("[" * 100_000, "deep"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path, line, says):
    message = fault(saved(tmp_path, "a.jsonl", '{"text": "ok"}\n' + line + "\n"))
    assert ":2: " in message
    assert says in message


def test_a_csv_row_with_too_many_columns_is_named(tmp_path):
    message = fault(saved(tmp_path, "a.csv", f"id,note\n1,a\n2,{SECRET},x\n"))
    assert ":3: 4 columns where the header has 2" in message


def test_an_unclosed_quote_is_named_by_where_it_opens(tmp_path):
    message = fault(saved(tmp_path, "a.csv", f'id,note\n1,a\n2,"{SECRET}\n3,b\n'))
    assert ":3: not CSV" in message


def test_a_header_with_a_repeated_or_empty_name_is_refused_without_showing_it(tmp_path):
    assert "columns 1 and 3" in fault(saved(tmp_path, "a.csv", "Hopper,b,Hopper\n1,2,3\n"))
    assert "column 2 of the header" in fault(saved(tmp_path, "b.csv", "a,,c\n1,2,3\n"))


def test_a_broken_parquet_file_is_named(tmp_path):
    assert "Parquet" in fault(saved(tmp_path, "a.parquet", "PAR1 no"))


def test_an_unknown_suffix_asks_for_the_format(tmp_path):
    with pytest.raises(ConfigError, match=r"'.xlsx'.*format: jsonl, json, csv or parquet"):
        list(rows(saved(tmp_path, "a.xlsx", "x"), "auto"))


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    assert "no such file" in fault(tmp_path / "none.csv")
    (tmp_path / "b.csv").mkdir()
    assert "a folder" in fault(tmp_path / "b.csv")


def test_sources_have_different_names():
    paths = [Path("x/a.csv"), Path("y/a.csv"), Path("y/a.csv"), Path("b.csv")]
    assert source_names(paths) == ["x/a.csv", "y/a.csv#2", "y/a.csv#3", "b.csv"]
