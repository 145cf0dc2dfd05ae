"""The decide stage as the pipeline runs it: small tunes of a tiny model, documents, a resume."""

from pathlib import Path

import pytest
from test_plan import job
from tiny_llm import one_thread

from medtune.artifacts import Decision
from medtune.decide import audit
from medtune.errors import DataError
from medtune.pipeline import CHAIN


def small(folder: Path, **decide: object):
    guide = folder / "guide.txt"
    guide.write_text("Aspirin is not urgent.\n\nBleeding is urgent.\n", encoding="utf-8")
    return job(
        folder,
        decide={
            "tune_examples": 4,
            "shots": 2,
            "passages": 1,
            "search_examples": 8,
            "prompt_budget": 2,
            "documents": [{"source": f"path:{guide}"}],
            **decide,
        },
        model={"source": f"path:{folder / 'model'}", "numerics": "float32", "context_tokens": 512},
        tune={"epochs": 1, "rank": 2},
        evaluate={"resamples": 200, "max_new_tokens": 8, "retention_items": 4},
    )


@pytest.fixture(autouse=True)
def threads():
    with one_thread():
        yield


def test_the_stage_runs_on_real_tunes_and_stands_up_to_its_audit(tmp_path: Path):
    work = small(tmp_path)
    CHAIN["data"](work)
    step = CHAIN["decide"](work)
    decision = step.artifact
    assert isinstance(decision, Decision)
    assert {"small_tune", "tune_retrieval"} <= {arm.name for arm in decision.arms}
    assert audit(work.run.out, decision) == []
    assert decision.inputs["document guide.txt"]
    assert decision.curve is not None
    assert all(point.seconds > 0 for point in decision.curve.points)
    assert CHAIN["decide"](work).skipped
    left = {path.name for path in (work.run.out / "decide" / "tunes").iterdir()}
    assert left == {"small_tune", "tune_retrieval"}
    changed = decision.model_copy(update={"verdict": "yes", "recommendation": "tune"})
    changed.save(work.run.out)
    with pytest.raises(DataError, match="changed after it was signed"):
        CHAIN["tune"](work)
