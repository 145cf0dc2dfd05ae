"""The features are numbers in range, and say the same wherever they are counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.features import (
    FEATURES,
    shared_instruction,
    summarise_features,
    text_features,
)
from medtune.records import Message


def test_features_of_a_known_text():
    assert text_features("ab 12 é") == {
        "characters": 7,
        "words": 3,
        "mean_word_length": pytest.approx(5 / 3),
        "digit_share": pytest.approx(2 / 7),
        "non_ascii_share": pytest.approx(1 / 7),
    }
    assert set(text_features("").values()) == {0.0}


@settings(max_examples=50)
@given(st.text())
def test_every_text_has_all_features_in_range(text: str):
    found = text_features(text)
    assert tuple(found) == FEATURES
    assert all(value >= 0 for value in found.values())
    assert found["digit_share"] <= 1
    assert found["non_ascii_share"] <= 1


def test_a_long_reference_is_thinned_and_keeps_its_ends():
    summary = summarise_features(["x" * (1 + n // 100) for n in range(6000)])["characters"]
    assert len(summary) == 5000
    assert (summary[0], summary[-1]) == (1, 60)
    assert summary == sorted(summary)


def test_an_instruction_is_one_only_if_all_prompts_share_it():
    def prompt(system: str) -> list[Message]:
        return [Message("system", system), Message("user", "x")]

    assert shared_instruction([prompt("a"), prompt("a")]) == "a"
    assert shared_instruction([prompt("a"), prompt("b")]) is None
    assert shared_instruction([prompt("a")]) is None
    assert shared_instruction([[Message("user", "x")]] * 2) is None
    assert shared_instruction([]) is None
