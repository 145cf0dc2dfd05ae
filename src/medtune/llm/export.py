"""Write a model's weights as files that other tools read, and read such files back."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GenerationConfig, PreTrainedModel

from medtune.config import ModelSection
from medtune.errors import ConfigError
from medtune.llm.gguf import convert_gguf
from medtune.llm.gguf_writer import GgufType, write_gguf
from medtune.llm.load import LanguageModel, load_model
from medtune.llm.numerics import Numerics
from medtune.llm.source import ModelFolder, find_model

Format = Literal["safetensors", "gguf"]
TYPES: Final[dict[str, tuple[str, ...]]] = {
    "safetensors": ("float32", "bfloat16", "float16"),
    "gguf": get_args(GgufType),
}
_BESIDE: Final = ("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.json")
_BESIDE_TOO: Final = ("merges.txt", "chat_template.jinja", "LICENSE*", "LICENCE*", "NOTICE*")
_PLAIN: Final = Numerics("float32", None, "an export is read back in float32", None)


def check_type(form: Format, kind: str) -> None:
    """Refuse a type that the format has not.

    Raises:
        ConfigError: It has not.
    """
    if kind not in TYPES[form]:
        raise ConfigError(f"--type {kind}: {form} has {', '.join(TYPES[form])}")


def write_model(lm: LanguageModel, folder: Path, form: Format, kind: str, name: str) -> None:
    """Write a model of plain float32 weights, with all that it needs to be used.

    Args:
        lm: The model, after `merge`. Its weights become `kind`.
        folder: Where; it is there and empty.
        form: A folder of the transformers layout, or one GGUF file.
        kind: One of `TYPES`.
        name: Of the GGUF file.

    Raises:
        ConfigError: The format has no such type, or cannot hold such a model.
    """
    check_type(form, kind)
    for pattern in (*_BESIDE, *_BESIDE_TOO):
        for path in lm.folder.path.glob(pattern):
            # A GGUF file holds its own tokenizer.
            if form == "safetensors" or path.name.startswith(("LIC", "NOTICE")):
                shutil.copyfile(path, folder / path.name)
    if form == "gguf":
        config = lm.model.config.to_dict()
        write_gguf(folder / f"{name}.gguf", _arrays(lm.model), config, lm.folder, kind=kind)  # type: ignore[arg-type]
        return
    lm.model.generation_config = GenerationConfig(
        eos_token_id=list(lm.renderer.stop_ids), pad_token_id=lm.renderer.pad_id
    )
    lm.model.to(getattr(torch, kind)).save_pretrained(folder)


def read_back(folder: Path, work: Path, *, context_tokens: int) -> LanguageModel:
    """Load what `write_model` wrote, as another tool would: from its files alone, in float32.

    Args:
        folder: The export.
        work: Where a GGUF file is unpacked; it is there, and is not needed after the return.
        context_tokens: Longest prompt and reply together.
    """
    return load_model(_found(folder, work), _PLAIN, context_tokens=context_tokens)


def _found(folder: Path, work: Path) -> ModelFolder:
    for file in folder.glob("*.gguf"):
        convert_gguf(file, work)
        folder = work
    return find_model(ModelSection(source=f"path:{folder}"), offline=True)


def _arrays(model: PreTrainedModel) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each weight once, tied ones too."""
    for name, weight in model.named_parameters():
        yield name, weight.detach().cpu().numpy()
