"""The red-flag rules: tables of the package, and tables of a user's own, checked when read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from medtune.clinical.redflags.context import Status
from medtune.clinical.redflags.lexicon import MASK, Node, graph_of, words_of
from medtune.clinical.urgency import Urgency
from medtune.errors import ConfigError

TABLES = Path(__file__).with_name("tables")
NUMBER_CONCEPTS = frozenset(
    (
        *("age_under_3_months", "age_3_to_6_months", "age_65", "fever_measured", "fever_39"),
        *("fever_40", "oxygen_low", "pulse_fast", "many_pills", "sugar_very_low", "sugar_low"),
        *("sugar_high", "pressure_180", "pressure_160", "pressure_140", "weeks_along"),
        *("sugar_unclear", "pressure_low", "pulse_slow", "temperature_low", "mass_over_daily"),
    )
)
"""What `numbers.py`, `readings.py` and `amounts.py` find."""
STATES = frozenset(
    ("now", "baby", "young_baby", "elder", "age_65", "age_under_3_months", "age_3_to_6_months")
)
"""Who somebody is and when: no context silences that."""
LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
CONTEXT = "words_context.yaml"
LEVELS = {level.word: level for level in Urgency}
Kind = Literal["body", "suicide", "poison", "violence", "mind", "abuse"]


Near = tuple[str, ...]
"""Concepts that stand near each other, such as chest and pain."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way for a rule to be met."""

    parts: tuple[tuple[Near, ...], ...]
    """Each part stands in one sentence; the parts may stand in different ones."""
    unless: tuple[str, ...]
    """Concepts that must not stand in the sentence of the first part."""
    unless_anywhere: tuple[str, ...] = ()
    """Concepts that must not stand in any of the recent turns."""

    @property
    def concepts(self) -> frozenset[str]:
        """All that must be found."""
        return frozenset(c for part in self.parts for near in part for c in near)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=_Strict)


class Rule(_Strict):
    """One red flag, as written in a table."""

    id: str
    level: Literal["self-care", "routine", "urgent", "emergency"]
    title: str
    action: str
    """A key of the table of advice."""
    source: str
    """A key of the table's `sources`, or a source in words."""
    any: tuple[str, ...]
    """Alternatives; see `parse`."""
    kind: Kind = "body"
    counts: tuple[Status, ...] = ()
    """Contexts that do not silence the rule, beyond "present"."""
    only: tuple[Status, ...] = ()
    """If given, the rule is met in these contexts only."""
    examples: tuple[str, ...]
    """Sentences that must meet this rule, or a more urgent one."""
    look_alikes: tuple[str, ...]
    """Sentences that must not meet it."""

    @property
    def urgency(self) -> Urgency:
        """The level as a value that can be compared."""
        return LEVELS[self.level]


class _Rules(_Strict):
    version: object
    sources: dict[str, str]
    rules: tuple[Rule, ...]


class _Words(_Strict):
    language: str = ""
    """Words of a language other than English: they are not what a typing error meant."""
    lists: dict[str, list[str]]
    concepts: dict[str, list[str]]


class RuleBook(NamedTuple):
    """All rules, ready to be used."""

    rules: tuple[Rule, ...]
    alternatives: Mapping[str, Sequence[tuple[Rule, Alternative]]]
    """By the first concept of the alternative."""
    graph: Node
    vocabulary: frozenset[str]
    ordinary: frozenset[str]
    """Words that look like ours with a slip, and are words of their own."""
    cues: frozenset[str]
    """Concepts that are context and are not silenced by context."""
    versions: Mapping[str, str]
    """The date of each table by its file's name; of the user's, by the whole path."""


def parse(text: str) -> Alternative:
    """Read an alternative: concepts joined by `~` (near), `+` (one sentence), `&` (recent turns).

    `! c d` at the end means: not if c or d stands in the sentence; `!! c d`: not if it stands
    anywhere in the recent turns.
    """
    rest, _, anywhere = text.partition("!!")
    wanted, _, unless = rest.partition("!")
    parts = tuple(
        tuple(tuple(name.strip() for name in near.split("~")) for near in part.split("+"))
        for part in wanted.split("&")
    )
    return Alternative(parts, tuple(unless.split()), tuple(anywhere.split()))


@cache
def rule_book(own: tuple[Path, ...] = ()) -> RuleBook:
    """The rules of the package and of the user's tables.

    A user's table adds concepts, phrases and rules. What its words hide or silence, the rules of
    the package still find: `triage_turns` asks both books.

    Args:
        own: YAML files of the user, each with `lists` and `concepts`, or with `rules`.

    Raises:
        ConfigError: A table is not what it should be.
    """
    words, tables = _tables(own)
    graph, concepts = _graph(words)
    english, _ = _graph([table for table in words if not table.language])
    cues = frozenset(_read(TABLES / CONTEXT, _Words).concepts) | STATES
    rules = tuple(
        rule.model_copy(update={"source": table.sources.get(rule.source, rule.source)})
        for table in tables.values()
        for rule in table.rules
    )
    _check(rules, concepts | NUMBER_CONCEPTS)
    by_first: dict[str, list[tuple[Rule, Alternative]]] = {}
    for rule in rules:
        for one in rule.any:
            alternative = parse(one)
            by_first.setdefault(alternative.parts[0][0][0], []).append((rule, alternative))
    lines = (TABLES / "ordinary.txt").read_text(encoding="utf-8").splitlines()
    ordinary = [line for line in lines if not line.startswith("#")]
    versions = {name: str(table.version) for name, table in tables.items()}
    return RuleBook(
        rules,
        by_first,
        graph,
        words_of(english),
        frozenset(ordinary) | words_of(graph),
        cues,
        versions,
    )


def _tables(own: Sequence[Path]) -> tuple[list[_Words], dict[str, _Rules]]:
    """The tables of words and of rules, the package's first."""
    words = [_read(path, _Words) for path in sorted(TABLES.glob("words_*.yaml"))]
    rules = {path.name: _read(path, _Rules) for path in sorted(TABLES.glob("rules_*.yaml"))}
    for path in own:
        if "\nrules:" in f"\n{path.read_text(encoding='utf-8')}":
            rules[str(path.resolve())] = _read(path, _Rules)
        else:
            words.append(_read(path, _Words))
    return words, rules


def _graph(words: Sequence[_Words]) -> tuple[Node, frozenset[str]]:
    lists: dict[str, list[str]] = {}
    concepts: dict[str, list[str]] = {}
    for table in words:
        for name, phrases in table.lists.items():
            lists.setdefault(name, []).extend(phrases)
        for concept, phrases in table.concepts.items():
            concepts.setdefault(concept, []).extend(phrases)
    return graph_of(concepts, lists), frozenset(concepts)


def _check(rules: Sequence[Rule], concepts: frozenset[str]) -> None:
    """Every concept exists, ids are different, and no rule is met by what hides others."""
    faults: list[str] = []
    ids = [rule.id for rule in rules]
    faults += [
        f"the id {one!r} comes twice" for one in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for rule in rules:
        for one in rule.any:
            alternative = parse(one)
            named = alternative.concepts | {*alternative.unless, *alternative.unless_anywhere}
            faults += [
                f"{rule.id}: {one!r} names {name!r}, which no table of words has"
                for name in sorted(named - concepts)
            ]
            faults += [
                f"{rule.id}: {one!r} wants {name!r}, which only hides others"
                for name in sorted(alternative.concepts)
                if name.startswith(MASK)
            ]
    if faults:
        raise ConfigError("red-flag tables:\n  " + "\n  ".join(faults))


def _read(path: Path, kind: type[T]) -> T:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506  a safe loader
        return kind.model_validate(raw)
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigError(f"{path}: not a red-flag table: {error}") from None
