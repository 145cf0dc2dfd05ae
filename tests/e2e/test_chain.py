"""The demo's chain on the embedded model, in small: it learns, and is exact after kills.

Some ten minutes on two cores. The first run fetches the model and the data (105 MB) if the cache
does not have them.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from small_run import RUN, chain, command, finish, killed_demo, moments

from medtune.artifacts import Decision, Evaluation, Release, TuneRecord

pytestmark = pytest.mark.e2e

N_KILLS = 4


def test_the_loss_falls_and_the_tuned_model_beats_its_prompts(trained: Path):
    rows = [json.loads(line) for line in (trained / "tune.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert sum(losses[-8:]) < 0.5 * sum(losses[:8])
    found = Evaluation.load(trained)
    points = {arm.name: arm.estimates[found.primary].value for arm in found.arms}
    assert points["tuned"] > max(points["zero_shot"], points["majority"])
    assert found.failed == 0
    assert found.openings == 1


def test_the_decision_has_every_arm_on_the_same_examples(trained: Path):
    found = Decision.load(trained)
    assert {"majority", "classical", "zero_shot", "few_shot", "small_tune"} <= {
        arm.name for arm in found.arms
    }
    assert len({arm.estimates[found.primary].n for arm in found.arms}) == 1
    assert found.gates


def test_the_bundle_is_whole_and_its_card_says_what_was_not_done(trained: Path):
    found = Release.load(trained)
    assert found.released
    assert found.scope == "research"
    bundle = trained / "release"
    sums = dict(
        reversed(line.split(maxsplit=1))
        for line in (bundle / "SHA256SUMS").read_text().splitlines()
    )
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=bundle, check=False
    )
    assert checked.returncode == 0
    assert {"model_card.md", "evaluation.json", "decision.json"} <= set(sums)
    assert "fairness" in (bundle / "model_card.md").read_text()


def test_a_second_run_does_nothing(trained: Path):
    before = (trained / "evaluation.json").stat().st_mtime_ns
    started = time.monotonic()
    told = chain(trained)
    assert told.count("unchanged") == 5
    assert time.monotonic() - started < 60
    assert (trained / "evaluation.json").stat().st_mtime_ns == before


def test_the_demo_killed_again_and_again_without_a_network_ends_with_the_same_weights(
    trained: Path, tmp_path: Path
):
    out = tmp_path / "killed"
    for seconds in moments(N_KILLS, 10, 90):
        killed_demo(out, seconds)
    told = finish(command("demo", out, offline=True))
    assert "It answered:" in told
    assert "[monitor] drifted: no" in told
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (out / "adapter" / name).read_bytes() == (trained / "adapter" / name).read_bytes()
    mine, other = TuneRecord.load(out), TuneRecord.load(trained)
    assert (mine.best_step, mine.validation_loss) == (other.best_step, other.validation_loss)


def test_a_margin_out_of_reach_ends_the_chain_without_tuning(trained: Path, tmp_path: Path):
    out = tmp_path / "refused"
    shutil.copytree(trained / "decide", out / "decide")  # another margin asks no arm again
    told = finish(command("run", out, decide__margin=0.9))
    assert Decision.load(out).verdict == "no"
    assert "not for tuning" in told
    assert not (out / "adapter").exists()
    asked = [folder / "decide" / "few_shot.jsonl" for folder in (out, trained)]
    assert asked[0].stat().st_mtime_ns == asked[1].stat().st_mtime_ns


def test_predict_answers_records_without_targets(trained: Path, tmp_path: Path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    row = {"id": "a", "sentence": "Drug A lowers tau.", "first": "drug A", "second": "tau"}
    source.write_text(json.dumps(row) + "\n")
    words = command("predict", trained)
    words[words.index(str(RUN)) + 1 : words.index(str(RUN)) + 1] = [str(source), str(target)]
    finish(words)
    (answer,) = [json.loads(line) for line in target.read_text().splitlines()]
    assert answer["id"] == "a"
    assert answer["answer"]
    assert 0 < answer["confidence"] <= 1
    assert answer["release"] == Release.load(trained).id
