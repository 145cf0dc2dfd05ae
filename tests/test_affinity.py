"""Molecules are read or refused, a scaffold is never divided, unlike compounds are told as such."""

import json
import math
import pickle

import numpy as np
import pytest
from shared_data import shared

from medtune.clinical.affinity import OUTSIDE, Pair, fit, folds_by_scaffold
from medtune.clinical.molecules import canonical, likeness, protein_likeness, scaffold
from medtune.errors import DataError

ASPIRIN, SALICYLATE = "CC(=O)Oc1ccccc1C(=O)O", "Oc1ccccc1C(=O)O"
RINGS = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccoc1", "c1ccsc1", "C1CCNCC1", "c1ccc2ccccc2c1",
         "C1CCOC1", "c1cncnc1", "c1ccc2[nH]ccc2c1", "C1CC1", "c1cc[nH]c1"]  # fmt: skip
KINASE, OTHER = "MKTAYIAKQRQISFVKSHFSRQ", "GGSSGGHHWWYYPPLLKKDDEE"


class TestMolecules:
    def test_one_molecule_has_one_smiles_however_it_is_written(self):
        assert canonical("OC(=O)c1ccccc1OC(C)=O") == canonical(ASPIRIN)

    @pytest.mark.parametrize(
        "wrong", ["", "  ", "C1CC", "c1ccccc", "Xx", "aspirin", "C(C)(C)(C)(C)C"]
    )
    def test_what_is_no_molecule_is_refused_without_being_quoted(self, wrong: str):
        with pytest.raises(DataError, match="no molecule") as error:
            canonical(wrong)
        assert not wrong.strip() or wrong not in str(error.value)

    def test_analogues_share_their_scaffold_and_a_chain_is_its_own(self):
        assert scaffold(ASPIRIN) == scaffold(SALICYLATE) == "c1ccccc1"
        assert scaffold("CCO") == "CCO"

    def test_likeness_is_one_with_itself_symmetric_and_within_its_bounds(self):
        table = likeness(RINGS, RINGS)
        assert np.allclose(np.diag(table), 1)
        assert np.allclose(table, table.T)
        assert 0 <= table.min() <= table.max() <= 1

    def test_proteins_are_compared_by_their_runs_of_three(self):
        assert protein_likeness([KINASE], [KINASE.lower(), OTHER]) == pytest.approx(
            np.array([[1.0, 0.0]])
        )
        with pytest.raises(DataError, match="one-letter code"):
            protein_likeness(["MK-TAY"], [KINASE])
        with pytest.raises(DataError, match="one-letter code"):
            protein_likeness(["MK"], [KINASE])


def pairs() -> list[Pair]:
    """Binding that follows the ring, the same for each of its analogues."""
    return [
        Pair(f"{tail}{ring}", protein, 5.0 + n / 4 + (protein == KINASE))
        for n, ring in enumerate(RINGS)
        for tail in ("C", "CC", "CCO")
        for protein in (KINASE, OTHER)
    ]


class TestAffinity:
    def test_it_learns_what_was_measured(self):
        model = fit(pairs())
        told = model.predict([(one.smiles, one.sequence) for one in pairs()])
        truth = [one.value for one in pairs()]
        assert np.corrcoef(truth, [one.value for one in told])[0, 1] > 0.8
        assert all(one.low < one.value < one.high for one in told)
        assert all(one.nearest == pytest.approx(1) for one in told)

    def test_a_compound_like_none_that_was_measured_is_told_as_outside(self):
        model = fit(pairs())
        (far,) = model.predict([("FC(F)(F)S(=O)(=O)N=[N+]=[N-]", KINASE)])
        assert far.nearest < OUTSIDE
        assert far.is_outside

    def test_too_few_scaffolds_have_no_interval(self):
        few = [one for one in pairs() if one.smiles.endswith(RINGS[0])]
        (told,) = fit(few).predict([("Cc1ccccc1", KINASE)])
        assert math.isinf(told.high)

    def test_the_order_of_the_pairs_does_not_matter(self):
        asked = [("CCCc1ccccc1", KINASE)]
        one, other = (fit(of).predict(asked)[0] for of in (pairs(), pairs()[::-1]))
        assert one.value == pytest.approx(other.value, abs=1e-3)

    def test_nothing_measured_is_refused(self):
        with pytest.raises(DataError, match="no measured pair"):
            fit([])

    def test_no_scaffold_is_in_two_folds(self):
        smiles = [one.smiles for one in pairs()]
        folds = folds_by_scaffold(smiles, 4)
        of = {}
        for one, fold in zip(smiles, folds, strict=True):
            assert of.setdefault(scaffold(one), fold) == fold
        assert set(folds) == {0, 1, 2, 3}


def test_davis_is_learnt_across_proteins_from_some_of_its_compounds():
    folder = shared("data/deepdta") / "data" / "davis"
    smiles = list(json.loads((folder / "ligands_can.txt").read_text()).values())
    proteins = list(json.loads((folder / "proteins.txt").read_text()).values())
    kd = pickle.loads((folder / "Y").read_bytes(), encoding="latin1")
    some = range(0, len(proteins), 90)
    values = -np.log10(kd / 1e9)
    known = [Pair(smiles[i], proteins[j], values[i, j]) for i in range(40) for j in some]
    asked = [(i, j) for i in range(40, 60) for j in some]
    told = fit(known).predict([(smiles[i], proteins[j]) for i, j in asked])
    truth = np.array([values[i, j] for i, j in asked])
    held = np.mean([one.low <= value <= one.high for one, value in zip(told, truth, strict=True)])
    assert held > 0.8
