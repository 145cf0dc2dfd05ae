"""The words of the red flags: from phrases in tables to concepts found in a message.

A phrase is plain words with a little notation: `(a|b c)` is one of several, `x?` or `(a|b)?` may be
missing (also inside a word: `labou?r`), ` ?` is a space that may be missing, `$name` is a list of
words used often, `#` is any number, `*` stands for up to three words of any kind.

A concept `not_a+b` hides the concepts a and b inside its place: "chest of drawers", of `not_chest`,
hides "chest". All phrases lie in one graph of words, so a message is read once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from medtune.clinical.redflags.text import Text, plain
from medtune.errors import ConfigError

GAP = "*"
LONGEST_GAP = 3
NUMBER = "#"
SOFT_SPACE = "~"
MASK = "not_"
MOST_STATES = 50_000
"""Of the automaton: then it starts anew, so that memory stays bounded."""
Macros = Mapping[str, Sequence[str]]


class Found(NamedTuple):
    """A concept at a place: words `start` up to, not including, `end`."""

    concept: str
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Node:
    """A place between two words of phrases."""

    next: dict[str, list["Node"]] = field(default_factory=dict[str, "list[Node]"])
    concepts: tuple[str, ...] = ()
    """The concepts whose phrase ends here."""


def add_phrase(root: Node, concept: str, phrase: str, macros: Macros) -> None:
    """Add all that a phrase stands for to the graph.

    Raises:
        ConfigError: The notation is wrong, or the phrase may be empty.
    """
    here = [root]
    for item in _items(plain(phrase).replace(" ?", SOFT_SPACE), phrase):
        here = _linked(here, [form.split() for form in _expand(item, macros, phrase)])
    if root in here:
        raise ConfigError(f"red-flag phrase {phrase!r}: it may be empty; drop a question mark")
    for node in here:
        if concept not in node.concepts:
            node.concepts = (*node.concepts, concept)


def _linked(here: list[Node], forms: Sequence[Sequence[str]]) -> list[Node]:
    """The ends of the paths that the forms lay from each node of `here`; an empty form stays."""
    end = Node()
    for form in forms:
        nodes = here
        for i, word in enumerate(form):
            after = end if i == len(form) - 1 else Node()
            for node in nodes:
                node.next.setdefault(word, []).append(after)
            nodes = [after]
    return [*here, end] if any(not form for form in forms) else [end]


def _items(phrase: str, shown: str) -> list[str]:
    """The phrase cut at the spaces outside brackets."""
    items, depth, item = [], 0, ""
    for character in phrase:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            break
        if character == " " and depth == 0:
            items.append(item)
            item = ""
        else:
            item += character
    if depth != 0:
        raise ConfigError(f"red-flag phrase {shown!r}: its brackets do not match")
    return [one for one in [*items, item] if one]


def _expand(item: str, macros: Macros, shown: str) -> list[str]:
    """Every string that an item stands for."""
    parts: list[list[str]] = []
    rest = item
    while rest:
        options, rest = _first(rest, macros, shown)
        if rest.startswith("?"):
            options, rest = [*options, ""], rest[1:]
        parts.append(options)
    return ["".join(choice) for choice in product(*parts)]


def _first(rest: str, macros: Macros, shown: str) -> tuple[list[str], str]:
    """What the first sign of an item stands for, and the rest of the item."""
    if rest[0] == "(":
        end = _closing(rest)
        inner = _alternatives(rest[1:end])
        return [form for one in inner for form in _expand(one, macros, shown)], rest[end + 1 :]
    if rest[0] == "$":
        size = next((i for i, c in enumerate(rest[1:], 1) if not (c.isalpha() or c == "_")), None)
        name = rest[1:size]
        if name not in macros:
            raise ConfigError(f"red-flag phrase {shown!r}: there is no list ${name}")
        forms = [form for one in macros[name] for form in _expand(plain(one), macros, shown)]
        return forms, "" if size is None else rest[size:]
    return ([" ", ""] if rest[0] == SOFT_SPACE else [rest[0]]), rest[1:]


def _closing(text: str) -> int:
    depth = 0
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return i
    raise AssertionError("the brackets were counted before")


def _alternatives(text: str) -> list[str]:
    parts, depth, part = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += character
    return [*parts, part]


def graph_of(concepts: Mapping[str, Sequence[str]], macros: Macros) -> Node:
    """One graph of all phrases of all concepts.

    Raises:
        ConfigError: The notation of a phrase is wrong.
    """
    root = Node()
    for concept, phrases in concepts.items():
        for phrase in phrases:
            add_phrase(root, concept, phrase, macros)
    return root


def words_of(root: Node) -> frozenset[str]:
    """Every word of the graph."""
    words: set[str] = set()
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        words.update(node.next)
        for after in node.next.values():
            waiting.extend(after)
    return frozenset(words - {GAP, NUMBER})


class _Item(NamedTuple):
    """One place in the graph, of the many that the words so far may have led to."""

    node: Node
    in_gap: bool
    """Whether the last word was taken by a gap: a phrase that ends in a gap ends before it."""
    skips: int
    """Words that the gap before this node may still take."""


@dataclass(slots=True, eq=False)
class _State:
    """A set of places in the graph."""

    items: frozenset[_Item]
    concepts: tuple[str, ...]
    """What ends here."""
    ways: dict[str, "_State"] = field(default_factory=dict[str, "_State"])
    """The state after each word, as far as it was needed."""


@dataclass(slots=True, eq=False)
class _Automaton:
    """The graph as states with one way out for each word, made when they are first needed.

    So a word is looked up once, and not once for each of the hundreds of phrases that may go on
    with it (Rabin and Scott 1959, doi:10.1147/rd.32.0114). Threads may share it: at worst two make
    the same state.
    """

    known: frozenset[str]
    start: _State
    states: dict[frozenset[_Item], _State] = field(default_factory=dict[frozenset[_Item], _State])

    def from_place(self, text: Text, start: int) -> dict[str, int]:
        """The concepts whose phrase begins at a word, each with the end of the longest."""
        found: dict[str, int] = {}
        words, sentence, state = text.words, text.sentence, self.start
        for place in range(start, len(words)):
            if sentence[place] != sentence[start]:
                break
            word = words[place]
            if word not in self.known:
                word = NUMBER if word[0].isdigit() else ""
            state = state.ways.get(word) or self._after(state, word)
            if not state.items:
                break
            for concept in state.concepts:
                found[concept] = place + 1
        return found

    def _after(self, state: _State, word: str) -> _State:
        """The state after a word, made now."""
        items: set[_Item] = set()
        for item in state.items:
            items.update(_Item(node, in_gap=False, skips=0) for node in _after(item.node, word))
            if item.skips:
                items.add(_Item(item.node, in_gap=True, skips=item.skips - 1))
        if len(self.states) >= MOST_STATES:
            self.states.clear()
            self.start.ways.clear()
        made = _state(_with_gaps(items))
        state.ways[word] = self.states.setdefault(made.items, made)
        return state.ways[word]


@lru_cache(maxsize=8)
def _automaton(root: Node) -> _Automaton:
    return _Automaton(words_of(root), _state(frozenset({_Item(root, in_gap=False, skips=0)})))


def _state(items: frozenset[_Item]) -> _State:
    ends = {c for item in items if not item.in_gap for c in item.node.concepts}
    return _State(items, tuple(sorted(ends)))


def _with_gaps(items: set[_Item]) -> frozenset[_Item]:
    """The places, and those behind a gap that takes no word."""
    waiting = list(items)
    while waiting:
        for after in waiting.pop().node.next.get(GAP, ()):
            new = _Item(after, in_gap=False, skips=LONGEST_GAP)
            if new not in items:
                items.add(new)
                waiting.append(new)
    return frozenset(items)


def _after(node: Node, word: str) -> Sequence[Node]:
    nodes = node.next.get(word, [])
    if word[:1].isdigit() and NUMBER in node.next:
        return [*nodes, *node.next[NUMBER]]
    return nodes


def find(text: Text, root: Node) -> list[Found]:
    """Every concept of the text by place, without those that another hides.

    Of several phrases of one concept that begin at one place the longest counts.
    """
    automaton = _automaton(root)
    places = [
        Found(concept, start, end)
        for start in range(len(text.words))
        for concept, end in automaton.from_place(text, start).items()
    ]
    masks = [one for one in places if one.concept.startswith(MASK)]
    return [one for one in places if not any(_hides(mask, one) for mask in masks)]


def _hides(mask: Found, one: Found) -> bool:
    is_inside = mask.start <= one.start and one.end <= mask.end
    return is_inside and one.concept in mask.concept.removeprefix(MASK).split("+")
