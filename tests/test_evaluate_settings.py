"""The settings of the evaluation: paths, names, suites, and what they must not invalidate."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from planted import data_card
from tiny_bench import bench, right, subject
from tiny_study import APP

from medtune.config import EvaluateSection, SwapSection, load_run
from medtune.errors import ConfigError, DataError
from medtune.evaluate.transfer import measure_transfer
from medtune.metrics import accuracy
from medtune.pipeline import Job
from medtune.pipeline.handed import transfer_sets
from medtune.pipeline.hashes import cleaner_hashes, score_hash, suite_hashes

TASK = {
    "instruction": "Is the note urgent?",
    "input": "{note}",
    "answer": "label",
    "labels": ["yes", "no"],
}
ITEM = {"id": "q1", "area": "own", "question": "Why?", "options": ["a", "b"], "answer": "b"}


def run_file(folder: Path, **changed: object) -> Path:
    whole: dict[str, object] = {
        "app": "custom",
        "goal": "custom_data",
        "out": str(folder / "out"),
        "model": {"source": "path:model"},
        "data": {"sources": [{"source": "path:notes.jsonl"}]},
        "task": TASK,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(whole | changed), encoding="utf-8")
    return path


def test_every_path_of_the_evaluation_starts_at_the_run_file(tmp_path: Path):
    run = load_run(
        run_file(
            tmp_path,
            evaluate={
                "retention": [{"source": "path:own.jsonl"}],
                "transfer": [{"source": "path:/elsewhere/notes.jsonl"}],
                "dated_facts": [{"source": "path:facts.jsonl"}],
                "judge": {"rubric": "rubric.json", "labels": "labels.jsonl"},
            },
        )
    )
    found = run.evaluate
    assert found.retention[0].source == f"path:{tmp_path / 'own.jsonl'}"
    assert found.transfer[0].source == "path:/elsewhere/notes.jsonl"
    assert found.dated_facts[0].source == f"path:{tmp_path / 'facts.jsonl'}"
    assert found.judge is not None
    assert (found.judge.rubric, found.judge.labels) == (
        tmp_path / "rubric.json",
        tmp_path / "labels.jsonl",
    )


@pytest.mark.parametrize(
    ("evaluate", "says"),
    [
        ({"retention": [{"sauce": "x"}]}, r"evaluate\.retention\.0\.sauce.*did you mean 'source'"),
        ({"judge": {"rubrik": "x"}}, r"evaluate\.judge\.rubrik.*did you mean 'rubric'"),
        ({"swaps": [{"name": "a", "pears": []}]}, r"swaps\.0\.pears.*did you mean 'pairs'"),
        ({"perturbations": ["typo"]}, r"evaluate\.perturbations\.0"),
        ({"swaps": [{"name": "a", "pairs": [["x", "y"]]}] * 2}, "names two swaps alike"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path, evaluate, says: str):
    with pytest.raises(ConfigError, match=says):
        load_run(run_file(tmp_path, evaluate=evaluate))


def test_the_positive_label_must_be_one_of_the_labels(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"task\.positive: 'maybe'"):
        load_run(run_file(tmp_path, task=TASK | {"positive": "maybe"}))
    app = Job(load_run(run_file(tmp_path, task=TASK | {"positive": "yes"}))).app
    assert {"sensitivity", "specificity", "ppv", "npv", "auroc", "auprc"} <= set(app.metrics)
    assert app.primary == "macro_f1"


def test_what_is_measured_beside_the_test_does_not_touch_the_decision():
    swap = SwapSection(name="sex", pairs=(("he", "she"),))
    one, other = EvaluateSection(), EvaluateSection(swaps=(swap,), retention_items=3)
    assert one.scoring == other.scoring
    assert one.scoring != EvaluateSection(resamples=500).scoring


def test_every_file_of_the_evaluation_is_part_of_what_it_was_made_from(tmp_path: Path):
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps(ITEM), encoding="utf-8")
    (tmp_path / "rubric.json").write_text("[]", encoding="utf-8")
    evaluate = {"retention": [{"source": "path:own.jsonl"}], "judge": {"rubric": "rubric.json"}}
    job = Job(load_run(run_file(tmp_path, evaluate=evaluate)), offline=True)
    before = suite_hashes(job)
    assert set(before) == {"retention:0", "judge:rubric.json"}
    own.write_text(json.dumps(ITEM | {"answer": "a"}), encoding="utf-8")
    assert suite_hashes(job)["retention:0"] != before["retention:0"]


OWN_NAMES = {
    "instruction": "What has the patient?",
    "input": "{note}",
    "answer": "text",
    "target": "reply",
    "id": "id",
    "group": "patient",
    "subgroups": ["hospital"],
}


def deidentified(folder: Path, rows: list[dict[str, str]], **settings: object) -> Job:
    (folder / "other.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    data = {
        "sources": [{"source": "path:notes.jsonl"}],
        "deidentify": {"key": str(folder / "key")} | settings,
    }
    evaluate = {"transfer": [{"source": "path:other.jsonl"}]}
    return Job(
        load_run(run_file(folder, data=data, evaluate=evaluate, task=OWN_NAMES)), offline=True
    )


def test_a_set_from_elsewhere_is_cleaned_before_anything_reads_it(tmp_path: Path):
    secrets = ("448-21-907", "Oakenfold", "44821907", "Saint Vitruvius")
    row = {
        "id": "448-21-907/2",
        "patient": "448-21-907",
        "note": "Mr. Oakenfold came on 03/02/2023, MRN: 44821907.",
        "reply": "Mr. Oakenfold has a fever.",
        "hospital": "Saint Vitruvius Hospital",
    }
    job = deidentified(tmp_path, [row, row | {"id": "2", "patient": "448-21-908"}])
    with pytest.raises(DataError, match=r"deidentify\.key"):
        transfer_sets(job)
    cleaner_hashes(job.run)  # the data stage makes the key
    ((_, examples),) = transfer_sets(job).items()
    shown = str([(e.id, e.group, e.fields, e.target, e.subgroups) for e in examples])
    assert [secret for secret in secrets if secret in shown] == []
    assert "has a fever" in shown
    app = replace(APP, choices=None, metrics={"accuracy": accuracy}, primary="accuracy")
    made = bench(tmp_path / "out", subject("tuned", right), app=app)
    assert measure_transfer(made, None, transfer_sets(job), lambda _: set())
    written = [path.read_text() for path in (tmp_path / "out/evaluate").glob("transfer-*.jsonl")]
    assert written
    assert [secret for secret in secrets if secret in "".join(written)] == []


def test_a_changed_key_tagger_or_score_makes_the_data_stage_run_again(tmp_path: Path):
    tagger, score = tmp_path / "tagger", tmp_path / "score.json"
    tagger.write_text("one")
    score.write_text("one")
    settings = {"tagger": str(tagger), "measured": str(score)}
    run = deidentified(tmp_path, [], **settings).run
    secret = tmp_path / "key"
    before = cleaner_hashes(run) | score_hash(run)
    assert set(before) == {"deidentify key", "deidentify tagger", "deidentify measured"}
    assert secret.read_text().strip() not in str(before)
    assert cleaner_hashes(run) | score_hash(run) == before
    tagger.write_text("two")
    score.write_text("two")
    held, _ = secret.read_text(), secret.unlink()
    after = cleaner_hashes(run) | score_hash(run)
    assert {name for name in before if before[name] != after[name]} == set(before)
    secret.write_text(held)
    assert cleaner_hashes(run)["deidentify key"] == before["deidentify key"]


def test_a_finished_run_whose_key_was_taken_away_stays_as_it_is(tmp_path: Path):
    run = deidentified(tmp_path, []).run
    found = cleaner_hashes(run)
    data_card(inputs=found).save(run.out)
    (tmp_path / "key").unlink()
    assert cleaner_hashes(run) == found
    data_card(inputs={}).save(run.out)
    assert cleaner_hashes(run) == {}
    assert not (tmp_path / "key").exists()


def test_a_set_from_elsewhere_is_read_as_the_task_reads_its_own(tmp_path: Path):
    rows = [{"note": f"note {i}", "label": "yes"} for i in range(4)]
    other = tmp_path / "other.jsonl"
    other.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    two = {"sources": [{"source": "path:notes.jsonl"}, {"source": "path:more.jsonl"}]}
    evaluate = {"transfer": [{"source": "path:other.jsonl"}]}
    job = Job(load_run(run_file(tmp_path, data=two, evaluate=evaluate)), offline=True)
    ((name, examples),) = transfer_sets(job).items()
    assert name == "1: other.jsonl"
    assert [e.target for e in examples] == ["yes"] * 4
