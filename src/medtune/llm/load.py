"""Load the base model, with or without an adapter, ready to answer: eval mode, no gradients."""

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, cast

import torch
import torch.distributed as dist
from peft import PeftModel
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from medtune.config import Quantize
from medtune.errors import ConfigError, DataError
from medtune.images.mark import image_names
from medtune.llm.half import HalfLinear, halve
from medtune.llm.nf4 import quantise
from medtune.llm.numerics import Numerics
from medtune.llm.render import Candidates, Renderer, Reply, load_renderer
from medtune.llm.source import MARK, ModelFolder
from medtune.llm.vision.eyes import Eyes
from medtune.llm.vision.gallery import Gallery
from medtune.llm.vision.projector import FILE, Sight, sight_of
from medtune.llm.workers import cores
from medtune.records import Message

WEIGHTS = "model.safetensors"
"""Where all weights were tuned, their file in the adapter's folder."""


class Crew(NamedTuple):
    """Other processes with the same model. They give parts of an answer, by the items' numbers."""

    score: Callable[[Sequence[Candidates], int], Iterator[Mapping[int, list[float]]]]
    """As `score_candidates`: the items, and most tokens of a pass."""
    write: Callable[[Sequence[Sequence[int]], int, int], Iterator[Mapping[int, Reply]]]
    """As `generate_ids`: the prompts, most new tokens, and most tokens of a pass."""


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
    gallery: Gallery | None = field(default=None, repr=False)
    """The images of a model that sees."""
    quantize: Quantize | None = None
    """How the frozen weights of the decoder are packed; None as they are."""
    crew: Crew | None = field(default=None, repr=False)
    """Others that answer in this process's stead; None where it answers itself."""

    @property
    def eyes(self) -> Gallery | Eyes | None:
        """What it sees images by; None for a model of text."""
        return self.gallery or self.renderer.eyes

    def look_at(self, conversations: Iterable[Sequence[Message]]) -> None:
        """Encode the images of conversations, many at once: rendering then finds them encoded.

        Raises:
            DataError: An image is not in the store.
        """
        if self.gallery is not None:
            texts = (message.content for messages in conversations for message in messages)
            self.gallery.hang(name for text in texts for name in image_names(text))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def load_model(  # noqa: PLR0913  each says what is loaded, or where to
    folder: ModelFolder,
    numerics: Numerics,
    *,
    context_tokens: int,
    adapter: Path | None = None,
    processes: int | None = 1,
    to_divide: bool = False,
    gallery: Gallery | None = None,
    quantize: Quantize | None = None,
) -> LanguageModel:
    """Load onto the GPU if there is one.

    Args:
        folder: The base model.
        numerics: In which type to compute.
        context_tokens: Longest prompt and reply together.
        adapter: Folder of an adapter, or of all weights, that `tune` wrote.
        processes: How many copies of this process share a long computation; None is one for each
            processor core, where processes can share the weights.
        to_divide: Stay in main memory if this is one of several processes, which will divide the
            weights among their GPUs.
        gallery: The images that the model is to see; None for a model of text.
        quantize: Whether to pack the frozen weights of the decoder, and how.

    Raises:
        ConfigError: The model has fewer positions than `context_tokens`, or is of an unknown kind,
            or what packs the weights is not installed.
        DataError: The adapter was trained on other base weights, or is not one.
    """
    _silence()
    if adapter is not None:
        refuse_others(adapter, folder, gallery, quantize)
    stays = to_divide and dist.is_initialized()
    device = torch.device("cuda" if torch.cuda.is_available() and not stays else "cpu")
    model = _base(folder, "auto" if stays or quantize is not None else torch.float32)
    weights = None if adapter is None else adapter / WEIGHTS
    if weights is not None and weights.is_file():
        _put_in(model, weights)
        adapter = None
    _set_types(model, getattr(torch, numerics.dtype), quantize, device)
    renderer = load_renderer(folder, None if gallery is None else gallery.ids)
    if renderer.eyes is not None:
        renderer.eyes.open(model)
    if gallery is not None:
        words = cast("nn.Embedding", model.get_input_embeddings())
        sight = Sight(words, gallery, renderer.encode)
        model.set_input_embeddings(sight)
        renderer = replace(renderer, images=sight.ids)
    # `generate` would merge in the sampling settings that some models ship.
    model.generation_config = GenerationConfig()
    _refuse_too_few_positions(model, folder, context_tokens)
    if adapter is not None:
        model = with_adapter(model, adapter)
    model = model.to(device).eval().requires_grad_(requires_grad=False)  # type: ignore[arg-type]
    n = _processes(processes, device)
    return LanguageModel(model, renderer, folder, numerics, context_tokens, n, gallery, quantize)


def _processes(asked: int | None, device: torch.device) -> int:
    if device.type != "cpu" or sys.platform != "linux":
        return 1
    return cores() if asked is None else asked


def _set_types(
    model: PreTrainedModel, dtype: torch.dtype, quantize: Quantize | None, device: torch.device
) -> None:
    """Let the decoder's products be of a type, packed ones too, and all else float32."""
    if quantize is not None:
        quantise(model, dtype, device)
    elif dtype == torch.bfloat16:
        halve(model)
    _widen(model)


def _widen(model: PreTrainedModel) -> None:
    """Let all but halved layers be float32, as they are where the model was loaded so."""
    for module in model.modules():
        if not isinstance(module, HalfLinear):
            for weight in module.parameters(recurse=False):
                weight.data = weight.data.float()


def _base(folder: ModelFolder, dtype: torch.dtype | str) -> PreTrainedModel:
    kind, what = AutoModelForCausalLM, "causal language model"
    if folder.sees:
        kind, what = AutoModelForImageTextToText, "vision-language model"
    try:
        model = kind.from_pretrained(
            folder.path,
            dtype=dtype,
            attn_implementation="sdpa",
            local_files_only=True,
            use_safetensors=True,
        )
    except ValueError as error:
        raise ConfigError(
            f"model.source: transformers cannot load {folder.name} as a {what}: {error}"
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


def with_adapter(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Inject an adapter's layers into a model of its plain class, in place.

    Raises:
        DataError: A file of the adapter is missing.
    """
    for needed in ("adapter_config.json", "adapter_model.safetensors"):
        if not (adapter / needed).is_file():
            raise DataError(f"{adapter}: no {needed}; train again with medtune tune")
    with warnings.catch_warnings():
        # peft 0.21 reads a property that transformers 5 has renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        wrapped = PeftModel.from_pretrained(model, adapter)  # type: ignore[arg-type]
    bare = cast("PreTrainedModel", wrapped.base_model.model)
    _open_eyes(bare, adapter)
    return bare


def _open_eyes(model: PreTrainedModel, adapter: Path) -> None:
    """Put a trained projector in its place."""
    sight, path = sight_of(model), adapter / FILE
    if sight is None and not path.exists():
        return
    if sight is None or not path.is_file():
        has = "was trained without eyes" if sight is not None else "was trained to see"
        raise DataError(f"{adapter}: the adapter {has}, and model.vision says otherwise")
    sight.projector.load_state_dict(load_file(path), strict=True)


def _refuse_too_few_positions(
    model: PreTrainedModel, folder: ModelFolder, context_tokens: int
) -> None:
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", context_tokens)
    if context_tokens > positions:
        raise ConfigError(
            f"model.context_tokens: {context_tokens} is more than the {positions} positions of "
            f"{folder.name}; lower it"
        )


def refuse_others(
    adapter: Path, folder: ModelFolder, gallery: Gallery | None, quantize: Quantize | None
) -> None:
    """Make sure that an adapter is used with what it was trained with.

    Raises:
        DataError: It is not, or it does not say.
    """
    _refuse_other_base(adapter, folder)
    _refuse_other_encoder(adapter, gallery)
    _refuse_other_packing(adapter, quantize)


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


def _refuse_other_encoder(adapter: Path, gallery: Gallery | None) -> None:
    encoder = json.loads((adapter / MARK).read_text(encoding="utf-8")).get("encoder_sha256")
    ours = None if gallery is None else gallery.encoder.sha256
    if encoder != ours:
        raise DataError(
            f"{adapter}: trained with another image encoder than model.vision names; use that "
            "one, or train again"
        )


def _refuse_other_packing(adapter: Path, quantize: Quantize | None) -> None:
    """An adapter is learnt for the weights as they were rounded."""
    packed = json.loads((adapter / MARK).read_text(encoding="utf-8")).get("quantize")
    if packed != quantize:
        raise DataError(
            f"{adapter}: trained with model.quantize: {packed or 'null'}, and it is "
            f"{quantize or 'null'} now; set it back, or train again"
        )


def _silence() -> None:
    """Keep transformers' bars and advice off the screen: medtune reports for itself."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
