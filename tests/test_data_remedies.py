"""Remedies for bias at the source: train drawn anew, and twins of the other gender."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_data import make_run, prepared, rows, saved

from medtune.data import load_split
from medtune.data.remedies import Member, times
from medtune.data.twins import swapped, twin
from medtune.errors import ConfigError
from medtune.records import Example

members = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("yn")), min_size=20, max_size=200
).filter(lambda parts: len({s for s, _ in parts}) == 2)


def named(parts) -> list[Member]:
    return [Member(f"r{n}", s, y) for n, (s, y) in enumerate(parts)]


@settings(max_examples=60)
@given(members, st.integers(0, 3))
def test_reweighing_makes_the_label_independent_of_the_attribute(parts, seed):
    everyone = named(parts)
    copies = times(everyone, "reweigh", "sex", seed)
    n, values, labels = len(parts), Counter(s for s, _ in parts), Counter(y for _, y in parts)
    drawn = Counter()
    for m in everyone:
        drawn[m.value, m.label] += copies[m.id]
    for s, y in set(parts):
        assert abs(drawn[s, y] - values[s] * labels[y] / n) <= 0.5
    per_cell = {c: {copies[m.id] for m in everyone if (m.value, m.label) == c} for c in set(parts)}
    assert all(max(found) - min(found) <= 1 for found in per_cell.values())


@settings(max_examples=40)
@given(members, st.randoms(use_true_random=False))
def test_balancing_draws_each_value_as_often_whatever_the_order(parts, rng):
    everyone = named(parts)
    copies = times(everyone, "balance", "sex", 0)
    drawn = Counter()
    for m in everyone:
        drawn[m.value] += copies[m.id]
    assert abs(drawn["a"] - drawn["b"]) <= 1
    shuffled = list(everyone)
    rng.shuffle(shuffled)
    assert times(shuffled, "balance", "sex", 0) == copies


def test_a_record_without_the_attribute_stays_once_and_one_value_is_refused():
    copies = times(
        [*named([("a", "y")] * 3 + [("b", "n")]), Member("x", None, "y")], "balance", "sex", 0
    )
    assert copies["x"] == 1
    with pytest.raises(ConfigError, match=r"data\.remedy_by: 3 of 4 training records"):
        times([*named([("a", "y")] * 3), Member("x", None, "y")], "balance", "sex", 0)


def test_train_is_drawn_anew_and_the_held_splits_are_not(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows(120))
    prepared(make_run(out, [path]), [path])
    before = {s: load_split(out, s) for s in ("train", "validation", "test")}
    card = prepared(make_run(out, [path], remedy="balance", remedy_by="sex"), [path])
    train = load_split(out, "train")
    counts = Counter(e.subgroups["sex"] for e in train)
    assert abs(counts["f"] - counts["m"]) <= 1
    assert len({e.id for e in train}) == len(train) == card.splits["train"].kept
    assert {e.id.split("~")[0] for e in train} <= {e.id for e in before["train"]}
    assert [load_split(out, s) for s in ("validation", "test")] == [
        before["validation"],
        before["test"],
    ]
    assert "each value of sex is as frequent" in card.remedies[0]
    assert sum(card.labels["train"].values()) == len(train)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (
            "He told her that her son, John, was ill.",
            "She told him that his daughter, Linda, was ill.",
        ),
        ("The wife gave her to him.", "The husband gave him to her."),
        ("HIS mother; Mr. Smith said it was his.", "HER father; Ms. Smith said it was hers."),
        ("It hurts her.", "It hurts him."),
        ("James and Mary saw James.", "Mary and James saw Mary."),
        ("The heart rate is 72.", "The heart rate is 72."),
    ],
)
def test_every_gendered_word_is_exchanged_and_names_stay_consistent(text, other):
    assert swapped(text) == other


@pytest.mark.parametrize(
    "text",
    [
        "Patient with MS on interferon; MR imaging",
        "QRS 450 ms, PR 50ms, LAD stenosis, HE grade 2, AFP 1.5 MoM, HER2 and HER-2 positive",
        "The bundle of His, the His bundle, His-Purkinje delay, ablation of His",
        "Thomas test, Patrick's test, Paul-Bunnell test, Charles Bonnet syndrome",
        "I miss nothing; Mr imaging",
    ],
)
def test_medicine_that_looks_gendered_stays(text):
    assert swapped(text) == text


def test_words_beside_medicine_are_still_exchanged():
    mixed = "Ms Smith with MS: his bundle branch block; HE SAID SO; told HER that"
    other = "Mr Smith with MS: her bundle branch block; SHE SAID SO; told HIM that"
    assert swapped(mixed) == other


def test_a_label_stays_a_label_in_the_twin():
    def labels(example: Example) -> list[str]:
        return ["female", "male", "man"]

    one = record("She has a cough.")
    for target, kept in (("man", "man"), ("female", "male")):
        found = twin(replace(one, target=target), labels)
        assert found is not None
        assert found.target == kept
    free = twin(replace(one, target="a man"), labels)
    assert free is not None
    assert free.target == "a woman"


@given(
    st.lists(
        st.sampled_from(
            ["he", "she", "man", "women", "Mary", "John", "aunt", "pain", "is", "the", "sons"]
        ),
        max_size=12,
    )
)
def test_the_twin_of_a_twin_is_the_text(words):
    text = " ".join(words)
    assert swapped(swapped(text)) == text


def record(text: str) -> Example:
    return Example("r1", "p1", {"note": text}, "yes", subgroups={"sex": "f", "site": "north"})


def test_a_twin_has_its_own_id_the_group_and_the_other_attribute():
    found = twin(record("She has a cough."))
    assert found is not None
    assert (found.id, found.group, found.target) == ("r1~twin", "p1", "yes")
    assert found.fields == {"note": "He has a cough."}
    assert found.subgroups == {"sex": "m", "site": "north"}


@pytest.mark.parametrize(
    "text",
    [
        "The patient has a cough.",
        "She is pregnant.",
        "His prostate is large.",
        "She had a mammogram.",
    ],
)
def test_what_says_no_gender_or_is_about_one_sex_has_no_twin(text):
    assert twin(record(text)) is None


def test_twins_are_added_to_train_only_and_counted(tmp_path, out):
    records = [{**r, "note": f"He says {r['note']}"} for r in rows(60)]
    path = saved(tmp_path, "notes.jsonl", records)
    card = prepared(make_run(out, [path], counterfactual="gender"), [path])
    train = load_split(out, "train")
    own = [e for e in train if not e.id.endswith("~twin")]
    assert len(train) == 2 * len(own) == card.splits["train"].kept
    assert all(e.fields["note"].startswith(("He says", "She says")) for e in train)
    assert not any(e.id.endswith("~twin") for e in load_split(out, "test"))
    assert card.remedies[0].startswith(f"{len(own)} twins of the other gender")
    assert card.splits["train"].tokens == sum(len(e.fields["note"].split()) + 5 for e in train)


def test_a_twin_that_is_a_record_of_the_test_is_left_out(tmp_path, out):
    def of(split: str, word: str, n: int) -> list[dict]:
        notes = [" ".join(f"{word} had {split[0]}{k}x{i}" for i in range(9)) for k in range(n)]
        return [
            {"id": f"{split}{k}", "patient": f"{split}{k}", "note": note, "sex": "f"}
            | {"label": ("yes", "no")[k % 2]}
            for k, note in enumerate(notes)
        ]

    train = of("train", "She", 8)
    copies = [row | {"note": row["note"].replace("She", "He")} for row in of("train", "She", 3)]
    near = of("train", "He", 5)[3:]
    held = [*copies, *(row | {"note": row["note"] + " again"} for row in near)]
    for number, row in enumerate(held):
        row |= {"id": f"held{number}", "patient": f"held{number}"}
    names = {"train": train, "validation": of("validation", "They", 8), "test": held}
    paths = [saved(tmp_path, f"{name}.jsonl", some) for name, some in names.items()]
    sources = [{"split": name} for name in names]
    run = make_run(out, paths, sources, counterfactual="gender", near_duplicate=0.8)
    card = prepared(run, paths)
    twins = {e.id for e in load_split(out, "train") if e.id.endswith("~twin")}
    assert twins == {f"train{n}~twin" for n in (5, 6, 7)}
    assert card.remedies[0].startswith("3 twins of the other gender")
    assert card.remedies[1].startswith("5 twins were left out")
