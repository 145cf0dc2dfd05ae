"""Do gaps in knowledge come true? Articles up to a year make the gaps; later articles decide.

    python benchmarks/evidence.py

Each target or compound that older articles link to the disease only through other terms is a
candidate; it comes true if a later article of the same collection states it directly. Rivals: the
number of articles on the candidate (the well-known are looked at again), and chance. Area under the
ROC curve with its 95 % bootstrap interval. The collection is of articles (their number is printed)
chosen by curators for one project, so this says nothing of medicine as a whole. The last line is
one JSON object.
"""

import json

import numpy as np
from scipy.stats import rankdata

from medtune.apps.drug_discovery_claims import curated, texts_of
from medtune.clinical.evidence import Claim, Entity, gaps, keep_sound
from medtune.clinical.evidence.targets import counted
from medtune.fetch import fetch_wheel

DISEASE = Entity("Alzheimer Disease", "disease")
KINDS = ("target", "compound")
FIRST = 20
Scores = dict[Entity, float]


def area(scores: Scores, true: set[Entity]) -> list[float]:
    """Area under the curve with its interval; came-true and other candidates are drawn apart."""
    right = np.array([value for one, value in scores.items() if one in true])
    wrong = np.array([value for one, value in scores.items() if one not in true])
    draw = np.random.default_rng(0)
    drawn = [
        _area(draw.choice(right, len(right)), draw.choice(wrong, len(wrong))) for _ in range(1000)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return [round(float(one), 3) for one in (_area(right, wrong), low, high)]


def _area(right: np.ndarray, wrong: np.ndarray) -> float:
    """Share of the pairs in which the right one has the higher value; a tie is half."""
    ranks = rankdata(np.concatenate([right, wrong]))[: len(right)].sum()
    return float((ranks - len(right) * (len(right) + 1) / 2) / (len(right) * len(wrong)))


def first(scores: Scores, true: set[Entity]) -> float:
    """Share of the first candidates that come true."""
    order = sorted(scores, key=lambda one: (-scores[one], one.name))[:FIRST]
    return round(sum(one in true for one in order) / len(order), 3)


def measured(claims: list[Claim], year: int) -> dict[str, object]:
    """The candidates of a year against what came later."""
    past = [one for one in claims if one.date and int(one.date[:4]) <= year]
    later = [one for one in claims if one.date and int(one.date[:4]) > year]
    found = gaps(past, DISEASE.name, KINDS)
    ends = {
        end
        for one in later
        if DISEASE in (one.subject, one.object)
        for end in (one.subject, one.object)
    }
    known = {Entity(n, k): c for k in KINDS for n, c in counted(past, k).items()}
    linked = {one.a: len(one.bridges) + one.weight / 1000 for one in found}
    popular = {one.a: float(known[one.a]) for one in found}
    true = {one.a for one in found if one.a in ends}
    return {
        "candidates": len(found),
        "came true": len(true),
        "area, linking terms": area(linked, true),
        "area, articles on the candidate": area(popular, true),
        f"of the first {FIRST}, linking terms": first(linked, true),
        f"of the first {FIRST}, articles on the candidate": first(popular, true),
        "by chance": round(len(true) / len(found), 3),
    }


def main() -> None:
    """Print each year and the JSON line."""
    claims = curated(fetch_wheel("hbp-knowledge==0.0.7", None, offline=False))
    sound = list(keep_sound(claims, texts_of(claims)).claims)
    years = {str(year): measured(sound, year) for year in (2011, 2013, 2015)}
    result = {"articles": len({one.article for one in sound}), **years}
    for name, found in result.items():
        print(name, found)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
