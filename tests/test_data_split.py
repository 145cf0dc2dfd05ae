from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.config import DataSection, SourceSection
from medtune.data.duplicates import Inputs, Numbering
from medtune.data.gather import Entry, Size, entry_of
from medtune.data.shingles import input_text
from medtune.data.split import Division, divide, draw, find_conflicts, leaking
from medtune.errors import ConfigError, DataError
from medtune.records import SPLITS, Example

SOURCES = (SourceSection(source="path:a.csv"),)
SECRET = "Mrs Hopper"


def section(**settings) -> DataSection:
    return DataSection(sources=SOURCES, **settings)


def record(n, *, group=None, text=None, split=None, target="a") -> Example:
    words = text or " ".join(f"word{n}x{k}" for k in range(8))
    return Example(
        id=f"r{n}", group=group or f"p{n}", fields={"t": words}, target=target, split=split
    )


def entries_of(examples, threshold=0.8) -> tuple[list[Entry], Inputs]:
    numbering = Numbering()
    entries = [entry_of(e, numbering.number(input_text(e.fields)), Size(10, 1)) for e in examples]
    return entries, numbering.index(threshold)


def divided(examples, seed=0, **settings) -> Division:
    data = section(**settings)
    return divide(*entries_of(examples, data.near_duplicate), data, seed)


def where(division: Division) -> dict[str, str]:
    return {e.id: split for split in SPLITS for e in division.splits[split]}


def many(n=200, per_group=2) -> list[Example]:
    return [record(i, group=f"p{i // per_group}") for i in range(n)]


def text_of(topic: int, tail: int) -> str:
    """Texts of one topic are near to each other; those of two topics share no word."""
    return " ".join([*(f"t{topic}w{k}" for k in range(40)), *(f"tail{n}" for n in range(tail))])


records = st.lists(
    st.builds(
        lambda patient, topic, tail: (patient, topic, tail),
        st.integers(0, 60),
        st.integers(0, 40),
        st.integers(0, 2),
    ),
    min_size=80,
    max_size=120,
    unique=True,
)


def build(parts) -> list[Example]:
    return [
        record(f"{p}-{t}-{k}", group=f"p{p:02}", text=text_of(100 * p + t, k)) for p, t, k in parts
    ]


@settings(max_examples=12)
@given(records, st.integers(0, 5))
def test_a_group_never_spans_two_splits_and_nothing_is_lost(parts, seed):
    examples = build(parts)
    division = divided(examples, seed, validation=0.3, test=0.3)
    splits = where(division)
    of_group = defaultdict(set)
    for e in examples:
        of_group[e.group].add(splits[e.id])
    assert set(splits) | set(division.removed) == {e.id for e in examples}
    assert all(len(found) == 1 for found in of_group.values())


@settings(max_examples=12)
@given(records, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order(parts, rng):
    examples = build(parts)
    shuffled = list(examples)
    rng.shuffle(shuffled)
    one, other = (
        divided(examples, validation=0.3, test=0.3),
        divided(shuffled, validation=0.3, test=0.3),
    )
    assert where(one) == where(other)
    assert (one.removed, one.joined) == (other.removed, other.joined)


@settings(max_examples=12)
@given(records, st.integers(1, 60))
def test_added_groups_leave_the_old_ones_where_they_were(parts, n_new):
    examples = build(parts)
    added = [record(f"new{n}", group=f"q{n}") for n in range(n_new)]
    before = where(divided(examples, validation=0.3, test=0.3))
    after = where(divided([*added, *examples], validation=0.3, test=0.3))
    assert {id: after[id] for id in before} == before


def test_shares_are_about_right_and_the_seed_changes_them():
    division = divided(many(3000, 1), validation=0.15, test=0.2)
    assert 375 < len(division.splits["validation"]) < 525
    assert 525 < len(division.splits["test"]) < 675
    assert where(division) != where(divided(many(3000, 1), 1, validation=0.15, test=0.2))


def test_a_known_split_never_changes():
    # If this fails, every user's sealed test has moved: raise the version and say so.
    splits = where(divided(many(12, 1), validation=0.3, test=0.3))
    assert "".join(splits[f"r{n}"][:2] for n in range(12)) == KNOWN


KNOWN = "trtrtetrtetrtetetrtrtrva"


def test_near_duplicates_of_different_patients_share_a_group_and_a_split():
    twins = [record(f"t{n}", group=f"z{n}", text=text_of(1, n % 2)) for n in range(40)]
    division = divided([*many(), *twins])
    kept = [e for s in SPLITS for e in division.splits[s] if e.group.startswith("z")]
    assert {e.group for e in kept} == {"z0"}
    assert len({where(division)[e.id] for e in kept}) == 1


def test_repeats_are_dropped_and_conflicts_are_kept_and_listed():
    text = "one and the same input text"
    examples = [
        *many(),
        record("b", text=text),
        record("a", text=text.upper(), group="other"),
        record("c", text=text, target="b"),
    ]
    division = divided(examples)
    assert division.removed == {"rb": "duplicate"}
    kept = [e for s in SPLITS for e in division.splits[s]]
    assert find_conflicts(kept) == ["ra", "rc"]


def test_a_patient_in_two_fixed_splits_is_refused_with_counts():
    examples = [
        *many(),
        *(record(f"x{n}", group=f"x{n // 2}", split=("train", "test")[n % 2]) for n in range(14)),
    ]
    with pytest.raises(DataError) as caught:
        divided(examples)
    message = str(caught.value)
    assert "7 of 7 groups are fixed in more than one split" in message
    assert "x0 (1 in test, 1 in train)" in message
    assert "x4" in message
    assert "x5" not in message


def test_a_fixed_test_stays_as_published_and_its_twins_leave_train():
    published = [record(f"t{n}", group=f"t{n}", split="test", text=text_of(n, 0)) for n in range(9)]
    repeat = record("again", group="t0", split="test", text=text_of(0, 0))
    near = record("near", text=text_of(3, 1))
    equal = record("equal", text=text_of(4, 0), split="train")
    same_patient = record("kin", group="t7")
    division = divided([*many(), *published, repeat, near, equal, same_patient], test=0)
    assert [e.id for e in division.splits["test"]] == [*(e.id for e in published), "ragain"]
    assert division.removed == {
        "rnear": "leak",
        "requal": "leak",
        "rkin": "group in a fixed split",
    }
    assert division.leaks == ["rt3", "rt4"]


def test_a_record_in_both_a_fixed_validation_and_a_fixed_test_is_reported():
    same = text_of(1, 0)
    fixed = [record("v", split="validation", text=same), record("t", split="test", text=same)]
    division = divided([*many(), *fixed])
    assert division.leaks == ["rv", "rt"]
    assert not division.removed
    assert [e.id for e in division.splits["test"]] == ["rt"]


def test_no_free_record_joins_a_fixed_split_even_with_a_share_for_it():
    fixed = [record(f"v{n}", split="validation") for n in range(5)]
    division = divided([*many(), *fixed], validation=0.4, test=0.2)
    assert {e.id for e in division.splits["validation"]} == {e.id for e in fixed}
    assert division.splits["test"]


def test_a_free_twin_of_a_record_fixed_in_train_goes_to_train():
    fixed = [record(f"f{n}", split="train", text=text_of(n, 0)) for n in range(30)]
    twins = [record(f"n{n}", text=text_of(n, 1)) for n in range(30)]
    splits = where(divided([*many(), *fixed, *twins], validation=0.3, test=0.3))
    assert {splits[e.id] for e in [*fixed, *twins]} == {"train"}


def test_the_leak_check_finds_what_is_planted():
    examples = [record("a", text=text_of(1, 0)), record("b", text=text_of(1, 1)), record("c")]
    entries, inputs = entries_of(examples)
    splits = {"train": entries[:1], "validation": entries[1:2], "test": entries[2:]}
    assert leaking(splits, inputs) == ["rb"]


def test_an_empty_split_says_what_to_do():
    with pytest.raises(
        DataError, match=r"no examples for validation and test: 1 groups.*add records"
    ):
        divided([record(1, group="p"), record(2, group="p")], seed=3)


def test_a_share_of_zero_without_a_fixed_split_is_refused():
    with pytest.raises(DataError, match=r"no examples for test.*data.test 0"):
        divided(many(), test=0)


def test_shares_must_leave_something_to_train_on():
    with pytest.raises(ConfigError, match=r"data.validation 0.5 and data.test 0.5"):
        divided(many(), validation=0.5, test=0.5)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 3))
def test_a_draw_is_stable_nested_and_order_free(few, more, seed):
    examples, _ = entries_of([record(n) for n in range(50)])
    small, large = (draw(examples, n, seed) for n in sorted((few, more)))
    assert {e.id for e in small} <= {e.id for e in large}
    assert {e.id for e in draw(examples[::-1], few, seed)} == {
        e.id for e in draw(examples, few, seed)
    }
    assert draw(examples, None, seed) == examples
    assert [e for e in examples if e in small] == small
