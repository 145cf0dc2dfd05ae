"""A release needs every gate and no blocking finding; what it leaves behind can be checked."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from planted import (
    APP,
    INSTRUCTION,
    SECRET,
    Base,
    against,
    arm,
    clean_evidence,
    data_card,
    decision,
    estimate,
    evaluation,
    make_run,
    tune_record,
    write_run,
)

from medtune.artifacts import Judged, Parity, Release, sha256_file, write_text
from medtune.errors import DataError, GateError, MachineError
from medtune.features import NO_LABEL, Reference
from medtune.guards import GUARDS
from medtune.records import Gate
from medtune.release import Shown, release, verify_audit
from medtune.release.card import same_model
from medtune.release.gate import judge_gates


def attempt(out: Path, evidence=None, app=APP) -> Release:
    run = write_run(out, evidence)
    return release(run, app, key="k", inputs={"data.json": "x"}, base=Base())  # type: ignore[arg-type]


def refused(out: Path, evidence=None, app=APP) -> tuple[Release, str]:
    with pytest.raises(GateError) as error:
        attempt(out, evidence, app)
    assert error.value.exit_code == 5
    return Release.load(out), str(error.value)


def test_clean_evidence_is_released_with_a_whole_bundle(out: Path):
    found = attempt(out)
    assert found.released
    assert found.reasons == []
    assert found.scope == "intended use"
    assert found.guards_judged == list(GUARDS)
    assert found.guards_not_built == []
    assert len(found.id) == 16
    files = {
        path.relative_to(out / "release").as_posix() for path in (out / "release").rglob("*.*")
    }
    assert files | {"SHA256SUMS"} == {
        "adapter/adapter_model.safetensors",
        "adapter/adapter_config.json",
        "run.yaml",
        "data.json",
        "decision.json",
        "tune.json",
        "evaluation.json",
        "model_card.md",
        "reference.json",
        "SHA256SUMS",
    }
    assert Release.current(out, "k") == found
    assert not list(out.glob(".*"))


UNMEASURED = {
    "fairness": {"evaluation": evaluation(fairness=None)},
    "generalization": {"evaluation": evaluation(retention=[])},
    "knowledge_decay": {"evaluation": evaluation(dated=[])},
    "transfer": {"evaluation": evaluation(transfer=[])},
    "overfitting": {"evaluation": evaluation(memorisation=None)},
    "ethics": {"run": make_run(Path("run"))},
}


@pytest.mark.parametrize("guard", UNMEASURED)
def test_what_a_guard_could_not_judge_keeps_the_release_in_research(out: Path, guard: str):
    found = attempt(out, clean_evidence(**UNMEASURED[guard]))
    assert found.released
    assert found.scope == "research"
    assert guard not in found.guards_judged
    card = (out / "release" / "model_card.md").read_text(encoding="utf-8")
    assert f"{guard}: not judged" in card


JUDGED = {
    "judge": "j",
    "criteria": 3,
    "labels": 100,
    "alpha": 0.8,
    "asked_agreement": 0.6,
    "missing": [],
}


def test_a_rubric_gates_only_where_the_judge_agrees_with_people():
    gate, score = Gate("rubric_score", at_least=0.5), estimate(0.7, 0.6, 0.8)
    good = Judged(agreement=estimate(0.8, 0.7, 0.9), may_gate=True, score=score, **JUDGED)
    poor = Judged(agreement=estimate(0.1, 0.0, 0.2), may_gate=False, score=score, **JUDGED)
    (met,) = judge_gates([gate], evaluation(judged=good))
    (unmet,) = judge_gates([gate], evaluation(judged=poor))
    assert (met.met, unmet.met) == (True, False)
    assert "agree with people" in unmet.why


def test_alike_hidden_states_never_gate():
    (found,) = judge_gates(
        [Gate("likeness", at_least=0.1)], evaluation(likeness=estimate(0.9, 0.8, 1.0))
    )
    assert not found.met
    assert "may not gate" in found.why


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not on this machine")
def test_the_checksums_are_those_that_sha256sum_checks(out: Path):
    attempt(out)
    check = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=out / "release", check=False).returncode == 0
    write_text(out / "release" / "adapter" / "adapter_config.json", "{ }")
    done = subprocess.run(check, cwd=out / "release", check=False, capture_output=True)
    assert done.returncode != 0


def test_the_id_names_the_weights_and_the_evidence_and_not_the_day(out: Path):
    first = attempt(out).id
    later = {"created": "2027-05-05T00:00:00+00:00", "key": "other"}
    evidence = clean_evidence(
        tune=tune_record(seconds=99.0, peak_memory_gb=2.0, resumed=1, **later),
        evaluation=evaluation(**later),
    )
    assert attempt(out, evidence).id == first
    better = clean_evidence(evaluation=evaluation(openings=2))
    assert attempt(out, better).id != first
    run = write_run(out)
    write_text(out / "adapter" / "adapter_model.safetensors", "other weights")
    tune_record().save(out)
    found = release(run, APP, key="k", inputs={})
    assert found.id != first


FAULTS = [
    (clean_evidence(evaluation=evaluation(failed=2)), "2 over all arms"),
    (
        clean_evidence(
            evaluation=evaluation(
                comparisons=[against("classical", estimate(0.05, -0.02, 0.12), "no")]
            )
        ),
        "lower bound -0.0200 misses the limit 0.0000",
    ),
    (clean_evidence(evaluation=evaluation(comparisons=[])), "not measured, so not met"),
    (clean_evidence(decision=decision(gates=[])), "no gate is set"),
]


@pytest.mark.parametrize(("evidence", "reason"), FAULTS, ids=[f[1][:20] for f in FAULTS])
def test_a_fault_refuses_the_release_and_the_refusal_is_kept(out: Path, evidence, reason: str):
    found, message = refused(out, evidence)
    assert not found.released
    assert any(reason in one for one in found.reasons)
    assert all(one in message for one in found.reasons)
    assert not (out / "release").exists()
    assert verify_audit(out / "audit.jsonl")[-1]["released"] is False


def test_all_reasons_are_told_at_once(out: Path):
    evidence = clean_evidence(evaluation=evaluation(failed=1, comparisons=[]))
    found, _ = refused(out, evidence)
    assert len(found.reasons) == 2


def test_a_refusal_takes_the_older_bundle_away(out: Path):
    attempt(out)
    refused(out, clean_evidence(evaluation=evaluation(failed=1)))
    assert not (out / "release").exists()


def test_the_gates_of_the_application_count_too(out: Path):
    app = APP.__class__(
        **{name: getattr(APP, name) for name in APP.__slots__}
        | {"gates": (Gate("accuracy", at_least=0.9),)}
    )
    found, _ = refused(out, app=app)
    assert found.reasons == ["gate accuracy: lower bound 0.7800 misses the limit 0.9000"]


ECE = "expected_calibration_error"
GATES = [
    (Gate("accuracy", at_least=0.78), True),  # the bound, exactly
    (Gate("accuracy", at_least=0.7801), False),  # the point is above, the bound is not
    (Gate("accuracy", at_most=0.92), True),
    (Gate("accuracy", at_most=0.91), False),
    (Gate("accuracy", at_least=0.7, at_most=0.9), False),
    (Gate("accuracy", at_least=0.17, against="classical"), True),
    (Gate("accuracy", at_least=0.2, against="classical"), False),
    (Gate("accuracy", at_least=0.0, against="few_shot"), False),
    (Gate("macro_f1", at_least=0.0), False),
    (Gate("accuracy"), False),
    (Gate(ECE, at_most=0.09), True),
    (Gate(ECE, at_most=0.08), False),
]


@pytest.mark.parametrize(("gate", "met"), GATES)
def test_a_gate_compares_the_bound(gate: Gate, met: bool):
    (result,) = judge_gates([gate, gate], evaluation())
    assert result.met is met
    assert json.dumps(result.as_json())


def test_a_number_that_is_not_finite_meets_no_gate():
    nan = evaluation(arms=[arm("tuned", estimate(0.9, float("nan"), float("nan")))])
    (result,) = judge_gates([Gate("accuracy", at_least=0.1)], nan)
    assert not result.met


def test_a_gate_without_calibration_is_not_met():
    (result,) = judge_gates([Gate(ECE, at_most=0.1)], evaluation(calibration={}))
    assert not result.met
    assert "not measured" in result.why


def test_a_changed_adapter_is_not_released(out: Path):
    run = write_run(out)
    write_text(out / "adapter" / "adapter_model.safetensors", "swapped")
    with pytest.raises(DataError, match=r"adapter/adapter_model.safetensors"):
        release(run, APP, key="k", inputs={})
    assert not (out / "release.json").exists()


@pytest.mark.parametrize("missing", ["data.json", "decision.json", "tune.json", "evaluation.json"])
def test_a_missing_artifact_is_named(out: Path, missing: str):
    run = write_run(out)
    (out / missing).unlink()
    with pytest.raises(DataError, match=missing):
        release(run, APP, key="k", inputs={})


def test_a_bundle_that_cannot_be_built_leaves_the_older_one(out: Path):
    attempt(out)
    before = sha256_file(out / "release" / "SHA256SUMS")
    (out / ".release.part").write_text("in the way")
    with pytest.raises(MachineError, match="unchanged"):
        attempt(out)
    assert sha256_file(out / "release" / "SHA256SUMS") == before
    assert not (out / "release.json").exists()


def test_the_card_states_the_whole_evidence_and_what_was_not_done(out: Path):
    attempt(out)
    card = (out / "release" / "model_card.md").read_text(encoding="utf-8")
    for expected in (
        "Intended use: triage of abstracts by a librarian",
        "Not for: deciding the care of a patient",
        "| a.jsonl | " + "ab" * 32 + " | MIT |",
        "SHA-256 " + "cd" * 32 + ", licence Apache-2.0",
        "the tuned model is better: difference 0.250 (0.170 to 0.330, n = 100)",
        "| tuned | 0.850 (0.780 to 0.920, n = 100) |",
        "| classical | 0.600 (0.500 to 0.700, n = 100) |",
        "0.050 (0.020 to 0.090, n = 100)",
        "every subgroup against the rest, corrected for their number; gaps up to 0.05",
        "Counterfactual pairs, sex: 0.000 (0.000 to 0.015) of 200 answers changed",
        "| other site | 0.600 (0.500 to 0.700, n = 100) | 0.800 (0.700 to 0.900, n = 100) | no |",
        "Not measured: whether the served model gives the probabilities of the trained one",
        "synthetic \\| made for the tests",
    ):
        assert expected in card
    headings = [line for line in card.splitlines() if line.startswith("## ")]
    assert [line[3] for line in headings[:9]] == list("123456789")


AGREE = Parity(tokens=640, base=0.002, tuned=0.0031, effect=0.4)
OFF = Parity(tokens=640, base=0.002, tuned=0.0041, effect=0.4)
IDLE = Parity(tokens=640, base=0.002, tuned=0.0001, effect=0.003)


def test_the_card_says_how_far_the_served_model_is_from_the_trained_one(out: Path):
    run = write_run(out)
    release(run, APP, key="k", inputs={}, base=Base(), shown=Shown(parity=AGREE))  # type: ignore[arg-type]
    card = " ".join((out / "release" / "model_card.md").read_text(encoding="utf-8").split())
    assert "same probabilities in both, within their own noise, and the tuning shows" in card
    assert "tuned model 0.003100, at most 0.004000 allowed (twice the base model's 0.002000" in card


@pytest.mark.parametrize(("parity", "why"), [(OFF, "differ by 0.0041"), (IDLE, "has no effect")])
def test_a_served_model_that_is_not_the_trained_one_is_not_released(out: Path, parity, why: str):
    run = write_run(out)
    with pytest.raises(GateError, match=why):
        release(run, APP, key="k", inputs={}, base=Base(), shown=Shown(parity=parity))  # type: ignore[arg-type]
    assert not (out / "release").exists()
    assert "THE TUN" in same_model(parity)


WORDS = [
    (against("classical", estimate(-0.2, -0.3, -0.1), "no"), "is worse:"),
    (against("classical", estimate(0.01, -0.1, 0.1), "not_enough_data"), "too little data"),
    (against("few_shot", estimate(0.1, 0.05, 0.2), "yes"), "No classical baseline was measured"),
]


@pytest.mark.parametrize(("comparison", "words"), WORDS)
def test_the_card_says_plainly_how_it_stands_to_the_classical_baseline(
    out: Path, comparison, words: str
):
    evidence = clean_evidence(
        decision=decision(gates=[Gate("accuracy", at_least=0.1)]),
        evaluation=evaluation(comparisons=[comparison]),
    )
    attempt(out, evidence)
    assert words in (out / "release" / "model_card.md").read_text(encoding="utf-8")


def test_no_record_text_leaves_with_the_bundle(out: Path):
    attempt(out)
    assert SECRET in (out / "validation.jsonl").read_text(encoding="utf-8")
    left = [p for p in [*(out / "release").rglob("*"), out / "audit.jsonl"] if p.is_file()]
    assert all(SECRET not in path.read_text(encoding="utf-8") for path in left)


def test_the_reference_holds_the_features_of_validation_and_the_answers_of_the_test(out: Path):
    attempt(out)
    reference = Reference.load(out / "release")
    assert len(reference.features["characters"]) == 60
    assert reference.features["words"] == [6.0] * 60
    assert reference.answers == {"no": 45, "yes": 50, NO_LABEL: 5}
    assert reference.labels == ("no", "yes")
    assert reference.instruction == INSTRUCTION


def test_a_task_with_free_answers_has_no_answer_mix(out: Path):
    evidence = clean_evidence(data=data_card(labels={}), evaluation=evaluation(confusion={}))
    attempt(out, evidence)
    assert Reference.load(out / "release").answers == {}


def test_a_broken_log_stops_the_next_release(out: Path):
    attempt(out)
    log = out / "audit.jsonl"
    log.write_text(log.read_text().replace("intended use", "diagnosis"))
    with pytest.raises(DataError, match="changed after it was written"):
        attempt(out)


def test_lines_cut_off_the_end_are_noticed_by_the_release(out: Path):
    attempt(out)
    found = attempt(out)
    log = out / "audit.jsonl"
    log.write_text(log.read_text().splitlines(keepends=True)[0])
    assert len(verify_audit(log)) == 1  # the chain alone cannot tell
    assert Release.current(out, found.key) is None
