"""Drug discovery: which relation does this sentence of an article state between two entities?

Use       A researcher builds a map of targets and compounds from articles; a curator reads each
          relation beside its sentence before it enters the map.
Not for   Choosing a treatment; taking a relation as true because one sentence states it.
Data      HBP knowledge, 16,980 relations in sentences of 392 PubMed articles on Alzheimer's disease
          and tau, curated by hand in the Biological Expression Language (hbp-knowledge 0.0.7, CC BY
          4.0). Entities are the curators' database names; they need not stand in the sentence word
          for word.
          Or JSON lines of one's own; a CSV file of Retraction Watch takes out what is retracted.
Split     By article (PubMed id), so that no article is both learnt from and tested on.
Measures  Macro-F1 over seven relations (primary, for the rare ones matter) and accuracy.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from medtune.answers import find_label
from medtune.artifacts import read_jsonl
from medtune.clinical.evidence import article_name, read_retractions
from medtune.errors import DataError
from medtune.metrics import accuracy, macro_f1
from medtune.records import Application, Example, Json, Message, View

OWN = ("sentence", "first", "second", "relation")
MEMBER = "hbp_knowledge/_cache.bel.json"
LICENCE = "CC BY 4.0"
RELATIONS: Mapping[str, str] = {
    "increases": "increases",
    "directlyIncreases": "increases",
    "decreases": "decreases",
    "directlyDecreases": "decreases",
    "association": "associated",
    "positiveCorrelation": "positively correlated",
    "negativeCorrelation": "negatively correlated",
    "regulates": "regulates",
    "causesNoChange": "no effect",
}
"""BEL relation to label; a direct effect is an effect."""
LABELS = tuple(dict.fromkeys(RELATIONS.values()))
INSTRUCTION = (
    "State the relation of First to Second in the sentence: "
    f"{', '.join(LABELS[:-1])} or {LABELS[-1]}."
)
MODIFIERS = {
    "Activity": "activity of {}",
    "Degradation": "degradation of {}",
    "Translocation": "movement of {}",
    "CellSecretion": "secretion of {}",
    "CellSurfaceExpression": "surface expression of {}",
}


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield each distinct relation of a sentence, but for those of retracted articles.

    Read are the hbp-knowledge wheel, JSON lines of one's own with the keys of OWN and `article`,
    `date` and `id` if known, and CSV files in the columns of Retraction Watch.

    Raises:
        DataError: A path is none of these, or a row lacks a field.
    """
    retracted = _retracted(paths)
    yield from (one for one in _every(paths) if one.group not in retracted)


def left_out(paths: Sequence[Path]) -> Mapping[str, Mapping[str, int]]:
    """Relations of retracted articles, by file."""
    retracted = _retracted(paths)
    if not retracted:
        return {}
    counts = Counter(one.source for one in _every(paths) if one.group in retracted)
    return {source: {"article retracted": n} for source, n in counts.items()}


def _retracted(paths: Sequence[Path]) -> set[str]:
    lists = [read_retractions(path) for path in paths if path.suffix == ".csv"]
    return {name for one in lists for name, notice in one.items() if notice == "retracted"}


def _every(paths: Sequence[Path]) -> Iterator[Example]:
    for path in paths:
        if path.suffix == ".jsonl":
            yield from _load_rows(path)
        elif path.suffix != ".csv":
            yield from _load_wheel(path)


def _load_rows(path: Path) -> Iterator[Example]:
    for number, row in enumerate(read_jsonl(path), start=1):
        one = str(row.get("id", f"{path.name}:{number}"))
        lacking = [name for name in OWN if not row.get(name)]
        if lacking or row["relation"] not in LABELS:
            raise DataError(
                f"{path}:{number}: record {one!r} needs {', '.join(OWN)}; relation is one of "
                f"{', '.join(LABELS)}"
            )
        yield Example(
            id=one,
            group=article_name(str(row["article"])) if row.get("article") else one,
            fields={name: str(row[name]) for name in OWN if name != "relation"},
            target=row["relation"],
            time=str(row["date"]) if row.get("date") else None,
            source=path.name,
        )


def _load_wheel(path: Path) -> Iterator[Example]:
    seen: set[tuple[str, str, str, str]] = set()
    for link in read_links(path):
        one = (link.sentence, link.first, link.second, link.relation)
        if one in seen:
            continue
        seen.add(one)
        yield Example(
            id=link.id,
            group=link.article,
            fields={"sentence": link.sentence, "first": link.first, "second": link.second},
            target=link.relation,
            time=link.date,
            source=path.name,
            licence=LICENCE,
        )


class Link(NamedTuple):
    """A curated relation of the graph, in words, with the nodes it is between."""

    id: str
    article: str
    date: str | None
    sentence: str
    first: str
    relation: str
    second: str
    nodes: tuple[Mapping[str, Json], Mapping[str, Json]]
    modifiers: tuple[str, str]


def read_links(path: Path) -> Iterator[Link]:
    """Yield every relation of the hbp-knowledge wheel that has a sentence and a label.

    Raises:
        DataError: The path is not the hbp-knowledge wheel.
    """
    try:
        with zipfile.ZipFile(path) as wheel, wheel.open(MEMBER) as file:
            graph = json.load(file)
    except (zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{path}: not the hbp-knowledge wheel ({MEMBER} is not in it); "
            "set data.sources to pypi:hbp-knowledge==0.0.7"
        ) from None
    for link in graph["links"]:
        if link["relation"] not in RELATIONS or not link.get("evidence"):
            continue
        first, second = (graph["nodes"][link[end]] for end in ("source", "target"))
        article = link["citation"]["reference"]
        yield Link(
            id=f"PMID{article}-{link['key'][:12]}",
            article=f"PMID{article}",
            date=link["citation"].get("date"),
            sentence=" ".join(link["evidence"].split()),
            first=_entity(first, link.get("subject")),
            relation=RELATIONS[link["relation"]],
            second=_entity(second, link.get("object")),
            nodes=(first, second),
            modifiers=(_modifier(link.get("subject")), _modifier(link.get("object"))),
        )


def _modifier(end: Mapping[str, Json] | None) -> str:
    return str((end or {}).get("modifier", ""))


def _entity(node: Mapping[str, Json], modifier: Mapping[str, Json] | None) -> str:
    """The entity in words, such as "activity of phosphorylated MAPT"."""
    return MODIFIERS.get(_modifier(modifier), "{}").format(_name(node))


def _name(node: Mapping[str, Json]) -> str:
    if "members" in node:
        return " and ".join(_name(part) for part in _parts(node["members"]))
    if "reactants" in node:
        before, after = (
            " and ".join(_name(part) for part in _parts(node[side]))
            for side in ("reactants", "products")
        )
        return f"reaction of {before} to {after}"
    name = str(node["name"]).replace("_", " ")
    kinds = {(v["kind"], str(v.get("identifier"))) for v in _parts(node.get("variants", []))}
    if any(kind == "pmod" for kind, _ in kinds):
        is_phosphorylated = any("Ph" in identifier for kind, identifier in kinds if kind == "pmod")
        return f"{'phosphorylated' if is_phosphorylated else 'modified'} {name}"
    return f"variant {name}" if kinds else name


def _parts(value: Json) -> list[dict[str, Json]]:
    return value  # type: ignore[return-value]  # a list of BEL terms, by the format


def prompt(example: Example) -> list[Message]:
    """What the model reads: the instruction first, for it is the same for all."""
    question = "Sentence: {sentence}\nFirst: {first}\nSecond: {second}"
    return [
        Message("system", INSTRUCTION),
        Message("user", question.format_map(example.fields)),
    ]


def reply(example: Example) -> str:
    """What the model should write."""
    return str(example.target)


def parse(example: Example, text: str) -> str | None:  # noqa: ARG001  the labels are fixed
    """Return the relation that the reply states, or None."""
    return find_label(text, LABELS)


def choices(example: Example) -> Sequence[str]:  # noqa: ARG001  the labels are fixed
    """The seven relations."""
    return LABELS


def picture(view: View) -> str:
    """The evidence graph around an entity of a record, with targets, gaps and every sentence."""
    from medtune.apps.drug_discovery_picture import draw_record  # matplotlib is slow to load

    return draw_record(view)


APP = Application(
    name="drug_discovery",
    intended_use="drafting relations between targets, compounds and diseases for a curator to read",
    not_for="choosing a treatment, or taking a relation as true because one sentence states it",
    load=load,
    prompt=prompt,
    reply=reply,
    parse=parse,
    choices=choices,
    metrics={"macro_f1": macro_f1(LABELS), "accuracy": accuracy},
    primary="macro_f1",
    left_out=left_out,
    data_note=(
        "Real sentences of PubMed articles with relations curated by hand (HBP knowledge, CC BY "
        "4.0). Nothing is synthetic. Entity names are database names, as the curators wrote them."
    ),
    picture=picture,
)
