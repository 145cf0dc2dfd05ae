"""How strongly a compound binds a protein, learnt from measured pairs: kernel ridge regression.

Kronecker regularised least squares (Pahikkala 2015, Brief Bioinform 16:325,
doi:10.1093/bib/bbu010), here with Morgan fingerprints and a spectrum kernel. No language model.
The interval is measured on compounds whose scaffold was left out, and so holds for compounds as
unlike the known ones as those; a compound less like is told as outside. A number for ranking what
to measure next, never for a dose or an effect in people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from medtune.clinical.molecules import Matrix, canonical, likeness, protein_likeness, scaffold
from medtune.errors import DataError

RIDGE = 1.0
FOLDS = 5
LEAST_SCAFFOLDS = 10
OUTSIDE = 0.3
"""A compound less alike than this to every known one is outside: a usual choice for Morgan
fingerprints, not derived here; `benchmarks/drug_target.py` shows the error on both sides."""


class Pair(NamedTuple):
    """A measured pair."""

    smiles: str
    sequence: str
    value: float
    """Such as pKd: the negative decimal logarithm of the constant in mol/L."""


class Predicted(NamedTuple):
    """What is expected of a pair."""

    value: float
    low: float
    high: float
    """The 95 % interval for a compound of a new scaffold."""
    nearest: float
    """Tanimoto similarity to the most alike known compound."""
    is_outside: bool
    """Whether the compound is too unlike the known ones for the number to be used."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """A fitted model."""

    compounds: tuple[str, ...]
    proteins: tuple[str, ...] = field(repr=False)
    weights: Matrix = field(repr=False)
    """Of each protein (rows) and compound."""
    mean: float
    reach: float
    """Half the width of the interval; infinite where there are too few scaffolds to tell."""

    def predict(self, pairs: Sequence[tuple[str, str]]) -> list[Predicted]:
        """The expected value of each SMILES with each sequence beside it.

        Raises:
            DataError: A SMILES or a sequence cannot be read.
        """
        smiles = {one: n for n, one in enumerate(dict.fromkeys(one for one, _ in pairs))}
        sequences = {one: n for n, one in enumerate(dict.fromkeys(one for _, one in pairs))}
        alike = likeness(list(smiles), self.compounds)
        kin = protein_likeness(list(sequences), self.proteins)
        table = kin @ self.weights @ alike.T + self.mean
        values = [table[sequences[sequence], smiles[one]] for one, sequence in pairs]
        nearest = [alike[smiles[one]].max() for one, _ in pairs]
        return [
            Predicted(
                float(value),
                float(value) - self.reach,
                float(value) + self.reach,
                float(near),
                bool(near < OUTSIDE),
            )
            for value, near in zip(values, nearest, strict=True)
        ]


def fit(pairs: Sequence[Pair], *, seed: int = 0) -> Affinity:
    """Fit to measured pairs; a pair that was measured several times counts as often.

    Raises:
        DataError: There is no pair, or a SMILES or a sequence cannot be read.
    """
    if not pairs:
        raise DataError("affinity: no measured pair to learn from")
    bare = _fitted(pairs)
    return Affinity(bare.compounds, bare.proteins, bare.weights, bare.mean, _reach(pairs, seed))


def _fitted(pairs: Sequence[Pair]) -> Affinity:
    named = {one: canonical(one) for one in {pair.smiles for pair in pairs}}
    known = [(named[one.smiles], one.sequence.strip().upper()) for one in pairs]
    compounds = sorted({compound for compound, _ in known})
    proteins = sorted({protein for _, protein in known})
    column = {one: n for n, one in enumerate(compounds)}
    row = {one: n for n, one in enumerate(proteins)}
    at = np.array([[row[protein], column[compound]] for compound, protein in known])
    values = np.array([one.value for one in pairs])
    alike, kin = likeness(compounds, compounds), protein_likeness(proteins, proteins)
    shape = (len(proteins), len(compounds))

    def spread(part: Matrix) -> Matrix:
        found = np.zeros(shape)
        np.add.at(found, (at[:, 0], at[:, 1]), part)
        return found

    def product(part: Matrix) -> Matrix:
        return (kin @ spread(part.ravel()) @ alike)[at[:, 0], at[:, 1]] + RIDGE * part.ravel()

    mean = float(values.mean())
    size = (len(pairs), len(pairs))
    operator = LinearOperator(size, matvec=product, dtype=np.float64)  # type: ignore[call-issue]
    solved, failed = cg(operator, values - mean, rtol=1e-5, maxiter=500)
    if failed:
        raise DataError("affinity: the fit did not converge; are the values finite and measured?")
    return Affinity(tuple(compounds), tuple(proteins), spread(solved), mean, float("inf"))


def folds_by_scaffold(smiles: Sequence[str], n_folds: int, *, seed: int = 0) -> list[int]:
    """The fold of each molecule; molecules of one scaffold share theirs.

    Raises:
        DataError: One is no molecule.
    """
    of = {one: scaffold(one) for one in dict.fromkeys(smiles)}
    order = np.random.default_rng(seed).permutation(sorted(set(of.values())))
    fold = {name: n % n_folds for n, name in enumerate(order.tolist())}
    return [fold[of[one]] for one in smiles]


def _reach(pairs: Sequence[Pair], seed: int) -> float:
    """The 95 % point of the errors on scaffolds that were left out."""
    if len({scaffold(one) for one in {pair.smiles for pair in pairs}}) < LEAST_SCAFFOLDS:
        return float("inf")
    folds = folds_by_scaffold([one.smiles for one in pairs], FOLDS, seed=seed)
    errors: list[float] = []
    for fold in range(FOLDS):
        held = [one for one, of in zip(pairs, folds, strict=True) if of == fold]
        rest = [one for one, of in zip(pairs, folds, strict=True) if of != fold]
        told = _fitted(rest).predict([(one.smiles, one.sequence) for one in held])
        errors += [abs(a.value - b.value) for a, b in zip(told, held, strict=True)]
    return float(np.quantile(errors, min(1.0, 0.95 * (1 + 1 / len(errors)))))
