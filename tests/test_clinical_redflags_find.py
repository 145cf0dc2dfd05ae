"""The automaton of the red flags, against trying every way through a phrase."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.redflags import lexicon
from medtune.clinical.redflags.lexicon import LONGEST_GAP, find, graph_of
from medtune.clinical.redflags.text import read

PHRASES = {"a": ["x (y|z)", "x * z", "x"], "b": ["y # z?", "z * y"], "c": ["x y * x y", "z * * x"]}


def walked(words: list[str], phrase: str) -> set[tuple[int, int]]:
    """Where a phrase stands, by trying every way: a gap takes up to three words."""
    forms = {"(y|z)": ("y", "z"), "#": ("1", "2")}

    def ends(place: int, items: list[str]) -> set[int]:
        if not items:
            return {place}
        item, rest = items[0], items[1:]
        if item == "*":
            skips = range(LONGEST_GAP + 1) if rest else (0,)
            return {end for n in skips if place + n <= len(words) for end in ends(place + n, rest)}
        found = ends(place, rest) if item.endswith("?") else set()
        wanted = forms.get(item, (item.rstrip("?"),))
        if place < len(words) and words[place] in wanted:
            found |= ends(place + 1, rest)
        return found

    return {(n, end) for n in range(len(words)) for end in ends(n, phrase.split()) if end > n}


@settings(max_examples=150)
@given(st.lists(st.sampled_from(["x", "y", "z", "1", "2", "other"]), max_size=9), st.booleans())
def test_the_automaton_finds_what_trying_every_way_finds(words, forgetful):
    text = read(" ".join(words))
    expected = {
        (name, start, max(end for first, end in places if first == start))
        for name, phrases in PHRASES.items()
        for places in [{place for phrase in phrases for place in walked(words, phrase)}]
        for start, _ in places
    }
    with pytest.MonkeyPatch.context() as patched:
        if forgetful:  # it starts anew all the time, and still finds the same
            patched.setattr(lexicon, "MOST_STATES", 2)
        found = find(text, graph_of(PHRASES, {}))
    assert {(one.concept, one.start, one.end) for one in found} == expected
