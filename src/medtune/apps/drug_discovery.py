"""Drug discovery: which relation does this sentence of an article state between two entities?

Use       A researcher builds a map of targets and compounds from articles; a curator reads each
          relation beside its sentence before it enters the map.
Not for   Choosing a treatment; taking a relation as true because one sentence states it.
Data      HBP knowledge, 5,375 evidence sentences of 399 PubMed articles on Alzheimer's disease and
          tau, curated by hand in the Biological Expression Language (hbp-knowledge 0.0.7, CC BY
          4.0). Entities are the curators' database names; they need not stand in the sentence word
          for word.
Split     By article (PubMed id), so that no article is both learnt from and tested on.
Measures  Macro-F1 over seven relations (primary, for the rare ones matter) and accuracy.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from medtune.answers import find_label
from medtune.errors import DataError
from medtune.metrics import accuracy, macro_f1
from medtune.records import Application, Example, Json, Message

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
    """Yield each distinct (sentence, subject, relation, object) of the hbp-knowledge wheel.

    Raises:
        DataError: A path is not the hbp-knowledge wheel.
    """
    for path in paths:
        yield from _load_wheel(path)


def _load_wheel(path: Path) -> Iterator[Example]:
    try:
        with zipfile.ZipFile(path) as wheel, wheel.open(MEMBER) as file:
            graph = json.load(file)
    except (zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{path}: not the hbp-knowledge wheel ({MEMBER} is not in it); "
            "set data.sources to pypi:hbp-knowledge==0.0.7"
        ) from None
    nodes = graph["nodes"]
    seen: set[tuple[str, str, str, str]] = set()
    for link in graph["links"]:
        if link["relation"] not in RELATIONS or not link.get("evidence"):
            continue
        sentence = " ".join(link["evidence"].split())
        first = _entity(nodes[link["source"]], link.get("subject"))
        second = _entity(nodes[link["target"]], link.get("object"))
        target = RELATIONS[link["relation"]]
        if (sentence, first, second, target) in seen:
            continue
        seen.add((sentence, first, second, target))
        article = link["citation"]["reference"]
        yield Example(
            id=f"PMID{article}-{link['key'][:12]}",
            group=f"PMID{article}",
            fields={"sentence": sentence, "first": first, "second": second},
            target=target,
            time=link["citation"].get("date"),
            source=path.name,
            licence=LICENCE,
        )


def _entity(node: Mapping[str, Json], modifier: Mapping[str, Json] | None) -> str:
    """The entity in words, such as "activity of phosphorylated MAPT"."""
    name = _name(node)
    pattern = MODIFIERS.get(str(modifier.get("modifier")), "{}") if modifier else "{}"
    return pattern.format(name)


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
    data_note=(
        "Real sentences of PubMed articles with relations curated by hand (HBP knowledge, CC BY "
        "4.0). Nothing is synthetic. Entity names are database names, as the curators wrote them."
    ),
)
