"""How well the computed drug-target affinity does on Davis, by scaffold and by random pair.

    python benchmarks/drug_target.py

Davis 2011 as split by DeepDTA (68 kinase inhibitors, 442 proteins, pKd), in the shared data. Random
pairs are the published setting: the compound was seen with other proteins. A new compound is what
a laboratory asks about: there, the mean of the protein is a strong rival. Concordance: share of
pairs of test values that are put in the right order. The last line is one JSON object.
"""

import json
import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np

from medtune.clinical.affinity import OUTSIDE, Pair, fit, folds_by_scaffold

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("MEDTUNE_SHARED", ROOT.parent / "shared")) / "data"
FOLDER = SHARED / "deepdta" / "data" / "davis"


def pairs_of_davis() -> list[Pair]:
    """All pairs in the order of the published indices."""
    smiles = list(json.loads((FOLDER / "ligands_can.txt").read_text()).values())
    proteins = list(json.loads((FOLDER / "proteins.txt").read_text()).values())
    kd = pickle.loads((FOLDER / "Y").read_bytes(), encoding="latin1")
    return [
        Pair(s, p, float(-np.log10(kd[i, j] / 1e9)))
        for i, s in enumerate(smiles)
        for j, p in enumerate(proteins)
    ]


def concordance(truth: np.ndarray, told: np.ndarray) -> float:
    """Share of the pairs with different truths that are in the right order; a tie is half."""
    right = total = 0.0
    for value, guess in zip(truth, told, strict=True):
        lower = truth < value
        right += np.sum(guess > told[lower]) + 0.5 * np.sum(guess == told[lower])
        total += lower.sum()
    return float(right / total)


def measured(train: list[Pair], test: list[Pair]) -> dict[str, float]:
    """Model and mean of the protein on the same test pairs."""
    model = fit(train)
    told = model.predict([(one.smiles, one.sequence) for one in test])
    truth = np.array([one.value for one in test])
    by_protein: dict[str, list[float]] = defaultdict(list)
    for one in train:
        by_protein[one.sequence].append(one.value)
    mean = np.array([np.mean(by_protein[one.sequence]) for one in test])
    values = np.array([one.value for one in told])
    inside = np.array([not one.is_outside for one in told])
    held = np.array([a.low <= b <= a.high for a, b in zip(told, truth, strict=True)])
    error = (values - truth) ** 2
    return {
        "n": len(test),
        "concordance": concordance(truth, values),
        "concordance, mean of the protein": concordance(truth, mean),
        "mse": float(error.mean()),
        "mse, mean of the protein": float(((mean - truth) ** 2).mean()),
        "interval holds": float(held.mean()),
        f"share alike by {OUTSIDE} or more": float(inside.mean()),
        "mse inside": float(error[inside].mean()) if inside.any() else float("nan"),
        "mse outside": float(error[~inside].mean()) if (~inside).any() else float("nan"),
    }


def main() -> None:
    """Print both settings and the JSON line."""
    pairs = pairs_of_davis()
    indices = json.loads((FOLDER / "folds" / "test_fold_setting1.txt").read_text())
    test = set(indices)
    found = {
        "random pairs (published fold)": measured(
            [one for n, one in enumerate(pairs) if n not in test], [pairs[n] for n in indices]
        )
    }
    folds = folds_by_scaffold([one.smiles for one in pairs], 5)
    for fold in range(5):
        parts: tuple[list[Pair], list[Pair]] = ([], [])
        for one, of in zip(pairs, folds, strict=True):
            parts[of == fold].append(one)
        found[f"new scaffolds, fold {fold + 1}"] = measured(*parts)
    for name, value in found.items():
        print(name, {key: round(one, 3) for key, one in value.items()})
    print(json.dumps(found))


if __name__ == "__main__":
    main()
