"""Vision-language models of four families, small enough for unit tests: random weights, all files.

Each has the layout of the hub: weights, processor, tokenizer and a chat template whose messages are
lists of parts.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from tiny_llm import write_tokenizer
from transformers import (
    CLIPImageProcessorPil,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessorPil,
)

TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
EYES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
    "initializer_range": 0.2,
}
Made = tuple[PreTrainedModel, ProcessorMixin]


def write_seeing_model(folder: Path, family: str, *, seed: int = 0) -> ProcessorMixin:
    """Write a whole model's folder of a family: see `FAMILIES`."""
    make, sign, extra = FAMILIES[family]
    template = _template(sign)
    write_tokenizer(folder, template=template)
    tokens = PreTrainedTokenizerFast.from_pretrained(folder, extra_special_tokens=dict(extra))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model, processor = make(tokens, template)
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    return processor


def _template(sign: str) -> str:
    return (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
        "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '" + sign + "' }}"
        "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )


def _idefics3(tokens: PreTrainedTokenizerFast, template: str) -> Made:
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
    )
    processor = Idefics3Processor(images, tokens, image_seq_len=4, chat_template=template)
    config = Idefics3Config(
        text_config={"model_type": "llama", "vocab_size": len(tokens), **TEXT},
        vision_config=EYES,
        image_token_id=tokens.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    return Idefics3ForConditionalGeneration(config), processor


def _llava(tokens: PreTrainedTokenizerFast, template: str) -> Made:
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    processor = LlavaProcessor(
        images,
        tokens,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=template,
        num_additional_image_tokens=1,
    )
    config = LlavaConfig(
        text_config={"model_type": "llama", "vocab_size": len(tokens), **TEXT},
        vision_config={"model_type": "clip_vision_model", **EYES},
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
    )
    return LlavaForConditionalGeneration(config), processor


def _gemma3(tokens: PreTrainedTokenizerFast, template: str) -> Made:
    images = Gemma3ImageProcessorPil(size={"height": 32, "width": 32})
    processor = Gemma3Processor(images, tokens, chat_template=template, image_seq_length=4)
    config = Gemma3Config(
        text_config={"vocab_size": len(tokens), "head_dim": 16, "sliding_window": 64, **TEXT},
        vision_config={"model_type": "siglip_vision_model", **EYES, "vision_use_head": False},
        mm_tokens_per_image=4,
        boi_token_index=tokens.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=tokens.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=tokens.convert_tokens_to_ids("<image_soft_token>"),
    )
    model = Gemma3ForConditionalGeneration(config)
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.2)
    return model, processor


class ImagesOnly(Qwen2_5_VLProcessor):
    """Qwen2.5-VL's processor without its part for films, which needs torchvision."""

    def __init__(self, image_processor, tokenizer, chat_template=None) -> None:
        self.image_token = tokenizer.image_token
        self.image_token_id = tokenizer.image_token_id
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


def _qwen(tokens: PreTrainedTokenizerFast, template: str) -> Made:
    images = Qwen2VLImageProcessorPil(
        patch_size=8, merge_size=2, min_pixels=32 * 32, max_pixels=32 * 32
    )
    processor = ImagesOnly(images, tokens, template)
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(
        text_config={"vocab_size": len(tokens), "rope_parameters": rope, **TEXT},
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 64,
            "window_size": 32,
            "fullatt_block_indexes": [1],
            "initializer_range": 0.2,
        },
        image_token_id=tokens.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokens.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokens.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokens.convert_tokens_to_ids("<|vision_end|>"),
    )
    return Qwen2_5_VLForConditionalGeneration(config), processor


FAMILIES: Mapping[
    str,
    tuple[Callable[[PreTrainedTokenizerFast, str], Made], str, Mapping[str, str]],
] = {
    "idefics3": (
        _idefics3,
        "<image>",
        {
            "image_token": "<image>",
            "fake_image_token": "<fake_token_around_image>",
            "global": "<global-img>",
            **{f"place{r}{c}": f"<row_{r}_col_{c}>" for r in range(1, 7) for c in range(1, 7)},
            "end": "<end_of_utterance>",
        },
    ),
    "llava": (_llava, "<image>", {"image_token": "<image>"}),
    "gemma3": (
        _gemma3,
        "<start_of_image>",
        {
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
            "image_token": "<image_soft_token>",
        },
    ),
    "qwen2_5_vl": (
        _qwen,
        "<|vision_start|><|image_pad|><|vision_end|>",
        {
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_start": "<|vision_start|>",
            "vision_end": "<|vision_end|>",
        },
    ),
}
