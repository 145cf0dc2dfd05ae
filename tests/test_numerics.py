import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medtune.config import ModelSection
from medtune.errors import ConfigError
from medtune.llm import numerics
from medtune.llm.numerics import (
    Numerics,
    Step,
    Trial,
    apply_numerics,
    choose_numerics,
    decide,
    forced_bfloat16,
    run_probe,
)
from medtune.llm.source import ModelFolder

AUTO = ModelSection(source="path:x")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    """A tiny model's folder, with all that the probe reads."""
    path = tmp_path / "model"
    path.mkdir()
    config = {
        "model_type": "llama",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_hidden_layers": 30,
        "vocab_size": 300,
        "dtype": "bfloat16",
    }
    (path / "config.json").write_text(json.dumps(config))
    return ModelFolder(path, "tiny", "0" * 64, "none")


def trial(
    ended: str = "well", *, isa=None, device="cpu", off=0.0, fast=6.0, detail="", losses=(3, 2, 1)
) -> Trial:
    """A made-up trial: float32 takes 6 s a step, bfloat16 6/fast s and differs by `off`."""
    steps = []
    for loss in losses:
        steps.append(Step(dtype="float32", loss=loss, seconds=6.0))
        steps.append(Step(dtype="bfloat16", loss=loss + off, seconds=6.0 / fast))
    return Trial(isa=isa, device=device, tokens=600, ended=ended, detail=detail, steps=tuple(steps))


def fake_probe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> Path:
    """Put a script in the place of the probe; each start adds a line to the file returned."""
    starts = tmp_path / "starts"
    script = tmp_path / "probe.py"
    script.write_text(
        "import json, os, signal, sys, time\n"
        "isa = os.environ.get('ONEDNN_MAX_CPU_ISA', 'default')\n"
        f"open({str(starts)!r}, 'a').write(isa + '\\n')\n"
        "def out(row): print(json.dumps(row), flush=True)\n"
        "def step(dtype, loss, seconds): out({'dtype': dtype, 'loss': loss, 'seconds': seconds})\n"
        "out({'device': 'cpu', 'tokens': 600})\n" + body
    )
    monkeypatch.setattr(numerics, "PROBE", (sys.executable, str(script)))
    return starts


STEPS = (
    "for loss in (3.0, 2.0, 1.0):\n"
    "    step('float32', loss, 6.0)\n"
    "    step('bfloat16', loss + 0.001, 1.0)\n"
)


def test_a_faster_type_that_agrees_is_taken():
    choice = decide([trial(off=0.009)])
    assert (choice.dtype, choice.onednn_isa, choice.tokens_per_s) == ("bfloat16", None, 600)
    assert "600 tokens/s against 100 in float32 (6.00 times)" in choice.about
    assert "differs by 0.0090" in choice.about


def test_a_faster_type_that_disagrees_at_one_step_is_not_taken():
    wrong = trial()
    last = wrong.steps[-1]
    wrong = wrong.model_copy(
        update={"steps": (*wrong.steps[:-1], last.model_copy(update={"loss": last.loss + 0.02}))}
    )
    choice = decide([wrong])
    assert (choice.dtype, choice.onednn_isa, choice.tokens_per_s) == ("float32", None, 100)
    assert "differs by 0.0200" in choice.about


@pytest.mark.parametrize(
    ("fast", "dtype"), [(1.14, "float32"), (1.16, "bfloat16"), (0.5, "float32")]
)
def test_float32_wins_unless_another_is_well_ahead(fast, dtype):
    assert decide([trial(fast=fast)]).dtype == dtype


def test_the_first_step_and_one_disturbed_step_do_not_decide():
    steps = []
    for slow, quick in [(1, 100), (6, 1), (6, 60), (6, 1)]:
        steps.append(Step(dtype="float32", loss=1, seconds=slow))
        steps.append(Step(dtype="bfloat16", loss=1, seconds=quick))
    assert decide([Trial(isa=None, tokens=6, ended="well", steps=tuple(steps))]).dtype == "bfloat16"


def test_after_crashes_the_instructions_that_work_are_taken():
    crash = trial("crash", detail="SIGILL", losses=())
    safe = trial(isa="AVX512_CORE_FP16", fast=2.0)
    choice = decide([crash, safe])
    assert (choice.dtype, choice.onednn_isa) == ("bfloat16", "AVX512_CORE_FP16")
    assert choice.about.startswith("bfloat16, measured: bfloat16 died of SIGILL; ")


@pytest.mark.parametrize(
    "bad",
    [
        trial("crash", detail="SIGILL", losses=()),
        trial("timeout", detail="not done in 300 s"),
        trial("error", detail="ImportError: no torch", losses=()),
        trial(off=math.nan),
        trial(off=math.inf),
    ],
)
def test_a_type_that_fails_is_recorded_and_float32_taken(bad):
    choice = decide([bad])
    assert (choice.dtype, choice.onednn_isa) == ("float32", None)
    assert any(word in choice.about for word in ("SIGILL", "too slow", "ImportError", "not finite"))


def test_bfloat16_on_request_takes_the_instructions_that_work():
    crash = trial("crash", detail="SIGILL", losses=())
    slow = trial(isa="AVX512_CORE_FP16", fast=0.5)
    choice = forced_bfloat16([crash, slow])
    assert (choice.dtype, choice.onednn_isa) == ("bfloat16", "AVX512_CORE_FP16")


def test_bfloat16_on_request_is_refused_where_it_cannot_work():
    crashes = [trial("crash", isa=isa, detail="SIGILL", losses=()) for isa in numerics.ISAS]
    with pytest.raises(ConfigError, match=r"bfloat16 does not work.*SIGILL.*auto or float32"):
        forced_bfloat16(crashes)


def test_a_child_killed_by_sigill_is_an_answer(folder, monkeypatch, tmp_path):
    body = "step('float32', 3.0, 1.0)\nos.kill(os.getpid(), signal.SIGILL)\n"
    starts = fake_probe(monkeypatch, tmp_path, body)
    monkeypatch.setattr(numerics.platform, "machine", lambda: "x86_64")
    choice = choose_numerics(AUTO, folder)
    assert choice.dtype == "float32"
    assert choice.onednn_isa is None
    assert choice.about.count("died of SIGILL") == 3
    expected = ["default", "AVX512_CORE_FP16", "AVX512_CORE_BF16"]
    assert starts.read_text().split() == expected
    # a crash is an answer that is kept too
    assert choose_numerics(AUTO, folder) == choice
    assert starts.read_text().split() == expected


def test_the_first_instructions_that_work_end_the_search(folder, monkeypatch, tmp_path):
    body = f"if isa == 'default': os.kill(os.getpid(), signal.SIGILL)\n{STEPS}"
    starts = fake_probe(monkeypatch, tmp_path, body)
    monkeypatch.setattr(numerics.platform, "machine", lambda: "x86_64")
    choice = choose_numerics(AUTO, folder)
    assert (choice.dtype, choice.onednn_isa) == ("bfloat16", "AVX512_CORE_FP16")
    assert starts.read_text().split() == ["default", "AVX512_CORE_FP16"]


def test_what_was_measured_starts_no_child_again(folder, monkeypatch, tmp_path, capsys):
    starts = fake_probe(monkeypatch, tmp_path, STEPS)
    first = choose_numerics(AUTO, folder)
    assert first.dtype == "bfloat16"
    assert "trying which numerics" in capsys.readouterr().err
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    assert choose_numerics(AUTO, folder) == first
    assert (
        choose_numerics(AUTO.model_copy(update={"numerics": "bfloat16"}), folder).dtype
        == "bfloat16"
    )
    assert capsys.readouterr().err == ""
    assert starts.read_text().split() == ["default"]


def test_losses_that_are_not_finite_survive_the_cache(folder, monkeypatch, tmp_path):
    starts = fake_probe(monkeypatch, tmp_path, STEPS.replace("loss + 0.001", "float('nan')"))
    monkeypatch.setattr(numerics.platform, "machine", lambda: "arm64")
    first = choose_numerics(AUTO, folder)
    assert "not finite" in first.about
    assert choose_numerics(AUTO, folder) == first
    assert starts.read_text().split() == ["default"]


def test_another_model_shape_or_a_spoilt_cache_is_measured_anew(
    folder, monkeypatch, tmp_path, own_cache
):
    starts = fake_probe(monkeypatch, tmp_path, STEPS)
    choose_numerics(AUTO, folder)
    (record,) = (own_cache / "probe").glob("*.json")
    record.write_text("{")
    choose_numerics(AUTO, folder)
    (folder.path / "config.json").write_text("{}")
    choose_numerics(AUTO, folder)
    assert starts.read_text().split() == ["default"] * 3


def test_a_child_that_hangs_is_ended_and_not_remembered(folder, monkeypatch, tmp_path, own_cache):
    fake_probe(monkeypatch, tmp_path, "step('float32', 3.0, 1.0)\ntime.sleep(60)\n")
    hung = run_probe(folder.path, None, timeout_s=1.0)
    assert (hung.ended, len(hung.steps)) == ("timeout", 1)
    monkeypatch.setattr(numerics, "run_probe", lambda path, isa: hung)
    assert choose_numerics(AUTO, folder).dtype == "float32"
    assert not list((own_cache / "probe").glob("*.json"))


def test_a_child_that_fails_leaves_the_last_line_of_its_error(folder, monkeypatch, tmp_path):
    fake_probe(monkeypatch, tmp_path, "print('{half', flush=True)\nraise MemoryError('too big')\n")
    failed = run_probe(folder.path, None)
    assert (failed.ended, failed.detail, failed.steps) == ("error", "MemoryError: too big", ())


def test_float32_on_request_starts_no_child(folder, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    choice = choose_numerics(AUTO.model_copy(update={"numerics": "float32"}), folder)
    assert (choice.dtype, choice.onednn_isa) == ("float32", None)


def test_the_choice_is_made_and_applied_before_torch():
    script = (
        "import os, sys\n"
        "from medtune.llm.numerics import Numerics, apply_numerics\n"
        "assert 'torch' not in sys.modules\n"
        "safe = Numerics('bfloat16', 'AVX512_CORE_BF16', '', None)\n"
        "apply_numerics(Numerics('float32', None, '', None))\n"
        "assert 'ONEDNN_MAX_CPU_ISA' not in os.environ\n"
        "assert os.environ['LRU_CACHE_CAPACITY'] == '64'\n"
        "apply_numerics(safe)\n"
        "assert os.environ['ONEDNN_MAX_CPU_ISA'] == 'AVX512_CORE_BF16'\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_choice_that_comes_too_late_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    with pytest.raises(AssertionError, match="before torch"):
        apply_numerics(Numerics("bfloat16", "AVX512_CORE_BF16", "", None))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    apply_numerics(Numerics("bfloat16", "AVX512_CORE_BF16", "", None))
    apply_numerics(Numerics("float32", None, "", None))
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX512_CORE_BF16"


def test_the_real_probe_trains_both_types_alike(folder, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = run_probe(folder.path, "AVX512_CORE_BF16")
    assert done.ended == "well", done.detail
    float32 = [step.loss for step in done.track("float32")]
    assert float32[0] == pytest.approx(math.log(300), abs=0.1)
    assert float32[0] > float32[-1], "the adapters learn"
    assert len(done.track("bfloat16")) >= 2
    assert numerics.agrees(done)
