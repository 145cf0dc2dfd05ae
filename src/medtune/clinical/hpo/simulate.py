"""Made-up patients with real diseases: findings drawn by their annotated frequency.

Synthetic: findings are drawn one by one, so that no two go together more often than by chance, and
nobody is mild or severe. Some have a red-flag sentence, one of the examples of the rules, and some
too few findings to rank by. All follows from a hash: the same wheel gives the same patients.
"""

from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

from medtune.clinical.hpo.annotations import Knowledge
from medtune.clinical.hpo.ontology import most_specific
from medtune.clinical.redflags import rule_book

LEAST_TERMS = 8
"""Annotated findings of a disease that is simulated."""
PATIENTS = 800
MOST_FINDINGS = 6
RED_SHARE, FEW_SHARE = 0.25, 0.1


class Simulated(NamedTuple):
    """One made-up patient."""

    id: str
    disease: str
    fields: Mapping[str, str]


def simulated(
    known: Knowledge, left_out: Collection[str], n: int = PATIENTS
) -> Iterator[Simulated]:
    """At most one patient for each of `n` diseases that are not left out."""
    places = [
        place
        for place, disease in enumerate(known.diseases)
        if disease not in left_out and len(known.stated[place]) >= LEAST_TERMS
    ]
    places.sort(key=lambda place: _draw(known.diseases[place], "order"))
    red = sorted(one for rule in rule_book().rules for one in rule.examples)
    for place in places[:n]:
        disease = known.diseases[place]
        drawn = _findings(known, place)
        if drawn:
            fields = {"findings": "; ".join(drawn)}
            if _draw(disease, "red") < RED_SHARE:
                fields["history"] = red[int(_draw(disease, "which") * len(red))]
            yield Simulated(f"simulated-{disease}", disease, fields)


def _findings(known: Knowledge, place: int) -> list[str]:
    disease, stated = known.diseases[place], known.stated[place]
    found = [one for one, often in stated.items() if _draw(disease, one) < often]
    found = most_specific(known.ontology, found)
    found.sort(key=lambda one: _draw(disease, "cap", one))
    return sorted(found[: 2 if _draw(disease, "few") < FEW_SHARE else MOST_FINDINGS])


def _draw(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone."""
    digest = blake2b("\t".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
