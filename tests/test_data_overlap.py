"""Overlap with evaluation sets: planted, and as published."""

import os
from pathlib import Path

import pytest
import tiny_data
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.config import EvaluateSection
from medtune.data import rows
from medtune.data.checks.overlaps import contamination
from medtune.data.checks.people import representation
from medtune.data.overlap import COMMON, HOLDS, Item, find_overlaps, is_long_enough, item_of
from medtune.data.references import OWN, Reference
from medtune.data.row import Row
from medtune.records import Example

SHARED = Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def words(n: int, name: str = "w") -> str:
    return " ".join(f"{name}{k}" for k in range(n))


def found(texts: list[str], items: list[str]) -> dict[tuple[str, str], float]:
    records = [(str(n), [text]) for n, text in enumerate(texts)]
    listed = [Item("set", str(n), [text]) for n, text in enumerate(items)]
    return {(one.id, one.item): round(one.share, 2) for one in find_overlaps(records, listed)}


def test_an_item_inside_a_longer_record_is_found_whatever_its_case_and_marks():
    item = words(20)
    record = f"Before it {item.upper().replace(' ', ', ')}! And after."
    assert found([record, words(30, "other")], [item]) == {("0", "0"): 1.0}


def test_half_an_item_counts_half_and_a_phrase_does_not_count():
    item = words(40)  # 28 runs of 13
    assert found([words(26)], [item]) == {("0", "0"): 0.5}
    assert found([words(15)], [item]) == {}


def test_a_short_item_is_one_run_and_a_shorter_one_none():
    assert found([f"x {words(8)} y"], [words(8), words(7)]) == {("0", "0"): 1.0}
    # The beginning of a run of 13 is not the item of 8.
    assert found([words(8)], [words(13)]) == {}


def test_a_run_that_many_items_share_is_no_evidence():
    stem = words(14, "which of the following")
    items = [f"{stem} {words(3, f'end{n}')}" for n in range(COMMON + 1)]
    assert found([stem], items) == {}
    assert found([items[3]], items) == {("0", "3"): 1.0}


@settings(max_examples=30)
@given(st.integers(0, 25), st.integers(13, 40))
def test_the_share_is_that_of_the_runs_which_the_record_holds(start, length):
    item = words(60).split()
    record = " ".join(item[start : start + length])
    runs = len(record.split()) - 12
    expected = {("0", "0"): round(runs / 48, 2)} if runs / 48 >= 0.2 else {}
    assert found([record], [" ".join(item)]) == expected


def test_all_texts_of_a_row_are_the_item():
    row = Row({"q": words(9), "options": ["no", {"a": words(9, "v")}], "n": 3}, "a/set.jsonl:4")
    assert item_of("set", row) == Item("set", "set.jsonl:4", [words(9), "no", words(9, "v")])


def test_a_check_that_compared_nothing_does_not_pass():
    short = Item("exam", "1", ["chest pain", "a cough"])
    assert not is_long_enough(short)
    assert is_long_enough(Item("exam", "2", [words(8)]))
    assert Reference(short, []).is_comparable is False
    nothing = contamination([], {"exam": 0}, 0)
    assert (nothing.outcome, nothing.found[:20]) == ("not_run", "no item of exam has ")
    assert contamination([], {"exam": 3}, 0).outcome == "pass"
    people = [Example("r1", "p1", {"t": "x"}, "y", subgroups={"sex": "f"})]
    other = representation(people, {"gender": {"f": 0.5}}, "census")
    assert other.outcome == "not_run"
    assert "no record has gender" in other.found
    assert "the records have (sex)" in other.found


FACT = {"id": "f1", "question": "Which drug is first?", "answer": "a", "other": ["b"],
        "superseded": [], "source": "a guideline", "valid_from": "2021-05-18"}  # fmt: skip
ITEM = {
    "id": "q1",
    "area": "own",
    "question": "Why is it so?",
    "options": ["a", "b"],
    "answer": "b",
}
EARLIER = {"note": " ".join(f"word{n}" for n in range(12)), "label": "yes"}
OWN_ITEM = "What is two plus three?"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Why is it so?", "battery.jsonl"),
        ("Which drug is first? a b", "facts.jsonl"),
        (f"{EARLIER['note']} and", "earlier.jsonl"),
        (OWN_ITEM, OWN),
        ("A note like no other.", ""),
    ],
)
def test_train_is_compared_with_every_evaluation_set_in_use(tmp_path, out, text, reference):
    records = tiny_data.rows()
    for row in records:
        row["note"] = text if row["id"] == "r0" else row["note"]
    source = tiny_data.saved(tmp_path, "notes.jsonl", records)
    files = {"earlier.jsonl": EARLIER, "battery.jsonl": ITEM, "facts.jsonl": FACT}
    named = [tiny_data.saved(tmp_path, name, [row]) for name, row in files.items()]
    sections = [{"source": f"path:{path}"} for path in named]
    run = tiny_data.make_run(out, [source], check_against=sections[:1])
    evaluate = EvaluateSection.model_validate(
        {"retention": sections[1:2], "dated_facts": sections[2:]}
    )
    run = run.model_copy(update={"evaluate": evaluate})
    assert [one.source for one in run.evaluation_sets] == [one["source"] for one in sections]
    card = tiny_data.prepared(run, [source, *named])
    (found,) = [check for check in card.checks if check.name == "contamination"]
    assert (found.outcome, found.ids) == (("fail", ["r0"]) if reference else ("pass", []))
    listed = [f"{name} (1 items)" for name in files] + [f"{OWN} (160 items)"]
    assert all(one in found.found for one in listed)


def holding(texts: list[tuple[str, str]], items: list[tuple[str, str]]) -> set[tuple[str, str]]:
    listed = [Item("set", name, [text]) for name, text in items]
    overlaps = find_overlaps([(name, [text]) for name, text in texts], listed)
    return {(one.id, one.item) for one in overlaps if one.share >= HOLDS}


def column(path: Path, name: str, text: str) -> list[tuple[str, str]]:
    if not path.is_file():
        pytest.skip(f"{path.name} is not in data/ of MEDTUNE_SHARED or ../shared")
    kind = "csv" if path.suffix == ".csv" else "jsonl"
    return [(str(row.values[name]), str(row.values[text])) for row in rows(path, kind)]


def test_the_dialogues_that_mts_dialog_repeats_are_found():
    folder = SHARED / "mts-dialog/Main-Dataset"
    train = column(folder / "MTS-Dialog-TrainingSet.csv", "ID", "dialogue")
    validation = column(folder / "MTS-Dialog-ValidationSet.csv", "ID", "dialogue")
    test = column(folder / "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv", "ID", "dialogue")
    assert holding(train, validation) == {("56", "58"), ("284", "4")}
    assert {name for name, _ in holding(train, test)} == {"318", "926"}


def test_the_vignettes_of_medqa_in_medec_are_found():
    notes = column(
        SHARED / "medec/MEDEC-MS/MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv",
        "Text ID",
        "Text",
    )
    exam = column(SHARED / "medqa-us/data_clean/questions/US/dev.jsonl", "question", "question")
    overlaps = holding(notes, exam)
    assert len({note for note, _ in overlaps}) == 44
    assert len({item for _, item in overlaps}) == 26
