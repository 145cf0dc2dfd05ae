"""What the pipeline owes the stages: no release on old evidence, nothing served once changed."""

from pathlib import Path

import pytest
from planted import data_card, decision, evaluation, tune_record, write_run
from test_release import APP
from tiny_cluster import ready_to_tune

from medtune.artifacts import DataCard, Release, canonical_sha256
from medtune.config import load_run
from medtune.errors import DataError, GateError
from medtune.pipeline import Job, released, stages
from medtune.pipeline.stages import refuse_stale
from medtune.release import release

SPLITS = {f"{name}.jsonl": name * 4 for name in ("train", "validation", "test")}


def linked(out: Path, **changed: dict[str, str]) -> None:
    """Artifacts that follow from each other, but for what is changed."""
    inputs = {name: SPLITS[f"{name}.jsonl"] for name in ("train", "validation", "test")}
    data_card(outputs=SPLITS).save(out)
    choice = decision(inputs=inputs | changed.get("decision", {})).signed()
    choice.save(out)
    record = tune_record(
        inputs=inputs | {"decision": choice.signature} | changed.get("tune", {}),
        outputs={"adapter": "a1"},
    )
    record.save(out)
    adapter = {"adapter": canonical_sha256(record.outputs)}
    evaluation(inputs=inputs | adapter | changed.get("evaluation", {})).save(out)


def test_evidence_that_follows_from_what_is_there_passes(out: Path):
    linked(out)
    refuse_stale(out)


@pytest.mark.parametrize(
    ("stage", "stale", "verb"),
    [
        ("decision", {"train": "older"}, "decide"),
        ("decision", {"validation": "older"}, "decide"),
        ("tune", {"train": "older"}, "tune"),
        ("tune", {"decision": "older"}, "tune"),
        ("evaluation", {"test": "older"}, "evaluate"),
        ("evaluation", {"adapter": "of another tune"}, "evaluate"),
    ],
)
def test_stale_evidence_is_refused_and_says_what_to_run(
    stage: str, stale: dict[str, str], verb: str, out: Path
):
    linked(out, **{stage: stale})
    with pytest.raises(DataError, match=f"run medtune {verb} again"):
        refuse_stale(out)


def test_what_the_metric_of_a_look_depends_on_is_in_the_key_of_tune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = load_run(ready_to_tune(tmp_path))
    monkeypatch.setattr(stages, "_step", lambda job, kind, settings, *_: settings)

    def settings(stop_on: str, longest: int) -> object:
        tune = run.tune.model_copy(update={"stop_on": stop_on})
        asked = run.evaluate.model_copy(update={"max_new_tokens": longest})
        changed = run.model_copy(update={"tune": tune, "evaluate": asked})
        return stages.tune(Job(changed, offline=True))

    assert settings("metric", 8) != settings("metric", 9)
    assert settings("loss", 8) == settings("loss", 9)


def test_data_that_was_split_anew_makes_everything_after_it_stale(out: Path):
    linked(out)
    DataCard.load(out).model_copy(update={"outputs": SPLITS | {"train.jsonl": "new"}}).save(out)
    with pytest.raises(DataError, match="run medtune decide again"):
        refuse_stale(out)


def test_a_refused_release_is_not_served(out: Path):
    run = write_run(out)
    write_release(run.out, released=False)
    with pytest.raises(GateError, match="not served"):
        released(Job(run))


def test_a_bundle_that_was_changed_is_not_served(out: Path):
    run = write_run(out)
    found = release(run, APP, key="k", inputs={})
    assert released(Job(run)).id == found.id
    weights = out / "release" / "adapter" / "adapter_model.safetensors"
    weights.write_text("other weights", encoding="utf-8")
    with pytest.raises(DataError, match="changed after the release"):
        released(Job(run))


def write_release(out: Path, *, released: bool) -> None:
    run = write_run(out)
    found = release(run, APP, key="k", inputs={})
    found.model_copy(update={"released": released, "reasons": ["gate"]}).save(out)
    assert Release.load(out).released is released
