"""Splits by time."""

from datetime import date, timedelta

import pytest
from faults.data.entries import entries_of
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.config import DataSection
from medtune.data.split import Division, divide
from medtune.errors import DataError
from medtune.records import SPLITS, Example

DAY = date(2023, 1, 1)


def section(**settings) -> DataSection:
    sources = [{"source": "path:a.csv"}]
    return DataSection.model_validate({"sources": sources, "split_by": "time", **settings})


def record(n, day: int | None, group=None, split=None) -> Example:
    words = " ".join(f"word{n}x{k}" for k in range(8))
    time = None if day is None else (DAY + timedelta(days=day)).isoformat()
    return Example(f"r{n}", group or f"p{n}", {"t": words}, "a", split=split, time=time)


def divided(examples, **settings) -> Division:
    return divide(*entries_of(examples), section(**settings), seed=0)


visits = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 400)), min_size=60, max_size=90, unique=True
)


@settings(max_examples=20)
@given(visits, st.booleans())
def test_train_is_before_validation_and_validation_before_test_and_no_patient_is_in_two(
    parts, dated
):
    cuts = {"validation_from": "2023-05-01", "test_from": "2023-09-01"} if dated else {}
    examples = [record(f"{p}-{d}", d, f"p{p}") for p, d in parts]
    examples += [record(f"only{n}", 40 * n, f"only{n}") for n in range(10)]
    found = divided(examples, **cuts)
    times = {s: [e.time or "" for e in found.splits[s]] for s in SPLITS}
    assert max(times["train"]) < found.cuts["validation"] <= min(times["validation"])
    assert max(times["validation"]) < found.cuts["test"] <= min(times["test"])
    groups = [{e.group for e in found.splits[s]} for s in SPLITS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    kept = {e.id for s in SPLITS for e in found.splits[s]}
    assert kept | set(found.removed) == {e.id for e in examples}
    assert set(found.removed.values()) <= {"later than its split"}


def test_later_records_leave_the_old_ones_where_they_were_when_the_run_file_has_the_dates():
    cuts = {"validation_from": "2023-05-01", "test_from": "2023-09-01"}
    old = [record(n, 4 * n, f"p{n // 2}") for n in range(100)]
    new = [record(f"n{n}", 300 + n, f"p{n}") for n in range(40)]

    def where(examples):
        found = divided(examples, **cuts)
        return {e.id: s for s in SPLITS for e in found.splits[s]}

    before, after = where(old), where([*new, *old])
    assert {name: after[name] for name in before} == before


def test_shares_say_how_many_groups_come_after_each_cut():
    found = divided([record(n, n) for n in range(100)], validation=0.2, test=0.1)
    assert [len(found.splits[s]) for s in SPLITS] == [70, 20, 10]
    assert found.cuts == {"validation": "2023-03-12", "test": "2023-04-01"}


def test_a_record_fixed_in_train_stays_there_and_a_record_without_a_date_is_refused():
    examples = [record(n, n) for n in range(100)]
    found = divided([*examples, record("late", 300, split="train")])
    assert "rlate" in {e.id for e in found.splits["train"]}
    with pytest.raises(DataError, match="1 of 101 records have no ISO date: rnone"):
        divided([*examples, record("none", None)])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"split_by": "group", "test_from": "2023-01-01"}, "need split_by: time"),
        ({"validation_from": "2023-02-01", "test_from": "2023-01-01"}, "must not be later"),
        ({"remedy": "balance"}, "need each other"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        section(**settings)
