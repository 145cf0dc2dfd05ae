"""Loading: the plain model, with an adapter injected, and never with another model's adapter."""

import json
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_llm import one_thread, write_model
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from medtune.config import ModelSection, Run
from medtune.errors import ConfigError, DataError
from medtune.llm.beside import beside
from medtune.llm.load import WEIGHTS, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.source import ModelFolder, find_model
from medtune.pipeline.job import Job

FLOAT32 = Numerics(dtype="float32", onednn_isa=None, about="as a test needs", tokens_per_s=None)
IDS = torch.tensor([[1, 50, 60, 70, 80]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelFolder]:
    path = write_model(tmp_path_factory.mktemp("tiny"))
    with one_thread():
        yield find_model(ModelSection(source=f"path:{path}"), offline=True)


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


@pytest.fixture(scope="module")
def adapter(folder: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = AutoModelForCausalLM.from_pretrained(folder.path, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of transformers, at peft
        tuned = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    path = tmp_path_factory.mktemp("adapter")
    tuned.save_pretrained(path)
    (path / "medtune.json").write_text(json.dumps({"base_sha256": folder.sha256}))
    torch.save(logits(tuned.eval()), path / "expected.pt")
    return path


def test_a_model_is_loaded_to_answer_not_to_train(folder: ModelFolder) -> None:
    lm = load_model(folder, FLOAT32, context_tokens=64)
    assert type(lm.model) is LlamaForCausalLM
    assert not lm.model.training
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
    assert lm.device == next(lm.model.parameters()).device
    assert lm.model.dtype == torch.float32


def test_in_bfloat16_only_the_products_of_the_decoder_are_halved(folder: ModelFolder) -> None:
    numerics = Numerics("bfloat16", None, "asked", None)
    half = load_model(folder, numerics, context_tokens=64).model
    full = load_model(folder, FLOAT32, context_tokens=64).model
    layer = half.get_decoder().layers[0]
    assert layer.self_attn.q_proj.weight.dtype == torch.bfloat16
    assert half.get_output_embeddings().weight.dtype == torch.float32
    ids = torch.arange(4, 20)[None]
    ours, theirs = half(input_ids=ids).logits, full(input_ids=ids).logits
    assert ours.dtype == torch.float32
    assert 0 < float((ours - theirs).abs().mean()) < 0.03 * float(theirs.abs().mean())


def test_an_adapter_is_injected_into_the_plain_model(folder: ModelFolder, adapter: Path) -> None:
    lm = load_model(folder, FLOAT32, context_tokens=64, adapter=adapter)
    assert type(lm.model) is LlamaForCausalLM
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())
    tuned = logits(lm.model.cpu())
    assert torch.allclose(tuned, torch.load(adapter / "expected.pt"), atol=1e-5)
    base = load_model(folder, FLOAT32, context_tokens=64)
    assert not torch.allclose(tuned, logits(base.model.cpu()), atol=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_tuned_model_beside_its_base_has_its_weights_and_answers_as_if_loaded_alone(
    folder: ModelFolder, adapter: Path, dtype: Literal["float32", "bfloat16"]
) -> None:
    numerics = Numerics(dtype, None, "asked", None)
    base = load_model(folder, numerics, context_tokens=64)
    before = logits(base.model)
    tuned = beside(base, adapter)
    alone = load_model(folder, numerics, context_tokens=64, adapter=adapter)
    assert tuned is not None
    assert torch.equal(logits(tuned.model), logits(alone.model))
    assert torch.equal(logits(base.model), before)
    held = {weight.data_ptr() for weight in base.model.parameters()}
    own = [name for name, one in tuned.model.named_parameters() if one.data_ptr() not in held]
    assert own
    assert all("lora_" in name for name in own)


def test_a_run_that_has_its_base_model_loads_no_weights_again(
    folder: ModelFolder, adapter: Path
) -> None:
    base = load_model(folder, FLOAT32, context_tokens=64)
    nothing = cast("Run", None)  # what a model is loaded by
    tuned = Job(nothing, chosen=FLOAT32).load(adapter, base=base)
    first, same = (lm.model.get_input_embeddings().weight for lm in (base, tuned))
    assert same is first


def test_a_model_whose_weights_were_all_tuned_has_nothing_in_common_with_its_base(
    folder: ModelFolder, tmp_path: Path
) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"")
    base = load_model(folder, FLOAT32, context_tokens=64)
    assert beside(base, tmp_path) is None
    assert beside(replace(base, quantize="nf4"), tmp_path / "adapter") is None


def test_an_adapter_of_another_base_is_refused(
    folder: ModelFolder, adapter: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(adapter, tmp_path / "adapter")
    (other / "medtune.json").write_text(json.dumps({"base_sha256": "f" * 64}))
    with pytest.raises(DataError, match="trained on base model ffffffffffff"):
        load_model(folder, FLOAT32, context_tokens=64, adapter=other)
    with pytest.raises(DataError, match="trained on base model ffffffffffff"):
        beside(load_model(folder, FLOAT32, context_tokens=64), other)


@pytest.mark.parametrize("mark", [None, "{}", "[]", "not json"])
def test_an_adapter_that_does_not_name_its_base_is_refused(
    folder: ModelFolder, adapter: Path, tmp_path: Path, mark: str | None
) -> None:
    other = shutil.copytree(adapter, tmp_path / "adapter")
    (other / "medtune.json").unlink()
    if mark is not None:
        (other / "medtune.json").write_text(mark)
    with pytest.raises(DataError, match="without base_sha256"):
        load_model(folder, FLOAT32, context_tokens=64, adapter=other)


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_half_an_adapter_is_refused(
    folder: ModelFolder, adapter: Path, tmp_path: Path, missing: str
) -> None:
    other = shutil.copytree(adapter, tmp_path / "adapter")
    (other / missing).unlink()
    with pytest.raises(DataError, match=f"no {missing}"):
        load_model(folder, FLOAT32, context_tokens=64, adapter=other)


def test_a_context_longer_than_the_model_is_refused(folder: ModelFolder) -> None:
    with pytest.raises(ConfigError, match=r"model.context_tokens: 1025 is more than the 1024"):
        load_model(folder, FLOAT32, context_tokens=1025)


def test_a_kind_of_model_that_transformers_does_not_know_is_refused(
    folder: ModelFolder, tmp_path: Path
) -> None:
    other = shutil.copytree(folder.path, tmp_path / "other")
    config = json.loads((other / "config.json").read_text()) | {"model_type": "no_such_type"}
    (other / "config.json").write_text(json.dumps(config))
    found = find_model(ModelSection(source=f"path:{other}"), offline=True)
    with pytest.raises(ConfigError, match="cannot load other as a causal language model"):
        load_model(found, FLOAT32, context_tokens=64)


def test_a_models_own_sampling_settings_do_not_reach_generation(
    folder: ModelFolder, tmp_path: Path
) -> None:
    other = shutil.copytree(folder.path, tmp_path / "other")
    settings = {"do_sample": True, "temperature": 0.6, "repetition_penalty": 1.3}
    (other / "generation_config.json").write_text(json.dumps(settings))
    found = find_model(ModelSection(source=f"path:{other}"), offline=True)
    lm = load_model(found, FLOAT32, context_tokens=64)
    assert lm.model.generation_config is not None
    assert lm.model.generation_config.repetition_penalty in (None, 1.0)
    assert not lm.model.generation_config.do_sample
