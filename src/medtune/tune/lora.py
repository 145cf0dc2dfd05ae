"""What is trained of a model: as a rule, float32 matrices beside every linear layer of a decoder.

Layers and file format are PEFT's, so any tool that reads a PEFT adapter reads ours.
Source: Hu et al. 2021, arXiv:2106.09685. Where all weights are trained, `full` opens them.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import torch
from peft import LoraConfig, LoraModel
from safetensors.torch import load_file, save
from torch import Tensor, nn
from transformers import PreTrainedModel

from medtune import __version__
from medtune.config import TuneSection
from medtune.llm.flat import is_decoder
from medtune.llm.load import WEIGHTS, LanguageModel
from medtune.llm.vision.projector import FILE, sight_of
from medtune.tune import full
from medtune.tune.disk import whole_folder
from medtune.tune.distributed.parts import copy_of, like
from medtune.tune.linear import fused, without_adapter

LORA_WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT's file format puts before the name of every weight."""
EYES = ".projector."
"""In the names of the weights that go into a file of their own."""


class Adapter(NamedTuple):
    """A model with an adapter attached or its weights opened, and what is trained of it."""

    model: PreTrainedModel
    weights: dict[str, nn.Parameter]
    """By their names in the file, in a fixed order."""
    start: dict[str, Tensor]
    """Their values at the start, where the model computes as the base model does."""
    config: LoraConfig | None
    """PEFT's settings; None where the weights are the model's own."""

    @property
    def file(self) -> str:
        """The name of the file of the weights."""
        return WEIGHTS if self.config is None else LORA_WEIGHTS

    @contextmanager
    def as_base(self) -> Generator[None]:
        """Compute as the base model does while the block runs."""
        if self.config is None:
            with full.with_weights(self.weights, self.start):
                yield
        else:
            with without_adapter(self.model):
                yield


@contextmanager
def attached(lm: LanguageModel, tune: TuneSection, seed: int) -> Generator[Adapter]:
    """Attach a new adapter, or open the weights, while the block runs; then undo it.

    The first matrix of each pair is drawn by `seed`, the second is zero, so that the adapter
    begins without an effect. The output layer gets none. The projector of a model that sees is
    drawn by `seed`, and is trained with the adapter.
    """
    assert lm.crew is None, "a crew would answer with other weights"
    if tune.adapter == "full":
        with full.opened(lm.model) as model:
            yield Adapter(lm.model, model.weights, model.start, None)
        return
    config = LoraConfig(
        r=tune.rank,
        lora_alpha=tune.alpha,  # pyright: ignore[reportArgumentType]  PEFT divides it: a float is fine
        lora_dropout=0.0,
        use_rslora=tune.adapter == "rslora",
        use_dora=tune.adapter == "dora",
        target_modules=_targets(lm.model),
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = LoraModel(lm.model, config, "default")
    weights: dict[str, nn.Parameter] = {}
    sight = sight_of(lm.model)
    before = (
        {} if sight is None else {k: w.clone() for k, w in sight.projector.state_dict().items()}
    )
    if sight is not None:
        sight.projector.draw(seed)
        sight.projector.requires_grad_()
    try:
        for name, weight in lm.model.named_parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
                weights[PREFIX + name.replace(".default.", ".")] = weight
        embedding = cast("nn.Embedding", lm.model.get_input_embeddings())
        with fused(lm.model, embedding.weight.dtype):
            yield Adapter(lm.model, weights, copies(weights), config)
    finally:
        layers.unload()
        if sight is not None:
            sight.projector.load_state_dict(before, assign=True)
            sight.projector.requires_grad_(requires_grad=False)
        # PEFT leaves its settings behind, and would warn at the next adapter.
        if hasattr(lm.model, "peft_config"):
            del lm.model.peft_config


def _targets(model: PreTrainedModel) -> str | list[str]:
    """The linear layers of the decoder, in PEFT's words; those of a model's eyes stay frozen."""
    if is_decoder(model):
        return "all-linear"
    decoder = model.get_decoder()
    inside = {id(one) for one in decoder.modules() if isinstance(one, nn.Linear)}
    return [name for name, one in model.named_modules() if id(one) in inside]


def snapshot(adapter: Adapter) -> dict[str, Tensor]:
    """A copy of the trained weights, on the CPU; of divided ones, of this process's parts."""
    return {name: copy_of(weight) for name, weight in adapter.weights.items()}


def copies(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values in memory of their own."""
    return {name: weight.detach().clone() for name, weight in weights.items()}


@torch.no_grad()
def restore(adapter: Adapter, tensors: Mapping[str, Tensor]) -> None:
    """Put a snapshot back."""
    for name, weight in adapter.weights.items():
        weight.copy_(like(weight, tensors[name]))


def read_adapter(folder: Path, adapter: Adapter) -> dict[str, Tensor]:
    """What `save_adapter` wrote, by the names that its weights have in `adapter`."""
    tensors = load_file(folder / adapter.file)
    eyes = load_file(folder / FILE) if (folder / FILE).exists() else {}
    named = {name: name.rpartition(".")[2] for name in adapter.weights if EYES in name}
    return tensors | {name: eyes[own] for name, own in named.items()}


def save_adapter(
    folder: Path, adapter: Adapter, tensors: Mapping[str, Tensor], lm: LanguageModel
) -> None:
    """Write the adapter or the model in one step, with medtune.json naming the weights it fits.

    Raises:
        MachineError: The disk is full.
    """
    origin = {
        "base_sha256": lm.folder.sha256,
        "medtune_version": __version__,
        "numerics": lm.numerics.dtype,
    }
    eyes = {name.rpartition(".")[2]: one for name, one in tensors.items() if EYES in name}
    layers = {name: one for name, one in tensors.items() if EYES not in name}
    if lm.quantize is not None:
        origin["quantize"] = lm.quantize
    if lm.gallery is not None:
        origin["encoder_sha256"] = lm.gallery.encoder.sha256
    with whole_folder(folder) as part:
        if adapter.config is None:
            full.write_weights(part, tensors, lm.folder.path)
        else:
            (part / LORA_WEIGHTS).write_bytes(save(layers, {"format": "pt"}))
            if eyes:
                (part / FILE).write_bytes(save(eyes, {"format": "pt"}))
            _write_json(part / "adapter_config.json", _settings(adapter.config, lm))
        _write_json(part / "medtune.json", origin)


def _settings(config: LoraConfig, lm: LanguageModel) -> Mapping[str, object]:
    return config.to_dict() | {
        "base_model_name_or_path": lm.folder.name,
        "inference_mode": True,
        "target_modules": sorted(config.target_modules or ()),
    }


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, default=_plain) + "\n"
    path.write_text(text, encoding="utf-8")


def _plain(value: object) -> list[str]:
    """PEFT keeps sets of names; JSON has lists."""
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)  # pyright: ignore[reportUnknownVariableType]
    raise TypeError(f"{type(value).__name__} has no place in an adapter's settings")
