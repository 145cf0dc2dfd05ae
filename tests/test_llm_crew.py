"""A model with a crew lets it answer, puts the parts in order, and is never trained."""

from dataclasses import replace

import pytest
from tiny_tune import language_model, settings

from medtune.llm.generate import generate_ids
from medtune.llm.load import Crew, LanguageModel
from medtune.llm.render import Candidates
from medtune.llm.score import score_candidates
from medtune.pipeline.crew import Asker
from medtune.tune.lora import attached

PROMPTS = [[2 + n % 7, 5, 9, 11 + n, 4] for n in range(7)]
ITEMS = [Candidates(prompt, [[8, 1], [3, 3, 1]]) for prompt in PROMPTS]


@pytest.fixture(scope="module")
def alone() -> LanguageModel:
    return language_model()


@pytest.fixture(scope="module")
def crewed(alone: LanguageModel) -> LanguageModel:
    worker = object.__new__(Asker)
    worker._load = lambda adapter: alone

    def parts(what, items, *given):
        numbered = list(enumerate(items))
        for first in (2, 0, 1):  # in the order in which workers might be done
            yield worker.answer(what, None, dict(numbered[first::3]), given)

    crew = Crew(lambda *given: parts("score", *given), lambda *given: parts("write", *given))
    return replace(alone, crew=crew)


def test_a_crew_scores_and_writes_as_one_process_does(alone: LanguageModel, crewed: LanguageModel):
    done: list[int] = []
    ours = score_candidates(crewed, ITEMS, batch_tokens=64, advance=done.append)
    theirs = score_candidates(alone, ITEMS, batch_tokens=64, advance=lambda _: None)
    assert sum(done) == len(ITEMS)
    assert [pytest.approx(one, abs=1e-5) for one in theirs] == ours
    write = {"max_new_tokens": 5, "batch_tokens": 64, "advance": lambda _: None}
    assert generate_ids(crewed, PROMPTS, **write) == generate_ids(alone, PROMPTS, **write)


def test_a_model_with_a_crew_is_not_trained_for_the_crew_has_other_weights(crewed: LanguageModel):
    with pytest.raises(AssertionError, match="other weights"), attached(crewed, settings(), 0):
        pass
