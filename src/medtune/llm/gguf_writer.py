"""Write a model of the llama family as one GGUF file, as llama.cpp's own converter would.

The other way round of `gguf.py`: what is written here is read back there, and only what can be
turned exactly (but for the rounding of the weights) is accepted. Norms stay float32, as llama.cpp
wants them. No torch here.

Source of the layout: the GGUF specification and llama.cpp's convert_hf_to_gguf.py, read 2026-11.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, cast

import numpy as np
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFWriter, LlamaFileType
from gguf.quants import QuantError, quantize
from numpy.typing import NDArray

from medtune.errors import ConfigError
from medtune.llm.gguf import CONTROL, LAYER, NORMAL, UNUSED, USER_DEFINED, WHOLE
from medtune.llm.source import ModelFolder, chat_template

GgufType = Literal["float32", "float16", "bfloat16", "q8_0"]

_TYPES: Final = {
    "float32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "float16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "bfloat16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
_GGUF_NAME: Final = {hub: name.removesuffix(".weight") for name, hub in WHOLE.items()} | {
    f"{hub}.weight": name for name, hub in LAYER.items()
}
_BYTE_LEVEL: Final = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS: Final = {"type": "Digits", "individual_digits": True}


class Shape(NamedTuple):
    """The numbers of a llama that a GGUF file states."""

    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    positions: int
    epsilon: float
    theta: float


class Vocabulary(NamedTuple):
    """The tokenizer as a GGUF file states it."""

    splitter: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    stop: int
    """The token that ends a turn."""
    begin: int
    pad: int


def write_gguf(
    path: Path,
    weights: Iterable[tuple[str, NDArray[np.float32]]],
    config: Mapping[str, object],
    folder: ModelFolder,
    *,
    kind: GgufType,
) -> None:
    """Write the file.

    Args:
        path: Where.
        weights: Names as in transformers, values in float32. Tied weights once.
        config: The model's settings, as transformers writes them.
        folder: Where the tokenizer and the chat template are; its name and licence are stated.
        kind: The type of the matrices.

    Raises:
        ConfigError: A kind of model or tokenizer that cannot be written exactly.
    """
    shape = _shape(config, folder)
    vocabulary = _vocabulary(folder, shape.vocabulary)
    writer = GGUFWriter(path, "llama")
    try:
        _write_head(writer, shape, folder, kind)
        _write_tokenizer(writer, vocabulary, chat_template(folder.path))
        for name, values in weights:
            _add(writer, name, values, shape, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _write_head(writer: GGUFWriter, shape: Shape, folder: ModelFolder, kind: GgufType) -> None:
    writer.add_type("model")
    writer.add_name(folder.name)
    if folder.licence != "not stated":
        writer.add_license(folder.licence)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.inner)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_freq_base(shape.theta)
    writer.add_rope_dimension_count(shape.hidden // shape.heads)
    writer.add_file_type(_TYPES[kind][1])
    writer.add_quantization_version(GGML_QUANT_VERSION)


def _write_tokenizer(writer: GGUFWriter, vocabulary: Vocabulary, template: str) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.splitter)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_bos_token_id(vocabulary.begin)
    writer.add_eos_token_id(vocabulary.stop)
    writer.add_pad_token_id(vocabulary.pad)
    writer.add_add_bos_token(False)
    writer.add_chat_template(template)


def _add(
    writer: GGUFWriter,
    name: str,
    values: NDArray[np.float32],
    shape: Shape,
    kind: GgufType,
) -> None:
    match name.split("."):
        case ["model", "layers", number, *rest] if ".".join(rest) in _GGUF_NAME:
            part = _GGUF_NAME[".".join(rest)]
            written = f"blk.{number}.{part}.weight"
        case _ if name in _GGUF_NAME:
            part = _GGUF_NAME[name]
            written = f"{part}.weight"
        case _:
            raise _refused(f"the weight {name} is not part of a plain llama model")
    if part in ("attn_q", "attn_k"):
        values = permuted(values, shape.heads if part == "attn_q" else shape.key_heads)
    kept = _TYPES[kind][0] if values.ndim > 1 else GGMLQuantizationType.F32
    try:
        writer.add_tensor(written, quantize(values, kept), raw_dtype=kept)
    except QuantError:
        raise _refused(
            f"{name} has rows of {values.shape[-1]} numbers, and {kind} wants a multiple of 32"
        ) from None


def permuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows from transformers' order (halves one by one) to llama.cpp's (pairs side by side)."""
    rows, columns = values.shape
    pairs = values.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2)
    return np.ascontiguousarray(pairs.reshape(rows, columns))


def _shape(config: Mapping[str, object], folder: ModelFolder) -> Shape:
    hidden, heads = cast("int", config["hidden_size"]), cast("int", config["num_attention_heads"])
    rope = cast("Mapping[str, object]", config.get("rope_parameters") or {})
    plain = {
        "model_type": (config.get("model_type"), "llama"),
        "hidden_act": (config.get("hidden_act"), "silu"),
        "rotary positions": (rope.get("rope_type", "default"), "default"),
        "head_dim": (config.get("head_dim") or hidden // heads, hidden // heads),
        "attention_bias": (config.get("attention_bias", False), False),
        "mlp_bias": (config.get("mlp_bias", False), False),
    }
    for what, (found, wanted) in plain.items():
        if found != wanted:
            raise _refused(f"{folder.name} has {what} {found!r}, not {wanted!r}")
    return Shape(
        vocabulary=cast("int", config["vocab_size"]),
        hidden=hidden,
        inner=cast("int", config["intermediate_size"]),
        layers=cast("int", config["num_hidden_layers"]),
        heads=heads,
        key_heads=cast("int", config.get("num_key_value_heads") or heads),
        positions=cast("int", config["max_position_embeddings"]),
        epsilon=cast("float", config["rms_norm_eps"]),
        theta=cast("float", rope.get("rope_theta", 10000.0)),
    )


def _vocabulary(folder: ModelFolder, size: int) -> Vocabulary:
    whole = json.loads((folder.path / "tokenizer.json").read_text(encoding="utf-8"))
    model = whole["model"]
    if model["type"] != "BPE" or whole.get("normalizer") is not None:
        raise _refused(f"the tokenizer of {folder.name} is not a plain byte-level BPE")
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [UNUSED] * size
    for token, number in model["vocab"].items():
        tokens[number], types[number] = token, NORMAL
    for one in whole["added_tokens"]:
        number = one["id"]
        tokens[number] = one["content"]
        types[number] = CONTROL if one["special"] else USER_DEFINED
    named = json.loads((folder.path / "tokenizer_config.json").read_text(encoding="utf-8"))

    def place(what: str, otherwise: int) -> int:
        found = named.get(what)
        text = found["content"] if isinstance(found, dict) else found
        return tokens.index(text) if text else otherwise

    stop = place("eos_token", otherwise=-1)
    if stop < 0:
        raise _refused(f"the tokenizer of {folder.name} names no eos_token")
    return Vocabulary(
        splitter=_splitter(whole.get("pre_tokenizer"), folder),
        tokens=tokens,
        types=types,
        merges=[one if isinstance(one, str) else " ".join(one) for one in model["merges"]],
        stop=stop,
        begin=place("bos_token", otherwise=stop),
        pad=place("pad_token", otherwise=stop),
    )


def _splitter(found: object, folder: ModelFolder) -> str:
    """llama.cpp's name of the rule by which the tokenizer cuts a text into words."""
    match _steps(found):
        case [only] if _is(only, _BYTE_LEVEL):
            return "gpt-2"
        case [first, second] if _is(first, _DIGITS) and _is(second, _BYTE_LEVEL):
            return "smollm"
        case _:
            raise _refused(f"the tokenizer of {folder.name} cuts words by a rule not known here")


def _steps(found: object) -> list[Mapping[str, object]]:
    if not isinstance(found, dict):
        return []
    step = cast("dict[str, object]", found)
    several = step.get("pretokenizers")
    return cast("list[Mapping[str, object]]", several) if several else [step]


def _is(step: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    return all(step.get(key, value) == value for key, value in wanted.items())


def _refused(what: str) -> ConfigError:
    return ConfigError(
        f"export: {what}; GGUF is written for plain llama models with a GPT-2 or SmolLM tokenizer: "
        "use --format safetensors"
    )
