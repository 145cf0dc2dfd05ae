"""Load the base model, with or without an adapter, ready to answer: eval mode, no gradients."""

import json
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.utils import logging

from medtune.errors import ConfigError, DataError
from medtune.llm.half import halve
from medtune.llm.numerics import Numerics
from medtune.llm.render import Renderer, load_renderer
from medtune.llm.source import MARK, ModelFolder
from medtune.llm.workers import cores

WEIGHTS = "model.safetensors"
"""Where all weights were tuned, their file in the adapter's folder."""


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model with all that is needed to talk to it."""

    model: PreTrainedModel = field(repr=False)
    """Of its plain class; an adapter's layers are injected in place."""
    renderer: Renderer = field(repr=False)
    folder: ModelFolder
    numerics: Numerics
    context_tokens: int
    """Longest prompt and reply together."""
    processes: int = 1
    """How many copies of this process share a long computation."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def load_model(
    folder: ModelFolder,
    numerics: Numerics,
    *,
    context_tokens: int,
    adapter: Path | None = None,
    processes: int | None = 1,
) -> LanguageModel:
    """Load onto the GPU if there is one.

    Args:
        folder: The base model.
        numerics: In which type to compute.
        context_tokens: Longest prompt and reply together.
        adapter: Folder of an adapter, or of all weights, that `tune` wrote.
        processes: How many copies of this process share a long computation; None is one for each
            processor core, where processes can share the weights.

    Raises:
        ConfigError: The model has fewer positions than `context_tokens`, or is of an unknown kind.
        DataError: The adapter was trained on other base weights, or is not one.
    """
    _silence()
    if adapter is not None:
        _refuse_other_base(adapter, folder)
    model = _base(folder)
    weights = None if adapter is None else adapter / WEIGHTS
    if weights is not None and weights.is_file():
        _put_in(model, weights)
        adapter = None
    if numerics.dtype == "bfloat16":
        halve(model)
    # `generate` would merge in the sampling settings that some models ship.
    model.generation_config = GenerationConfig()
    positions = getattr(model.config, "max_position_embeddings", context_tokens)
    if context_tokens > positions:
        raise ConfigError(
            f"model.context_tokens: {context_tokens} is more than the {positions} positions of "
            f"{folder.name}; lower it"
        )
    if adapter is not None:
        model = _with_adapter(model, adapter)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval().requires_grad_(requires_grad=False)  # type: ignore[arg-type]
    renderer = load_renderer(folder)
    n = _processes(processes, device)
    return LanguageModel(model, renderer, folder, numerics, context_tokens, n)


def _processes(asked: int | None, device: torch.device) -> int:
    if device.type != "cpu" or sys.platform != "linux":
        return 1
    return cores() if asked is None else asked


def _base(folder: ModelFolder) -> PreTrainedModel:
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder.path,
            dtype=torch.float32,
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,
        )
    except ValueError as error:
        raise ConfigError(
            f"model.source: transformers cannot load {folder.name} as a causal language model: "
            f"{error}"
        ) from None
    return cast("PreTrainedModel", model)


def _put_in(model: PreTrainedModel, weights: Path) -> None:
    """Replace all weights of the base model by those of a full tuning."""
    own, tuned = dict(model.named_parameters()), load_file(weights)
    if {name: weight.shape for name, weight in own.items()} != {
        name: weight.shape for name, weight in tuned.items()
    }:
        raise DataError(f"{weights}: its weights are not those of the model; train again")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(tuned[name])


def _with_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    for needed in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / needed).is_file():
            raise DataError(f"{adapter}: no {needed}; train again with medtune tune")
    with warnings.catch_warnings():
        # peft 0.21 reads a property that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        wrapped = PeftModel.from_pretrained(model, adapter)  # type: ignore[arg-type]
    return cast("PreTrainedModel", wrapped.base_model.model)


def _refuse_other_base(adapter: Path, folder: ModelFolder) -> None:
    mark = adapter / MARK
    try:
        base = json.loads(mark.read_text(encoding="utf-8"))["base_sha256"]
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        raise DataError(
            f"{mark}: missing or without base_sha256, so it is not known which base model the "
            "adapter fits; train it again with medtune tune"
        ) from None
    if base != folder.sha256:
        raise DataError(
            f"{adapter}: the adapter was trained on base model {base[:12]}, and {folder.name} is "
            f"{folder.sha256[:12]}; use the model it was trained on, or train again"
        )


def _silence() -> None:
    """Keep transformers' bars and advice off the screen: medtune reports for itself."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
