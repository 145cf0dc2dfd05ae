"""Human Phenotype Ontology: look-up of findings, and ranking of diseases by them."""

from medtune.clinical.hpo.annotations import (
    Knowledge,
    Patient,
    knowledge,
    patients,
    read_wheel,
    without,
)
from medtune.clinical.hpo.ontology import Ontology, Term, find_term, read_ontology
from medtune.clinical.hpo.rank import Candidate, Differential, Evidence, Question, rank

__all__ = [
    "Candidate",
    "Differential",
    "Evidence",
    "Knowledge",
    "Ontology",
    "Patient",
    "Question",
    "Term",
    "find_term",
    "knowledge",
    "patients",
    "rank",
    "read_ontology",
    "read_wheel",
    "without",
]
