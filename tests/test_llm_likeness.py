"""Alike hidden states: a description, with known ends."""

from collections.abc import Iterator

import pytest
from tiny_llm import one_thread
from tiny_study import tiny_model

from medtune.config import EvaluateSection
from medtune.evaluate import subject_of
from medtune.llm.likeness import cosines
from medtune.llm.load import LanguageModel


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    with one_thread():
        yield tiny_model(tmp_path_factory.mktemp("models"))


def test_a_text_is_like_itself_and_an_empty_one_like_none(lm: LanguageModel) -> None:
    pairs = [("aspirin", "aspirin"), ("aspirin", "The tumour causes pain"), ("aspirin", " ")]
    same, other, empty = cosines(lm, pairs, advance=lambda _: None)
    assert same == pytest.approx(1)
    assert -1 <= other < 1
    assert empty == 0


def test_a_model_is_a_subject_with_four_ways_to_be_asked(lm: LanguageModel) -> None:
    subject = subject_of(lm, "base", EvaluateSection(max_new_tokens=4))
    ((one, other),) = subject.score([([], ["aspirin", "pain"])])
    assert max(one, other) < 0
    assert len(subject.write([[], []])) == 2
    assert subject.liken([("a", "a")]) == [pytest.approx(1)]
