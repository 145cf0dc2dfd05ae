"""What the application promises: the computed is stated; silence and failure are no answers."""

import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from medtune.apps import personalized_medicine as pm
from medtune.clinical.pgx import drugs
from medtune.clinical.pgx.record import read_record
from medtune.errors import DataError
from medtune.measure import summarise
from medtune.records import ArmResult, Example, Prediction, View

GOLDEN = Path(__file__).parent / "golden" / "prompt_personalized_medicine.txt"
APP = pm.APP
WHEEL_ROWS = """Gene,StarAllele
CYP2C19,*1
CYP2C19,*2
CYP2C19,*17
CYP2D6,*1
CYP2D6,*4
CYP2D6,*41
DPYD,Reference
DPYD,c.1905+1G>A (*2A)
"""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    path = tmp_path_factory.mktemp("wheel") / "pypgx.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pypgx/api/data/allele-table.csv", WHEEL_ROWS)
    return list(pm.load([path]))


@pytest.fixture(scope="module")
def some(examples: list[Example]) -> list[Example]:
    return examples[::6]


def own(tmp_path: Path, *rows: dict[str, object]) -> list[Example]:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return list(pm.load([path]))


def arm(examples, replies) -> ArmResult:
    predictions = [
        Prediction(
            id=example.id,
            group=example.group,
            target=example.target,
            answer=None if reply is None else APP.parse(example, reply),
            failed=reply is None,
        )
        for example, reply in zip(examples, replies, strict=True)
    ]
    return ArmResult("arm", "", predictions, seconds=1.0, prompt_tokens=1)


def scores(examples, replies):
    found = summarise(arm(examples, replies), APP, resamples=200, seed=0)
    return found, {name: estimate.value for name, estimate in found.estimates.items()}


BEST = {"faithful": 1.0, "phenotype": 1.0, "action": 1.0, "unsafe_error": 0.0}


def test_the_oracle_is_faithful_and_makes_no_unsafe_error(some):
    _, values = scores(some, [APP.reply(e) for e in some])
    assert values == BEST


def test_silence_counts_as_unparsed_and_is_right_in_nothing(some):
    found, values = scores(some, ["" for _ in some])
    assert found.unparsed == len(some)
    assert values == dict.fromkeys(BEST, 0.0)


def test_a_failure_of_ours_is_left_out_and_counted(some):
    found, values = scores(some, [None, *(APP.reply(e) for e in some[1:])])
    assert (found.failed, values) == (1, BEST)
    assert found.estimates["faithful"].n == len(some) - 1


def test_the_prompt_is_the_golden_one(examples):
    example = next(e for e in examples if e.fields["drug"] == "codeine" and "par" in str(e.fields))
    text = "\n".join(f"<{m.role}>\n{m.content}" for m in APP.prompt(example)) + "\n"
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_reply_parses_back_to_its_target(some):
    assert [e.id for e in some if APP.parse(e, APP.reply(e)) != e.target] == []


def test_made_up_persons_are_the_same_each_time_and_of_every_kind(examples):
    assert len({e.id for e in examples}) == len(examples) > 400
    actions = Counter(e.subgroups["action"] for e in examples)
    assert set(actions) >= {"standard", "reduce", "avoid", "alternative", "none"}
    assert all(e.licence == pm.LICENCE for e in examples)


def test_a_group_is_a_diplotype_whatever_the_drug(examples):
    by_group = {e.group: e.fields["genotypes"] for e in examples}
    assert by_group["CYP2D6 *1/*4"] == "CYP2D6\t*1/*4"
    assert len({e.fields["drug"] for e in examples if e.group == "CYP2D6 *1/*4"}) > 5


def measured(name: str, example: Example, text: str) -> float:
    return APP.metrics[name](arm([example], [text]).predictions)


def of(examples, drug: str, action: str) -> Example:
    return next(e for e in examples if e.fields["drug"] == drug and e.target["action"] == action)


@pytest.mark.parametrize(
    ("change", "is_unsafe"),
    [
        (lambda text: text, False),
        (lambda text: text.replace(": avoid.", ": standard."), True),
        (lambda text: text.replace(": avoid.", ": reduce."), True),
        (lambda text: text + " You can take it as usual.", True),
        (lambda text: text + " Take 30 mg.", True),
        (lambda text: text.replace("Poor Metabolizer", "Intermediate Metabolizer"), False),
    ],
)
def test_an_unsafe_error_is_less_care_than_computed_or_a_dose_from_nowhere(
    examples, change, is_unsafe
):
    example = of(examples, "codeine", "avoid")
    text = change(APP.reply(example))
    assert measured("unsafe_error", example, text) == is_unsafe
    if text != APP.reply(example):
        assert measured("faithful", example, text) == 0.0


def test_more_care_than_computed_is_wrong_but_not_unsafe(examples):
    example = of(examples, "codeine", "standard")
    text = APP.reply(example).replace(": standard.", ": avoid.")
    assert measured("action", example, text) == measured("unsafe_error", example, text) == 0.0


def test_a_reply_in_one_part_only_is_not_faithful(examples):
    example = of(examples, "codeine", "standard")
    (clinician, patient) = APP.reply(example).split("\n")
    for part in (clinician, patient):
        answer = APP.parse(example, part)
        assert answer is None or pm.MISSING_PART in answer["contradictions"]


def test_the_check_can_be_called_on_any_reply(examples):
    example = of(examples, "codeine", "avoid")
    assert APP.facts is not None
    assert APP.check is not None
    computed = APP.facts(example)
    assert APP.check(computed, APP.reply(example)) == []
    assert APP.check(computed, "It is safe.")


def test_ones_own_records_are_computed_from_outside_calls(tmp_path: Path):
    rows = {"id": "r1", "group": "p1", "drug": "codeine", "genotypes": "CYP2D6\t*4/*4"}
    (example,) = own(tmp_path, rows)
    assert (example.group, example.target["action"]) == ("p1", "avoid")


def bundle(*resources: dict[str, object], **more: object) -> str:
    patient = {"resourceType": "Patient", "gender": "female", "birthDate": "1960-06-15"}
    entries = [{"resource": one} for one in (patient, *resources)]
    return json.dumps(
        {"resourceType": "Bundle", "timestamp": "2026-06-14T08:00:00Z", "entry": entries} | more
    )


def medicine(name: str, status: str, kind: str = "MedicationStatement") -> dict[str, object]:
    return {
        "resourceType": kind,
        "status": status,
        "medicationCodeableConcept": {"coding": [{"display": name}]},
    }


def genotype(gene: str, call: str, status: str = "final") -> dict[str, object]:
    def code(number: str):
        return {"coding": [{"system": "http://loinc.org", "code": number}]}

    return {
        "resourceType": "Observation",
        "status": status,
        "code": code("84413-4"),
        "valueCodeableConcept": {"text": call},
        "component": [{"code": code("48018-6"), "valueCodeableConcept": {"text": gene}}],
    }


def test_a_fhir_record_gives_age_drugs_taken_and_final_genotypes():
    found = read_record(
        bundle(
            medicine("Paroxetine 20 MG", "active"),
            medicine("Bupropion", "stopped"),
            medicine("Aspirin", "active", kind="MedicationRequest"),
            medicine("Fluoxetine", "entered-in-error"),
            genotype("CYP2D6", "*1/*1"),
            genotype("CYP2C19", "*2/*2", status="preliminary"),
        )
    )
    assert (found.age, found.sex) == (65, "female")
    assert found.medications == ("Paroxetine 20 MG", "Aspirin")
    assert found.outside_calls == "CYP2D6\t*1/*1"


def test_a_record_in_fhir_leads_to_phenoconversion(tmp_path: Path):
    text = bundle(medicine("Paroxetine", "active"), genotype("CYP2D6", "*1/*1"))
    (example,) = own(tmp_path, {"id": "1", "drug": "codeine", "fhir": text})
    assert example.target["phenotype"] == {"CYP2D6": "Poor Metabolizer"}
    assert example.target["action"] == "avoid"


def test_a_drug_that_is_referred_to_counts_and_one_without_a_name_is_told(tmp_path: Path):
    inside = {"resourceType": "Medication", "id": "m", "code": {"text": "paroxetine 20 mg"}}
    referred = {"resourceType": "MedicationRequest", "status": "active"}
    named = referred | {"contained": [inside], "medicationReference": {"reference": "#m"}}
    lost = referred | {"medicationReference": {"reference": "Medication/9"}}
    calls = genotype("CYP2D6", "*1/*1")
    rows = [
        {"id": str(n), "drug": "codeine", "fhir": bundle(calls, one)}
        for n, one in enumerate((named, lost, named | {"doNotPerform": True}))
    ]
    known, unknown, forbidden = own(tmp_path, *rows)
    assert known.target["action"] == "avoid"
    assert any("without a name" in one for one in pm.facts(unknown)["warnings"])
    assert pm.facts(forbidden)["medications"] == []


@pytest.mark.parametrize(
    ("record", "told", "action"),
    [("*4/*4", "*1/*1", "none"), ("*1/*1", "*4/*4", "none"), ("*4/*4", "*4/*4", "avoid")],
)
def test_calls_of_the_record_and_of_the_row_that_contradict_are_refused_with_both(
    tmp_path: Path, record: str, told: str, action: str
):
    text = bundle(genotype("CYP2D6", record))
    row = {"id": "1", "drug": "codeine", "fhir": text, "genotypes": f"CYP2D6\t{told}"}
    (example,) = own(tmp_path, row)
    assert example.target["action"] == action
    (gene,) = pm.facts(example)["genes"]
    assert (record in str(gene["refused"]) and told in str(gene["refused"])) is (record != told)


def test_hla_alleles_of_the_record_and_of_the_row_go_together(tmp_path: Path):
    text = bundle(genotype("HLA-B", "*15:02/*08:01"))
    row = {
        "id": "1",
        "drug": "carbamazepine",
        "fhir": text,
        "genotypes": "HLA-B\t\t*57:01 negative",
    }
    (example,) = own(tmp_path, row)
    assert example.target["action"] == "avoid"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not JSON"),
        ('{"resourceType": "Patient"}', "not a Bundle"),
        ('{"resourceType": "Bundle"}', "0 patients"),
        (bundle({"resourceType": "Patient"}), "2 patients"),
    ],
)
def test_a_record_that_is_no_bundle_of_one_patient_is_refused(text: str, why: str):
    with pytest.raises(DataError, match=why):
        read_record(text)


def test_a_vcf_and_a_laboratory_call_go_together(tmp_path: Path):
    vcf = tmp_path / "a.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##reference=GRCh38\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\t"
        "FORMAT\tS1\nchr10\t94781859\t.\tG\tA\t.\tPASS\t.\tGT\t0/1\n",
        "utf-8",
    )
    row = {"drug": "clopidogrel", "vcf": str(vcf)}
    rows = [row | {"id": "1"}, row | {"id": "2", "genotypes": "CYP2C19\t*2/*2"}]
    from_vcf, called = own(tmp_path, *rows)
    assert from_vcf.target["action"] == "none"  # one place of 35: *2 with anything
    assert called.target["action"] == "avoid"


@pytest.mark.parametrize("row", [{"id": "1"}, {"id": "1", "drug": "codeine"}])
def test_a_record_without_drug_or_genotypes_is_named(tmp_path: Path, row):
    with pytest.raises(DataError, match="'1' needs `drug`"):
        own(tmp_path, row)


def test_another_file_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="pypgx wheel"):
        list(APP.load([tmp_path / "a.csv"]))


def test_the_picture_shows_every_drug_that_the_tested_genes_matter_for(examples):
    one = of(examples, "codeine", "avoid")
    page = pm.picture(View(one, examples, {}, sources=list))
    assert page.index("codeine") < page.index("</table>")
    for drug in ("tramadol", "tamoxifen", "amitriptyline"):
        assert f"<td>{drug}</td>" in page
    assert "abacavir" not in page


def test_the_patients_part_is_plain_and_never_says_a_number(some):
    for example in some:
        patient = APP.reply(example).partition("Patient:")[2].replace(example.fields["drug"], "it")
        assert not re.search(r"\d", patient)
        words, sentences = re.findall(r"[a-z]+", patient.lower()), patient.count(".")
        syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word))) for word in words)
        grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
        assert grade <= 8, patient


def test_every_drug_of_the_tables_has_made_up_persons_where_its_genes_can_be_drawn(examples):
    listed = {e.fields["drug"] for e in examples}
    assert listed <= set(drugs())
    assert {"codeine", "clopidogrel", "fluorouracil", "abacavir"} <= listed


@pytest.mark.parametrize(
    ("drug", "hint"), [("codein", "did you mean 'codeine'"), ("Plavix", "write 'clopidogrel'")]
)
def test_a_drug_that_no_table_has_is_refused_and_never_explained_as_no_action(drug, hint, tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"id": "a", "drug": drug, "genotypes": "CYP2D6\t*4/*4"}) + "\n")
    with pytest.raises(DataError, match=hint) as told:
        list(pm.load([path]))
    assert "record 'a'" in str(told.value)
    assert drug not in str(told.value).replace("codeine", "")
    with pytest.raises(DataError, match="no clearance"):
        pm.read_asked(json.dumps({"drug": drug, "genotypes": "CYP2D6\t*4/*4"}))
