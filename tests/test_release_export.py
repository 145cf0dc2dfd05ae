"""An export is the released model in other files: merged exactly, and shown to be the same."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from tiny_llm import one_thread, write_gguf, write_model
from tiny_tune import APP, examples

from medtune.artifacts import Export, write_examples
from medtune.config import DataSection, ModelSection, Run, SourceSection, TuneSection
from medtune.errors import ConfigError, DataError, GateError, MachineError
from medtune.llm import export as files
from medtune.llm import gguf_writer
from medtune.llm.agree import token_log_probabilities
from medtune.llm.load import load_model
from medtune.llm.merge import merge
from medtune.llm.numerics import Numerics
from medtune.llm.render import Rendered
from medtune.llm.source import ModelFolder, find_model
from medtune.release import export as stage
from medtune.tune.lora import attached, save_adapter, snapshot

FLOAT32 = Numerics("float32", None, "the tests", None)
BFLOAT16 = Numerics("bfloat16", None, "the tests", None)
IDS = torch.tensor([[1, 50, 60, 70, 80, 90, 5, 2]])


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def found_at(path: Path) -> ModelFolder:
    return find_model(ModelSection(source=f"path:{path}"), offline=True)


def write_adapter(
    base: ModelFolder, folder: Path, numerics: Numerics = FLOAT32, kind: str = "lora"
) -> Path:
    """An adapter that changes the model well, as training would leave it."""
    lm = load_model(base, numerics, context_tokens=256)
    with attached(lm, TuneSection(rank=4, adapter=kind), seed=3) as adapter:  # type: ignore[arg-type]
        torch.manual_seed(4)
        for name, weight in adapter.weights.items():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.05)
        save_adapter(folder, adapter, snapshot(adapter), lm)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    folder = write_model(tmp_path_factory.mktemp("base"))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    (folder / "LICENSE").write_text("Apache", encoding="utf-8")
    return found_at(folder)


@pytest.fixture
def out(base: ModelFolder, tmp_path: Path) -> Path:
    write_adapter(base, tmp_path / "release" / "adapter")
    (tmp_path / "release" / "model_card.md").write_text("# Model card\n", encoding="utf-8")
    write_examples(tmp_path / "validation.jsonl", examples(24, "v"))
    return tmp_path


def tuned(out: Path, base: ModelFolder) -> stage.Tuned:
    def load(adapter: Path | None):
        return load_model(base, FLOAT32, context_tokens=256, adapter=adapter)

    release = SimpleNamespace(id="0123456789abcdef")
    return stage.Tuned(release, base, out / "release" / "adapter", load)  # type: ignore[arg-type]


def write(out: Path, base: ModelFolder, form: str, kind: str | None = None) -> Export:
    run = Run(
        app="tiny",
        goal="accuracy",
        out=out,
        model=ModelSection(source=f"path:{base.path}", context_tokens=256),
        data=DataSection(sources=(SourceSection(source="path:none"),)),
    )
    return stage.export(run, APP, tuned(out, base), stage.Ask(form, kind, out / "x"))  # type: ignore[arg-type]


FORMS = [(form, kind) for form, kinds in files.TYPES.items() for kind in (None, *kinds)]


@pytest.mark.parametrize(("form", "kind"), FORMS)
def test_an_export_is_the_released_model_in_other_files(
    out: Path, base: ModelFolder, form: str, kind: str | None
) -> None:
    found = write(out, base, form, kind)
    assert found.exported
    assert found.type == kind or (kind is None and found.type in ("float32", "float16"))
    assert found.parity.effect > found.parity.limit
    assert (found.parity.tuned < 1e-5) == (found.type == "float32")
    assert Export.load(out / "x") == found
    checked = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out / "x", check=False
    )
    assert checked.returncode == 0
    written = {path.name for path in (out / "x").iterdir()}
    assert set(found.outputs) | {"export.json", "SHA256SUMS"} == written
    assert {"README.md", "LICENSE"} <= written
    assert "tuning shows" in (out / "x" / "README.md").read_text(encoding="utf-8")
    assert not list(out.glob(".*"))


def test_an_exported_folder_is_a_model_that_medtune_starts_from(
    out: Path, base: ModelFolder
) -> None:
    write(out, base, "safetensors")
    found = found_at(out / "x")
    assert found.licence == "apache-2.0"
    served = tuned(out, base).load(out / "release" / "adapter").model
    again = load_model(found, FLOAT32, context_tokens=256).model
    with torch.no_grad():
        torch.testing.assert_close(again(IDS).logits, served(IDS).logits, atol=1e-5, rtol=1e-5)
    settings = json.loads((out / "x" / "generation_config.json").read_text(encoding="utf-8"))
    assert settings["eos_token_id"] == [2]


@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_file_is_what_llama_cpp_s_converter_writes(tmp_path: Path, tied: bool) -> None:
    folder = write_model(tmp_path / "m", extra={"tie_word_embeddings": tied})
    theirs = write_gguf(folder, tmp_path / "theirs.gguf")
    lm = load_model(found_at(folder), FLOAT32, context_tokens=256)
    files.write_model(lm, tmp_path, "gguf", "float32", "ours")
    ours = GGUFReader(tmp_path / "ours.gguf")
    reader = GGUFReader(theirs)
    by_name = {tensor.name: tensor for tensor in ours.tensors}
    assert by_name.keys() == {tensor.name for tensor in reader.tensors}
    for tensor in reader.tensors:
        assert np.array_equal(by_name[tensor.name].data, tensor.data)
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key != "general.license":
            assert ours.fields[key].contents() == field.contents(), key


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "q8_0"])
def test_a_short_gguf_file_rounds_matrices_and_keeps_norms(tmp_path: Path, kind: str) -> None:
    lm = load_model(found_at(write_model(tmp_path / "m")), FLOAT32, context_tokens=256)
    files.write_model(lm, tmp_path, "gguf", kind, "short")
    (tmp_path / "back").mkdir()
    back = files.read_back(tmp_path, tmp_path / "back", context_tokens=256).model
    bound = {"float16": 2**-11, "bfloat16": 2**-8, "q8_0": 1 / 127}[kind]
    for (name, ours), (_, theirs) in zip(
        back.named_parameters(), lm.model.named_parameters(), strict=True
    ):
        if ours.ndim == 1:
            assert torch.equal(ours, theirs), name
        else:
            assert not torch.equal(ours, theirs)
            assert float((ours - theirs).abs().max()) <= bound * float(theirs.abs().max()), name


@pytest.mark.parametrize("kind", ["lora", "rslora", "dora"])
@pytest.mark.parametrize("numerics", [FLOAT32, BFLOAT16], ids=["float32", "bfloat16"])
def test_merged_weights_give_what_the_adapter_gives(
    base: ModelFolder, tmp_path: Path, kind: str, numerics: Numerics
) -> None:
    adapter = write_adapter(base, tmp_path / "a", numerics, kind)
    lm = load_model(base, numerics, context_tokens=256, adapter=adapter)
    with torch.no_grad():
        before = lm.model(IDS).logits
        merge(lm.model)
        after = lm.model(IDS).logits
    assert {weight.dtype for weight in lm.model.parameters()} == {torch.float32}
    assert not [name for name, _ in lm.model.named_parameters() if "lora" in name]
    close = 1e-5 if numerics is FLOAT32 else 0.03
    assert float((after - before).abs().max()) <= close * float(before.abs().max())


def test_the_sum_keeps_updates_that_bfloat16_would_lose(base: ModelFolder, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "a", BFLOAT16)
    lm = load_model(base, BFLOAT16, context_tokens=256, adapter=adapter)
    layer = lm.model.get_submodule("model.layers.0.mlp.up_proj")
    before = layer.get_base_layer().weight.float()  # type: ignore[operator]
    delta = layer.get_delta_weight("default")  # type: ignore[operator]
    merge(lm.model)
    merged = lm.model.get_submodule("model.layers.0.mlp.up_proj").weight
    torch.testing.assert_close(merged - before, delta, atol=1e-7, rtol=1e-5)


def test_token_log_probabilities_are_those_of_the_whole_forward(base: ModelFolder) -> None:
    lm = load_model(base, FLOAT32, context_tokens=256)
    ids = IDS[0].tolist()
    found = token_log_probabilities(lm, [Rendered(ids, [False] * 5 + [True] * 3)] * 2)
    with torch.no_grad():
        log_p = lm.model(IDS).logits[0].log_softmax(-1)
    expected = torch.stack([log_p[at - 1, ids[at]] for at in (5, 6, 7)])
    torch.testing.assert_close(found, expected.repeat(2), atol=1e-5, rtol=1e-5)


def drop(model: torch.nn.Module) -> None:
    for module in model.modules():
        if hasattr(module, "lora_B"):
            module.lora_B["default"].weight.zero_()


def weaken(model: torch.nn.Module) -> None:
    for module in model.modules():
        if hasattr(module, "lora_B"):
            module.scaling["default"] *= 0.9


@pytest.mark.parametrize(("fault", "kind"), [(drop, "q8_0"), (weaken, "float32")])
def test_a_wrong_merge_is_refused_and_leaves_the_reasons_only(
    out: Path, base: ModelFolder, monkeypatch: pytest.MonkeyPatch, fault, kind: str
) -> None:
    def faulty(model: torch.nn.Module) -> None:
        fault(model)
        merge(model)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "merge", faulty)
    with pytest.raises(GateError, match="released and exported model differ") as error:
        write(out, base, "gguf", kind)
    assert error.value.exit_code == 5
    assert [path.name for path in (out / "x").iterdir()] == ["export.json"]
    found = Export.load(out / "x")
    assert not found.exported
    assert found.reasons


def test_an_adapter_without_effect_is_refused(out: Path, base: ModelFolder) -> None:
    lm = load_model(base, FLOAT32, context_tokens=256)
    shutil.rmtree(out / "release" / "adapter")
    with attached(lm, TuneSection(rank=4), seed=3) as adapter:
        save_adapter(out / "release" / "adapter", adapter, snapshot(adapter), lm)
    with pytest.raises(GateError, match="no effect"):
        write(out, base, "safetensors")


def test_a_damaged_adapter_is_refused(base: ModelFolder, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "a")
    lm = load_model(base, FLOAT32, context_tokens=256, adapter=adapter)
    next(weight for name, weight in lm.model.named_parameters() if "lora_B" in name).data.fill_(
        float("nan")
    )
    with pytest.raises(DataError, match="the adapter is damaged"):
        merge(lm.model)


def test_an_export_replaces_an_earlier_one_and_nothing_else(out: Path, base: ModelFolder) -> None:
    write(out, base, "safetensors")
    write(out, base, "gguf")
    assert len(list((out / "x").glob("*.gguf"))) == 1
    assert not list((out / "x").glob("*.safetensors"))
    shutil.rmtree(out / "x")
    (out / "x").mkdir()
    (out / "x" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="did not export"):
        write(out, base, "gguf")
    assert (out / "x" / "thesis.txt").exists()


def test_a_failure_leaves_what_was_there(
    out: Path, base: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(out, base, "safetensors")
    before = Export.load(out / "x")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage, "write_text", full)
    with pytest.raises(MachineError, match="what was there is unchanged"):
        write(out, base, "gguf")
    assert Export.load(out / "x") == before
    monkeypatch.setattr(stage.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(MachineError, match="GB free"):
        write(out, base, "gguf")


def test_a_type_that_the_format_has_not_is_refused(out: Path, base: ModelFolder) -> None:
    with pytest.raises(ConfigError, match="safetensors has float32, bfloat16, float16"):
        write(out, base, "safetensors", "q8_0")


def test_a_model_that_sees_is_refused(out: Path, base: ModelFolder) -> None:
    run = SimpleNamespace(model=SimpleNamespace(vision="an encoder"))
    ask = stage.Ask("safetensors", None, out / "x")
    with pytest.raises(ConfigError, match="image encoder"):
        stage.export(run, APP, tuned(out, base), ask)  # type: ignore[arg-type]


NOT_GGUF = [
    ({"model_type": "qwen2"}, "model_type 'qwen2'"),
    ({"attention_bias": True}, "attention_bias True"),
    ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0}}, "rotary positions 'yarn'"),
    ({"hidden_act": "gelu"}, "hidden_act 'gelu'"),
    ({"head_dim": 16}, "head_dim 16"),
]


@pytest.mark.parametrize(("change", "why"), NOT_GGUF)
def test_a_model_that_gguf_cannot_hold_exactly_is_refused(
    base: ModelFolder, tmp_path: Path, change: dict[str, object], why: str
) -> None:
    config = json.loads((base.path / "config.json").read_text(encoding="utf-8")) | change
    with pytest.raises(ConfigError, match=why):
        files.write_gguf(tmp_path / "x.gguf", [], config, base, kind="float16")


def test_a_tokenizer_that_cuts_words_by_another_rule_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    whole = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    whole["pre_tokenizer"]["pretokenizers"][0]["individual_digits"] = False
    (folder / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    lm = load_model(found_at(folder), FLOAT32, context_tokens=256)
    with pytest.raises(ConfigError, match="cuts words by a rule not known here"):
        files.write_model(lm, tmp_path, "gguf", "float16", "x")


def test_a_tokenizer_that_reads_otherwise_after_the_export_is_noticed(
    out: Path, base: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gguf_writer._vocabulary

    def with_half_the_merges(*given: object) -> gguf_writer.Vocabulary:
        found = real(*given)  # type: ignore[arg-type]
        return found._replace(merges=found.merges[: len(found.merges) // 2])

    monkeypatch.setattr(gguf_writer, "_vocabulary", with_half_the_merges)
    with pytest.raises(ConfigError, match="cuts texts otherwise"):
        write(out, base, "gguf")
    assert not (out / "x").exists()
