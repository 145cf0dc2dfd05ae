"""Read messages for red flags: which rules are met, how urgent, about whom; and what was silenced.

Deterministic: the same message and tables give the same answer. Nothing found means that no rule
was met, never that all is well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from medtune.clinical.redflags.context import Cues, Status, Who, status_of, who_of
from medtune.clinical.redflags.lexicon import Found, find
from medtune.clinical.redflags.numbers import find_numbers
from medtune.clinical.redflags.person import BEARING, bearers_of, is_of_another
from medtune.clinical.redflags.rules import Alternative, Near, Rule, RuleBook, rule_book
from medtune.clinical.redflags.text import Text, pieces, read, speller
from medtune.clinical.urgency import Urgency, most_urgent

NEAR = 6
"""Words between two concepts that stand near each other."""
TURNS_BACK = 6
"""User turns before the last that a rule over several turns may reach back to."""
KINDS = ("body", "suicide", "violence", "poison", "mind", "abuse")
"""The order of what is equally urgent."""
MIND = frozenset({"suicide", "mind", "violence"})


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that was met, or would have been but for its context. Its `repr` shows no text."""

    rule: Rule = field(repr=False)
    status: Status
    who: Who
    rule_id: str
    turn: int
    """Of the first concept, from 0."""

    @property
    def is_active(self) -> bool:
        """Whether the context lets the rule count."""
        if self.rule.only:
            return self.status in self.rule.only
        return self.status == "present" or self.status in self.rule.counts


@dataclass(frozen=True, slots=True)
class Triage:
    """What the rules say of a message or a conversation."""

    hits: tuple[Hit, ...]
    """Rules that count, the most urgent first."""
    silenced: tuple[Hit, ...]
    """Rules that a context silenced: for a reviewer."""

    @property
    def level(self) -> Urgency | None:
        """The most urgent level, or None: no rule was met, which is no reassurance."""
        return most_urgent(*(hit.rule.urgency for hit in self.hits))

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The rules that count, by id."""
        return tuple(hit.rule_id for hit in self.hits)

    @property
    def first(self) -> Rule | None:
        """The rule whose action leads the answer: life in danger first, then the most urgent."""
        return self.hits[0].rule if self.hits else None

    def kinds(self) -> frozenset[str]:
        """The kinds of the rules that count: body, suicide, poison, violence, mind, abuse."""
        return frozenset(hit.rule.kind for hit in self.hits)


class _Turn(NamedTuple):
    """A message, or a piece of a long one."""

    number: int
    cues: Cues


class _Option(NamedTuple):
    """A part of an alternative, found in one sentence."""

    status: Status
    turn: _Turn
    place: Found
    """Of the first concept."""


def triage(text: str, own: tuple[Path, ...] = ()) -> Triage:
    """The red flags of one message.

    Args:
        text: What somebody wrote.
        own: Further tables of the user; see `rules.rule_book`.

    Raises:
        ConfigError: A table is not what it should be.
    """
    return triage_turns([text], own)


def triage_turns(texts: Sequence[str], own: tuple[Path, ...] = (), *, new: int = 1) -> Triage:
    """The red flags of the new messages, read together with up to six before them.

    A rule counts if one of its concepts stands in a new message, so an emergency that was answered
    before is not raised again by a word of thanks; but "she has a fever" after "my baby is six
    weeks old" is. The rules of the package count whatever the tables of the user say.

    Args:
        texts: What somebody wrote, oldest first.
        own: Further tables of the user; see `rules.rule_book`.
        new: The last messages, as many as were sent since the last reply.

    Raises:
        ConfigError: A table is not what it should be.
    """
    found = [hit for tables in dict.fromkeys(((), own)) for hit in _triage(texts, tables, new)]
    hits: dict[tuple[str, bool], Hit] = {}
    for hit in found:
        hits.setdefault((hit.rule_id, hit.is_active), hit)
    active = [hit for hit in hits.values() if hit.is_active]
    ids = {hit.rule_id for hit in active}
    active.sort(key=_rank)
    silenced = [
        one for one in hits.values() if not (one.is_active or one.rule.only or one.rule_id in ids)
    ]
    return Triage(tuple(active), tuple(silenced))


def triage_talk(turns: Sequence[Sequence[str]]) -> Triage:
    """The red flags of the last turn, which may be several messages sent without a reply between.

    Each message is read by itself, so that none silences what stands in another.
    """
    return triage_turns([one for turn in turns for one in turn], new=len(turns[-1]))


def _triage(texts: Sequence[str], own: tuple[Path, ...], new: int) -> Iterable[Hit]:
    first_new = len(texts) - new
    turns = [
        _Turn(number, cues)
        for number, text in enumerate(texts)
        if number >= first_new - TURNS_BACK
        for cues in _read(text, own)
    ]
    return _hits(rule_book(own), turns, first_new)


def _rank(hit: Hit) -> tuple[int, bool, int, str]:
    """The most urgent first; of those, life in danger, then the body, then the rest."""
    is_life = "ambulance" in hit.rule.action
    return -hit.rule.urgency, not is_life, KINDS.index(hit.rule.kind), hit.rule_id


def _read(text: str, own: tuple[Path, ...]) -> list[Cues]:
    return [_cues(piece, rule_book(own)) for piece in pieces(read(text, _speller(own)))]


def _cues(words: Text, book: RuleBook) -> Cues:
    by_concept: dict[str, list[Found]] = {}
    for found in [*find(words, book.graph), *find_numbers(words)]:
        by_concept.setdefault(found.concept, []).append(found)
    return Cues(words, by_concept)


@cache
def _speller(own: tuple[Path, ...]) -> Callable[[str], str]:
    book = rule_book(own)
    return speller(book.vocabulary, book.ordinary)


def _hits(book: RuleBook, turns: Sequence[_Turn], first_new: int) -> Iterable[Hit]:
    known = {concept for turn in turns for concept in turn.cues.by_concept}
    for concept in known & book.alternatives.keys():
        for rule, alternative in book.alternatives[concept]:
            if alternative.concepts <= known and known.isdisjoint(alternative.unless_anywhere):
                yield from _met(book, rule, alternative, turns, first_new)


def _met(
    book: RuleBook, rule: Rule, alternative: Alternative, turns: Sequence[_Turn], first_new: int
) -> Iterable[Hit]:
    """The hit of an alternative, if all its parts are found and one of them in a new message."""
    chosen: list[_Option] = []
    about_bearing = bool(alternative.concepts & BEARING)
    bearers = bearers_of(turn.cues for turn in turns) if about_bearing else frozenset[str]()
    for i, part in enumerate(alternative.parts):
        unless = alternative.unless if i == 0 else ()
        options = [
            _owned(option, bearers)
            for turn in turns
            for option in _in_sentences(part, turn, book, rule)
            if not _is_barred(option, unless)
        ]
        if not options:
            return
        # what is said plainly before what is silenced, and what is said last before what was said
        chosen.append(min(options, key=lambda one: (one.status != "present", -one.turn.number)))
    if any(option.turn.number >= first_new for option in chosen):
        first = chosen[0]
        who = who_of(first.place, first.turn.cues)
        yield Hit(rule, _joined(chosen), who, rule.id, first.turn.number)


def _owned(option: _Option, bearers: frozenset[str]) -> _Option:
    """The option; silenced where it is a symptom of another than the one who is pregnant."""
    is_symptom = option.status == "present" and option.place.concept not in BEARING
    if is_symptom and is_of_another(option.place, option.turn.cues, bearers):
        return option._replace(status="another_person")
    return option


def _joined(chosen: Sequence[_Option]) -> Status:
    """The first context that silences a part, or "present"."""
    for option in chosen:
        if option.status != "present":
            return option.status
    return "present"


def _is_barred(option: _Option, unless: Sequence[str]) -> bool:
    cues = option.turn.cues
    return any(cues.within(name, cues.text.sentence[option.place.start]) for name in unless)


def _in_sentences(
    part: Sequence[Near], turn: _Turn, book: RuleBook, rule: Rule
) -> Iterable[_Option]:
    """The part in each sentence of a turn that holds all of it."""
    cues = turn.cues
    for anchor in cues.by_concept.get(part[0][0], ()):
        sentence = cues.text.sentence[anchor.start]
        places = [
            _together(near, anchor if i == 0 else None, cues, sentence)
            for i, near in enumerate(part)
        ]
        if all(places):
            spots = [spot for found in places for spot in found]
            yield _Option(_status(spots, cues, book, rule), turn, anchor)


def _together(near: Near, anchor: Found | None, cues: Cues, sentence: int) -> list[Found]:
    """A place for each concept of a near group in the sentence, or none if one is missing."""
    for first in [anchor] if anchor else cues.within(near[0], sentence):
        spots = [first]
        for name in near[1:]:
            close = [one for one in cues.within(name, sentence) if _gap(one, spots[-1]) <= NEAR]
            if not close:
                break
            spots.append(min(close, key=lambda one: _gap(one, spots[-1])))
        else:
            return spots
    return []


def _gap(one: Found, other: Found) -> int:
    return max(one.start - other.end, other.start - one.end, 0)


def _status(spots: Sequence[Found], cues: Cues, book: RuleBook, rule: Rule) -> Status:
    about_mind = rule.kind in MIND
    for spot in spots:
        if spot.concept not in book.cues:
            status = status_of(spot, cues, about_mind=about_mind)
            if status != "present":
                return status
    return "present"
