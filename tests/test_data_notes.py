import pytest

from medtune.data import kind_of, rows
from medtune.data.sections import OTHER, PREAMBLE, header, split_sections
from medtune.errors import ConfigError, DataError

NOTE = """Seen in clinic.

CHIEF COMPLAINT
Chest pain.

HPI: 61-year-old with pain
for two days. Medications were taken.

**Assessment and Plan:** rest
SOMETHING ODD:
left as it is
3. Family history: none
- Examination: not a header in a list
"""


def test_a_note_is_cut_at_its_headers_and_no_line_is_lost():
    found = split_sections(NOTE)
    assert found == {
        PREAMBLE: "Seen in clinic.",
        "chief_complaint": "Chest pain.",
        "hpi": "61-year-old with pain\nfor two days. Medications were taken.",
        "assessment_and_plan": "rest",
        OTHER: "left as it is",
        "family_history": "none\n- Examination: not a header in a list",
    }


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("MEDICATIONS", "medications"),
        ("Current Medications:", "medications"),
        ("## Allergies", "allergies"),
        ("A/P: continue", "assessment_and_plan"),
        ("Medications were taken.", ""),
        ("The plan: rest", ""),
        ("- Plan: rest", ""),
        ("", ""),
    ],
)
def test_a_header_stands_alone_or_before_a_colon(line, section):
    assert header(line)[0] == section


def test_a_folder_of_notes_is_one_row_a_file(tmp_path):
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "b.txt").write_text(NOTE, encoding="utf-8")
    (tmp_path / "a.txt").write_text("\ufeffnothing but text", encoding="utf-8")
    (tmp_path / "c.md").write_text("no note")
    assert kind_of(tmp_path, "auto").name == "notes"
    first, second = rows(tmp_path, "auto")
    assert (first.values["file"], first.values["folder"]) == ("a", "")
    assert first.values["text"] == first.values["preamble"] == "nothing but text"
    assert first.values["medications"] == ""
    assert (second.values["file"], second.values["folder"]) == ("p1/b", "p1")
    assert second.values["text"] == NOTE


def test_a_note_in_another_encoding_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match="a folder, not a file"):
        list(rows(tmp_path, "auto"))
    (tmp_path / "note.doc").write_bytes(b"x")
    with pytest.raises(ConfigError, match="does not tell the format"):
        list(rows(tmp_path / "note.doc", "auto"))
    (tmp_path / "a.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(DataError, match=r"a.txt: not UTF-8 at byte 3"):
        list(rows(tmp_path, "auto"))
