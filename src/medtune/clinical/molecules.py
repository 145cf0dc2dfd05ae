"""Molecules and proteins as numbers: SMILES, scaffolds, fingerprints, and how alike two are.

Scaffold: Bemis and Murcko 1996, J Med Chem 39:2887, doi:10.1021/jm9602928. Fingerprint: Morgan,
radius 2, 2,048 bits (Rogers and Hahn 2010, doi:10.1021/ci100050t), compared by Tanimoto. Protein:
counts of all runs of three residues, compared by cosine (the spectrum kernel of Leslie 2002).
Read with RDKit, which refuses what is no molecule.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from medtune.errors import DataError

BITS, RADIUS, RUN = 2048, 2, 3
RESIDUES = frozenset("ABCDEFGHIKLMNOPQRSTUVWXYZ")
"""The 20, the rare U and O, and the codes B, Z and X for what is not sure."""
Matrix = NDArray[np.float64]


def canonical(smiles: str) -> str:
    """The one SMILES of a molecule, whatever way it was written.

    Raises:
        DataError: It is no molecule.
    """
    return Chem.MolToSmiles(_molecule(smiles))


def scaffold(smiles: str) -> str:
    """The rings and what links them, as SMILES; of a molecule without rings, the whole of it.

    A split that never divides a scaffold keeps analogues of one series on one side.

    Raises:
        DataError: It is no molecule.
    """
    molecule = _molecule(smiles)
    return MurckoScaffold.MurckoScaffoldSmiles(mol=molecule) or Chem.MolToSmiles(molecule)


def likeness(first: Sequence[str], second: Sequence[str]) -> Matrix:
    """Tanimoto similarity of each molecule of `first` (rows) to each of `second`, in [0, 1].

    Raises:
        DataError: One is no molecule.
    """
    a, b = _fingerprints(first), _fingerprints(second)
    shared = a @ b.T
    return shared / np.maximum(a.sum(1)[:, None] + b.sum(1)[None, :] - shared, 1.0)


def protein_likeness(first: Sequence[str], second: Sequence[str]) -> Matrix:
    """Cosine of the three-residue counts of each protein of `first` to each of `second`.

    Raises:
        DataError: A sequence is too short or holds other letters.
    """
    counts = [_runs(one) for one in (*first, *second)]
    place = {run: n for n, run in enumerate(sorted({run for one in counts for run in one}))}
    table = np.zeros((len(counts), len(place)))
    for row, one in enumerate(counts):
        for run, n in one.items():
            table[row, place[run]] = n
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    return table[: len(first)] @ table[len(first) :].T


def _molecule(smiles: str) -> Chem.Mol:
    with rdBase.BlockLogs():  # it would print the SMILES
        found = Chem.MolFromSmiles(smiles) if smiles.strip() else None
    if found is None or not found.GetNumAtoms():
        raise DataError("a SMILES is no molecule; correct it or leave the record out")
    return found


def _fingerprints(smiles: Sequence[str]) -> Matrix:
    make = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    rows = [make.GetFingerprintAsNumPy(_molecule(one)) for one in smiles]
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), BITS)


def _runs(sequence: str) -> Counter[str]:
    letters = sequence.strip().upper()
    if len(letters) < RUN or not RESIDUES.issuperset(letters):
        raise DataError("a sequence is not one of amino acids in one-letter code")
    return Counter(letters[i : i + RUN] for i in range(len(letters) - RUN + 1))
