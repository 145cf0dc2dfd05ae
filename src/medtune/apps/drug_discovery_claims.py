"""The claims of drug discovery: the curated ones of the wheel, those a model read, or one's own.

One's own are JSON lines: `subject`, `subject_kind`, `predicate`, `object`, `object_kind`,
`sentence`, `article`, and `date` if known. Kinds are target, compound, disease, process and other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

from medtune.apps.drug_discovery import LABELS, Link, read_links
from medtune.clinical.evidence.claims import Claim, Entity, Kind, article_name
from medtune.errors import DataError
from medtune.records import Example, Json

KINDS: Mapping[str, Kind] = {
    "Protein": "target",
    "Gene": "target",
    "RNA": "target",
    "miRNA": "target",
    "Abundance": "compound",
    "Pathology": "disease",
    "BiologicalProcess": "process",
}
"""BEL function to kind of entity; a complex or a reaction is "other"."""
TURNED = frozenset({"Degradation", "Translocation", "CellSecretion", "CellSurfaceExpression"})
"""Modifiers after which the direction is not that of the entity's amount."""
OWN = ("subject", "subject_kind", "predicate", "object", "object_kind", "sentence", "article")


def curated(path: Path, answers: Mapping[str, Json] | None = None) -> list[Claim]:
    """The claims of the wheel; where a model answered a record, its relation instead.

    Raises:
        DataError: The path is not the hbp-knowledge wheel.
    """
    return [_claim(link, (answers or {}).get(link.id)) for link in read_links(path)]


def _claim(link: Link, answer: Json) -> Claim:
    first, second = (_entity(node) for node in link.nodes)
    is_read = isinstance(answer, str) and answer in LABELS
    return Claim(
        id=link.id,
        subject=first,
        predicate=str(answer) if is_read else link.relation,
        object=second,
        sentence=link.sentence,
        article=link.article,
        date=link.date or "",
        by="model" if is_read else "curated",
        is_directed=not TURNED & set(link.modifiers),
    )


def _entity(node: Mapping[str, Json]) -> Entity:
    """The entity without its variants: what is said of a mutant is said of its protein."""
    kind = KINDS.get(str(node["function"]), "other")
    name = str(node.get("name") or node["bel"]).replace("_", " ")
    return Entity(f"{node.get('namespace', '')} {name}" if name.isdecimal() else name, kind)


def own(records: Iterable[Example]) -> list[Claim]:
    """The claims of one's own records.

    Raises:
        DataError: A record lacks a field, or its predicate or a kind is not known.
    """
    return [_own(one) for one in records]


def _own(record: Example) -> Claim:
    fields = record.fields
    lacking = [name for name in OWN if not fields.get(name)]
    if lacking:
        raise DataError(f"record {record.id!r} has no {', '.join(lacking)}")
    kinds = {fields["subject_kind"], fields["object_kind"]} - set(get_args(Kind))
    if kinds or fields["predicate"] not in LABELS:
        raise DataError(
            f"record {record.id!r}: kinds are {', '.join(get_args(Kind))}; predicates are "
            f"{', '.join(LABELS)}"
        )
    return Claim(
        id=record.id,
        subject=Entity(fields["subject"], cast(Kind, fields["subject_kind"])),
        predicate=fields["predicate"],
        object=Entity(fields["object"], cast(Kind, fields["object_kind"])),
        sentence=fields["sentence"],
        article=article_name(fields["article"]),
        date=fields.get("date", ""),
        by=fields.get("by", "own"),
    )


def texts_of(claims: Sequence[Claim]) -> dict[str, list[str]]:
    """The sentences of each article, as the curators copied them: what a claim must be found in."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in claims:
        found[one.article].append(one.sentence)
    return dict(found)
