"""The command line as a user types it: help, lists, and one clear message for bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from tiny_llm import write_model

from medtune import cli
from medtune.errors import MedtuneError


def medtune(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line in this process; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["medtune", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


LABELLED = {
    "instruction": "Is the note urgent?",
    "input": "{note}",
    "answer": "label",
    "labels": ["yes", "no"],
}


def run_file(folder: Path, **changes: object) -> Path:
    run: dict[str, object] = {
        "app": "custom",
        "goal": "custom_data",
        "out": str(folder / "out"),
        "model": {"source": f"path:{folder / 'model'}"},
        "data": {"sources": [{"source": "path:notes.jsonl"}]},
        "task": LABELLED,
    }
    run.update(changes)
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tunee": {}}, "did you mean 'tune'"),
        ({"tune": {"learning_rat": 1}}, "did you mean 'learning_rate'"),
        ({"goal": "acuracy"}, "goal"),
        ({"app": "nonsense", "task": None}, "'nonsense' is unknown"),
        ({"app": "drug_discovery"}, "belongs to app: custom alone, and app is 'drug_discovery'"),
        ({"task": None}, "app: custom needs a task section"),
        ({"task": LABELLED | {"labels": [True, False]}}, "YAML reads a bare yes, no, on or off"),
        ({"data": {"sources": "notes.jsonl"}}, "data.sources: must be a list"),
        ({"model": {"source": "path:nowhere"}}, "no such folder"),
        ({"model": {"source": "s3:bucket"}}, "not of a known form"),
        ({"model": {"source": "hf:owner/name"}}, "does not fix a revision"),
    ],
)
def test_a_bad_run_file_is_one_message_with_exit_code_2(
    changes: dict[str, object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    (tmp_path / "notes.jsonl").write_text('{"note": "a", "label": "yes"}\n', encoding="utf-8")
    path = run_file(tmp_path, **changes)
    code = medtune("data", str(path), "--offline", monkeypatch=monkeypatch)
    told = capsys.readouterr().err
    assert code == 2
    assert told.startswith("medtune: ")
    assert message in told
    assert "Traceback" not in told
    assert not (tmp_path / "out" / "data.json").exists()


def test_a_missing_run_file_says_where_complete_ones_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert medtune("run", "nowhere.yaml", monkeypatch=monkeypatch) == 2
    assert "configs/" in capsys.readouterr().err


def test_an_override_must_be_key_and_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = run_file(tmp_path)
    assert medtune("run", str(path), "--set", "seed", monkeypatch=monkeypatch) == 2
    assert "key.path=value" in capsys.readouterr().err


@pytest.mark.parametrize(("listed", "n"), [("goals", 8), ("guards", 10), ("apps", 9)])
def test_the_lists_name_everything(
    listed: str, n: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert medtune(listed, "--json", monkeypatch=monkeypatch) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len({row["name"] for row in rows}) == len(rows) == n
    if listed == "goals":
        assert [row["name"] for row in rows if row["not_measured"]] == ["style"]


def test_a_folder_as_run_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert medtune("plan", str(tmp_path), monkeypatch=monkeypatch) == 2
    assert "is a folder; name the run file in it" in capsys.readouterr().err


def test_an_out_that_is_a_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "taken").write_text("")
    for out in ("taken", "taken/inside"):
        words = ("data", str(run_file(tmp_path)), "--set", f"out={tmp_path / out}")
        assert medtune(*words, monkeypatch=monkeypatch) == 2
        assert "is or lies in a file; name a folder" in capsys.readouterr().err


def test_help_needs_little_time_and_no_torch():
    code = (
        "import resource, sys\n"
        "from medtune.cli import main\n"
        "sys.argv = ['medtune', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "heavy = {'torch', 'transformers', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "print('CPU', used.ru_utime + used.ru_stime, sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "[]" in done.stdout.splitlines()[-1]


def test_every_error_has_its_own_exit_code():
    codes = [kind.exit_code for kind in MedtuneError.__subclasses__()]
    assert sorted(codes) == [2, 3, 4, 5, 6]


GOOD = '{"note": "chest pain since an hour", "label": "yes"}\n'
FILES = [
    (b"", {}, "the file is empty"),
    (b'{"note": "caf\xe9 au lait", "label": "yes"}\n', {}, "UTF-8"),
    (b"{note: yes}\n", {}, "notes.jsonl:1: not JSON"),
    ((GOOD + '{"note": "secret words"}\n').encode(), {}, "label"),
    (
        (GOOD + '{"note": "secret words", "label": "perhaps"}\n').encode(),
        {},
        "unknown label\n",
    ),
    (
        (GOOD + '{"note": "%s", "label": "no"}\n' % ("secret words " * 400)).encode(),
        {"model.context_tokens": 128},
        "data.too_long",
    ),
]


@pytest.mark.parametrize(("content", "changes", "message"), FILES)
def test_bad_data_is_one_message_with_exit_code_3_and_nothing_is_written(
    content: bytes,
    changes: dict[str, object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    write_model(tmp_path / "model")
    (tmp_path / "notes.jsonl").write_bytes(content)
    words = ["data", str(run_file(tmp_path)), "--set", "model.numerics=float32"]
    words += [f"--set={key}={value}" for key, value in changes.items()]
    assert medtune(*words, monkeypatch=monkeypatch) == 3
    told = capsys.readouterr().err
    assert message in told
    assert "secret words" not in told
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left <= {"run.yaml", ".lock"}


def test_two_runs_never_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"):
        assert medtune("data", str(run_file(tmp_path)), monkeypatch=monkeypatch) == 6
    assert "another medtune is working" in capsys.readouterr().err


def test_workers_without_ray_are_one_message_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("medtune.pipeline.cluster.find_spec", lambda name: None)
    assert medtune("tune", str(run_file(tmp_path)), "--workers", "2", monkeypatch=monkeypatch) == 2
    assert "[cluster]" in capsys.readouterr().err
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert medtune("tune", str(run_file(tmp_path)), "--workers", "2", monkeypatch=monkeypatch) == 2
    assert "torchrun started this process already" in capsys.readouterr().err


def test_a_gpu_run_is_foreseen_without_fetching(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = Path(__file__).parents[1] / "configs" / "gpu" / "qwen3_8b_1gpu.yaml"
    monkeypatch.setattr(sys, "argv", ["medtune", "plan", "--without-weights", str(file)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert not end.value.code
    assert "8.2 billion parameters" in capsys.readouterr().out
