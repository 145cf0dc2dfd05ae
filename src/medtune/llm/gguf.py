"""Turn a GGUF file into the folder that transformers reads: float32 weights, config, tokenizer.

Only what can be turned exactly is accepted: the llama architecture with a byte-level BPE tokenizer
whose splitting rule we know. Anything else is refused by name. No torch and no transformers here:
the numerics of this process are chosen after the model is found.

Source of the layout: the GGUF specification and llama.cpp's convert_hf_to_gguf.py, which stores the
rows of the query and key matrices with the two halves of the rotation interleaved.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
from gguf import GGUFReader, ReaderTensor, dequantize
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Sequence

from medtune.errors import DataError

CONVERTER_VERSION = 1
"""Part of the cache folder's name: raise it when this file would write something else."""

LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""The parts of a layer: GGUF's name and that of transformers."""
WHOLE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""Values of `tokenizer.ggml.token_type`."""
_PADDING = "<|endoftext|>"


class Metadata:
    """The key-value head of a GGUF file, read with the type that the caller expects."""

    def __init__(self, reader: GGUFReader, path: Path) -> None:
        self._fields = reader.fields
        self._path = path

    def has(self, key: str) -> bool:
        """Whether the file states `key`."""
        return key in self._fields

    def text(self, key: str) -> str:
        """A string."""
        return str(self._read(key))

    def integer(self, key: str) -> int:
        """A whole number."""
        return int(cast("int", self._read(key)))

    def number(self, key: str) -> float:
        """A float, with the noise of its float32 storage rounded away."""
        return float(f"{cast('float', self._read(key)):.7g}")

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        return cast("list[str]", self._read(key))

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers."""
        return cast("list[int]", self._read(key))

    def _read(self, key: str) -> object:
        field = self._fields.get(key)
        if field is None:
            raise DataError(
                f"{self._path.name}: the GGUF file does not state {key}; take another model"
            )
        return field.contents()


def convert_gguf(path: Path, folder: Path) -> str:
    """Write `model.safetensors`, `config.json` and the tokenizer files into `folder`.

    Returns:
        The licence that the file states, or "not stated".

    Raises:
        DataError: Not a GGUF file, or a kind that cannot be turned exactly.
    """
    try:
        reader = GGUFReader(path)
    except (ValueError, IndexError) as error:
        raise DataError(f"{path.name}: not a whole GGUF file; download it again") from error
    head = Metadata(reader, path)
    _refuse_what_is_not_known(head, path)
    weights = _weights(reader, head, path)
    config = _config(head, tied="lm_head.weight" not in weights)
    _write_tokenizer(head, folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return head.text("general.license") if head.has("general.license") else "not stated"


def _refuse_what_is_not_known(head: Metadata, path: Path) -> None:
    known = {
        "general.architecture": ("llama",),
        "tokenizer.ggml.model": ("gpt2",),
        "tokenizer.ggml.pre": ("smollm", "gpt-2"),
    }
    for key, values in known.items():
        if (value := head.text(key)) not in values:
            raise DataError(
                f"{path.name}: {key} is {value!r}; medtune converts {' or '.join(values)} only; "
                "use the model's safetensors folder with source: path: or hf:"
            )
    if head.has("llama.rope.scaling.type") and head.text("llama.rope.scaling.type") != "none":
        raise DataError(f"{path.name}: scaled rotary positions are not converted; use safetensors")
    if not head.has("tokenizer.chat_template"):
        raise DataError(
            f"{path.name}: the model has no chat template (it is a base model); "
            "take its instruction-tuned version"
        )


def _config(head: Metadata, *, tied: bool) -> dict[str, object]:
    hidden, heads = (
        head.integer("llama.embedding_length"),
        head.integer("llama.attention.head_count"),
    )
    kv_key, theta_key = "llama.attention.head_count_kv", "llama.rope.freq_base"
    theta = head.number(theta_key) if head.has(theta_key) else 10000.0
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": len(head.texts("tokenizer.ggml.tokens")),
        "hidden_size": hidden,
        "intermediate_size": head.integer("llama.feed_forward_length"),
        "num_hidden_layers": head.integer("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": head.integer(kv_key) if head.has(kv_key) else heads,
        "head_dim": hidden // heads,
        "max_position_embeddings": head.integer("llama.context_length"),
        "rms_norm_eps": head.number("llama.attention.layer_norm_rms_epsilon"),
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
        "hidden_act": "silu",
        "tie_word_embeddings": tied,
        "bos_token_id": head.integer("tokenizer.ggml.bos_token_id"),
        "eos_token_id": head.integer("tokenizer.ggml.eos_token_id"),
    }


def _weights(reader: GGUFReader, head: Metadata, path: Path) -> dict[str, NDArray[np.float32]]:
    heads = head.integer("llama.attention.head_count")
    kv_key = "llama.attention.head_count_kv"
    rotated = {
        "attn_q": heads,
        "attn_k": head.integer(kv_key) if head.has(kv_key) else heads,
    }
    weights: dict[str, NDArray[np.float32]] = {}
    for tensor in reader.tensors:
        name = _hub_name(tensor.name)
        if name is None:
            raise DataError(
                f"{path.name}: tensor {tensor.name!r} is not part of a plain llama model; "
                "use the model's safetensors folder with source: path: or hf:"
            )
        values = _float32(tensor, path)
        part = tensor.name.split(".")[-2]
        if part in rotated:
            values = _unpermuted(values, rotated[part])
        weights[name] = np.ascontiguousarray(values)
    expected = len(LAYER) * head.integer("llama.block_count") + 2
    if len(weights) - ("lm_head.weight" in weights) != expected:
        raise DataError(f"{path.name}: {len(weights)} tensors, not the {expected} of its config")
    return weights


def _hub_name(name: str) -> str | None:
    """The name that transformers gives to a GGUF tensor, or None if it is not a llama's."""
    if name in WHOLE:
        return WHOLE[name]
    match name.split("."):
        case ["blk", layer, part, "weight"] if part in LAYER:
            return f"model.layers.{layer}.{LAYER[part]}.weight"
        case _:
            return None


def _float32(tensor: ReaderTensor, path: Path) -> NDArray[np.float32]:
    try:
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float32, copy=False)
    except NotImplementedError as error:
        raise DataError(
            f"{path.name}: {tensor.tensor_type.name} weights cannot be turned into float32; "
            "take another quantisation"
        ) from error


def _unpermuted(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows from llama.cpp's order (pairs side by side) to transformers' (halves one by one)."""
    rows, columns = values.shape
    return (
        values.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )


def _splitter(name: str) -> PreTokenizer:
    words = ByteLevel(add_prefix_space=False)
    if name == "smollm":
        # GGUF names this rule only; without it two spaces before a number are cut otherwise.
        return Sequence([Digits(individual_digits=True), words])  # type: ignore[return-value]
    return words  # type: ignore[return-value]


def _write_tokenizer(head: Metadata, folder: Path) -> None:
    tokens = head.texts("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ", 1)) for merge in head.texts("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(
        BPE(
            vocab={token: i for i, token in enumerate(tokens)},
            merges=cast("list[tuple[str, str]]", merges),
        )
    )
    tokenizer.pre_tokenizer = _splitter(head.text("tokenizer.ggml.pre"))  # type: ignore[assignment]
    tokenizer.decoder = ByteLevelDecoder()  # type: ignore[assignment]
    kinds = head.integers("tokenizer.ggml.token_type")
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    added = [token for token, kind in zip(tokens, kinds, strict=True) if kind == USER_DEFINED]
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in added])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = _tokenizer_config(head, tokens)
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    template = head.text("tokenizer.chat_template")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _tokenizer_config(head: Metadata, tokens: list[str]) -> Mapping[str, object]:
    bos = tokens[head.integer("tokenizer.ggml.bos_token_id")]
    eos = tokens[head.integer("tokenizer.ggml.eos_token_id")]
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        # Many GGUF files pad with the end-of-turn token; a mask made from that hides the stop.
        "pad_token": _PADDING if _PADDING in tokens else eos,
        "model_max_length": head.integer("llama.context_length"),
        "clean_up_tokenization_spaces": False,
    }
