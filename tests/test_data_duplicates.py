import random
import time
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.data.duplicates import Clusters, Inputs, Numbering, cluster, near_pairs, near_to
from medtune.data.shingles import input_text

WORDS = [f"w{n}" for n in range(2000)]


class Text(NamedTuple):
    id: str
    group: str
    input: int


def example(id: str, text: str, group: str | None = None) -> tuple[str, str, str]:
    return id, group or id, text


def indexed(examples, threshold: float) -> tuple[list[Text], Inputs]:
    numbering = Numbering()
    texts = [
        Text(id, group, numbering.number(input_text({"t": text}))) for id, group, text in examples
    ]
    return texts, numbering.index(threshold)


def clustered(examples, threshold: float) -> Clusters:
    return cluster(*indexed(examples, threshold))


def sentence(rng: random.Random, n: int = 40) -> list[str]:
    return rng.choices(WORDS, k=n)


def test_input_text_ignores_case_width_spaces_and_the_order_of_the_fields():
    one = input_text({"b": "Two  words\n", "a": "\uff21 \ufb01t"})
    assert one == input_text({"a": "a FIT", "b": "two words"})
    assert one == "a fit\ntwo words"
    assert input_text({"a": "x", "b": "y z"}) != input_text({"a": "x y", "b": "z"})


def test_marks_around_other_entities_make_a_near_but_not_an_equal_input():
    one = example("1", "<< aspirin >> inhibits [[ COX-1 ]] and COX-2 in human platelets")
    other = example("2", "<< aspirin >> inhibits COX-1 and [[ COX-2 ]] in human platelets")
    texts, inputs = indexed([one, other], 0.8)
    assert texts[0].input != texts[1].input
    assert cluster(texts, inputs).key == {"1": "1", "2": "1"}


def test_a_short_input_is_near_only_to_the_same_words():
    examples = [
        example("1", "no acute distress"),
        example("2", "No acute distress!"),
        example("3", "acute distress"),
    ]
    assert clustered(examples, 0.5).key == {"1": "1", "2": "1", "3": "3"}


def test_inputs_without_any_word_are_compared_whole():
    examples = [example("1", "+ + +"), example("2", "- - -")]
    assert clustered(examples, 0.5).joined == 0


def test_a_chinese_sentence_has_words():
    text = "患者主诉胸痛三天伴有呼吸困难和发热"
    examples = [example("1", text), example("2", text + "。另"), example("3", text[::-1])]
    assert clustered(examples, 0.8).key["2"] == "1"
    assert clustered(examples, 0.8).key["3"] == "3"


def jaccard(one: str, other: str) -> float:
    a, b = ({tuple(t.split()[n : n + 5]) for n in range(len(t.split()) - 4)} for t in (one, other))
    return len(a & b) / len(a | b)


def test_near_means_the_true_jaccard_similarity_and_almost_no_pair_is_missed():
    rng = random.Random(0)
    wanted = missed = wrong = 0
    for trial in range(120):
        words = sentence(rng)
        changed = list(words)
        for _ in range(trial % 3):
            changed[rng.randrange(len(changed))] = "changed"
        pair = [example("1", " ".join(words)), example("2", " ".join(changed))]
        found = clustered(pair, 0.7).joined == 1 or words == changed
        true = jaccard(" ".join(words), " ".join(changed)) >= 0.7
        wanted += true
        missed += true and not found
        wrong += found and not true
    assert wanted > 40
    assert wrong == 0
    assert missed <= 1


def test_a_chain_of_near_inputs_is_one_cluster_keyed_by_its_smallest_group():
    words = sentence(random.Random(1), 60)
    chain = [example(g, " ".join(words[n * 4 : n * 4 + 44]), g) for n, g in enumerate("dbca")]
    found = clustered(chain, 0.8)
    assert set(found.key.values()) == {"a"}
    assert found.joined == 3


def test_one_input_in_two_groups_joins_them():
    both = [
        example("1", "the same text here now", "p1"),
        example("2", "The same text here now", "p2"),
    ]
    assert clustered(both, 0.8) == ({"p1": "p1", "p2": "p1"}, 1)


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order(rng):
    texts = [sentence(random.Random(n % 4), 30) for n in range(12)]
    examples = [
        example(f"r{n}", " ".join([*words, *["tail"] * (n % 3)]), f"g{n % 7}")
        for n, words in enumerate(texts)
    ]
    shuffled = list(examples)
    rng.shuffle(shuffled)
    one = clustered(examples, 0.8)
    other = clustered(shuffled, 0.8)
    assert dict(one.key) == dict(other.key)
    assert one.joined == other.joined


def test_near_to_finds_equal_and_near_inputs_and_no_others():
    rng = random.Random(2)
    words = sentence(rng)
    texts = [
        " ".join(words),
        " ".join([*words, "more"]),
        " ".join(sentence(rng)),
        "alone it stands",
    ]
    examples = [example(str(n), text) for n, text in enumerate(texts)]
    _, inputs = indexed(examples, 0.8)
    assert near_to({1, 2, 3}, {0, 3}, inputs) == {1, 3}
    assert near_to({0, 2}, {1, 3}, inputs) == {0}
    assert near_to(set(), {1}, inputs) == set()


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=14), max_size=30),
    st.sampled_from((0.2, 0.5, 0.8, 1.0)),
    st.randoms(use_true_random=False),
)
def test_exactly_the_pairs_of_that_jaccard_similarity_are_near(texts, threshold, rng):
    copies = [[*rng.choice(texts), "e"] for _ in range(30)] if texts else []
    examples = [example(str(n), " ".join(words)) for n, words in enumerate(texts + copies)]
    numbered, inputs = indexed(examples, threshold)
    distinct = {text.input: examples[n][2] for n, text in enumerate(numbered)}
    label = np.arange(len(inputs))
    found = {frozenset(pair) for pair in near_pairs(inputs, label)}
    wanted = {
        frozenset((a, b))
        for a, b in combinations(distinct, 2)
        if shared_share(distinct[a], distinct[b]) >= threshold - 1e-12
    }
    assert found == wanted


def shared_share(one: str, other: str) -> float:
    """Jaccard similarity of word 5-grams, or of the whole text if it is shorter."""
    a, b = (
        {tuple(words[n : n + 5]) for n in range(max(1, len(words) - 4))}
        for words in (one.split(), other.split())
    )
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("changed", [20, 22, 24, 40])
def test_thousands_of_copies_just_below_the_threshold_take_seconds(changed):
    rng = random.Random(4)
    template = " ".join(sentence(rng, 200 - changed))
    examples = [
        example(str(k), f"{template} {' '.join(f'u{k}x{n}' for n in range(changed))}")
        for k in range(3_000)
    ]
    started = time.process_time()
    joined = clustered(examples, 0.8).joined
    assert time.process_time() - started < 15
    assert joined == (2_999 if changed == 20 else 0)


@pytest.mark.parametrize(("n", "kind"), [(16_000, "unlike"), (4_000, "one template")])
def test_thousands_of_short_records_take_seconds(n, kind):
    rng = random.Random(3)
    template = " ".join(sentence(rng, 16))
    texts = {
        "unlike": (" ".join(sentence(rng, 14)) for _ in range(n)),
        "one template": (f"{template} {k}" for k in range(n)),
    }
    examples = [example(str(k), text) for k, text in enumerate(texts[kind])]
    started = time.process_time()
    found = clustered(examples, 0.8)
    assert time.process_time() - started < 30
    assert found.joined == (0 if kind == "unlike" else n - 1)
