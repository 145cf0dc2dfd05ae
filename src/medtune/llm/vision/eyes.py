"""The eyes of a hub model: its own processor makes the tokens, its own forward pass the rest.

As with our own encoder an image is token ids past the vocabulary (decision 0013): V + (h N) + k for
the k-th of its tokens, where h is the first 48 bits of the image's hash and N is `PLACES`. So what
works on ids compares and hashes images too. Before the model's body runs, a hook puts its image
token in their place and hands it the pixels: how the family attends to an image, and counts its
positions, is left to its own code.

Shapes: B rows, T tokens.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple, cast
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from transformers import AutoConfig, AutoProcessor, PreTrainedModel, PreTrainedTokenizerFast

from medtune.errors import ConfigError, DataError
from medtune.images.mark import MARK, image_mark, image_names
from medtune.images.store import image_id, kept_image
from medtune.images.view import SIDE
from medtune.llm.source import ModelFolder
from medtune.llm.vision.gallery import DIGITS, GUESTS

PLACES: Final = 1 << 14
"""N, the most tokens of an image. With 48 bits of the hash, an id still fits 63."""
HELD: Final = 32
"""Images whose pixels are held as the model takes them; others are made again when needed."""
OF_TEXT: Final = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""What a processor gives for the text."""


class _Seen(NamedTuple):
    """An image as the processor gives it."""

    text: str
    """What it writes in the place of the image."""
    n_tokens: int
    """Image tokens in that."""
    inputs: Mapping[str, Tensor]
    """What the model takes beside the ids."""


@dataclass
class Eyes:
    """Makes image tokens, and what a model needs to see them.

    One of them serves a base model and all that were tuned from it: an id means nothing elsewhere.
    """

    processor: Any = field(repr=False)  # half typed in transformers, and of a class for each family
    name: str
    """Of the model, for messages."""
    token: int
    """The id that the model knows an image's places by."""
    n_words: int
    """Size of the vocabulary: ids from here on are image tokens."""
    _bodies: WeakSet[nn.Module] = field(default_factory=WeakSet[nn.Module], repr=False)
    """Of the models that see through these eyes; what they see with is the same, and frozen."""
    _joins: dict[str, int] = field(default_factory=dict[str, int], repr=False)
    """The dimension along which the inputs of several images are joined."""
    _held: dict[str, _Seen] = field(default_factory=dict[str, _Seen], repr=False)
    _names: dict[int, str] = field(default_factory=dict[int, str], repr=False)
    _guests: dict[str, NDArray[np.uint8]] = field(
        default_factory=dict[str, NDArray[np.uint8]], repr=False
    )

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer with the tokens of images."""
        return cast("PreTrainedTokenizerFast", self.processor.tokenizer)

    def content(self, text: str) -> list[dict[str, str]]:
        """A message in the parts that chat templates of such models take."""
        pieces = enumerate(MARK.split(text))
        parts = [
            {"type": "image"} if number % 2 else {"type": "text", "text": piece}
            for number, piece in pieces
            if piece
        ]
        return parts or [{"type": "text", "text": ""}]

    def marked(self, written: str, texts: Sequence[str]) -> str:
        """A written conversation with the images' marks where the template wrote its own sign.

        Raises:
            DataError: The template writes more or fewer images than the messages have.
        """
        names = [name for text in texts for name in image_names(text)]
        first, *rest = written.split(self.processor.image_token)
        if len(rest) != len(names):
            raise DataError(
                f"the chat template of {self.name} writes {len(rest)} images for messages with "
                f"{len(names)}; put images in the user's messages only, or take another model"
            )
        return first + "".join(
            image_mark(name) + piece for name, piece in zip(names, rest, strict=True)
        )

    def encode(self, text: str) -> list[int]:
        """The ids of a text, its marked images as the processor writes them.

        Raises:
            DataError: An image is not in the store.
        """
        names = image_names(text)
        seen = [self._see(name) for name in names]
        whole = iter(seen)
        ids = self._ids(MARK.sub(lambda _: next(whole).text, text))
        places = (
            self.n_words + _number(name) * PLACES + place
            for name, one in zip(names, seen, strict=True)
            for place in range(one.n_tokens)
        )
        return [next(places) if token == self.token else token for token in ids]

    def inputs(self, ids_BT: Tensor) -> dict[str, Tensor]:
        """The arguments by which the model sees; empty where the ids hold no image."""
        is_image_BT = ids_BT >= self.n_words
        if not bool(is_image_BT.any()):
            return {}
        own = ids_BT[is_image_BT] - self.n_words
        numbers = torch.div(own[own % PLACES == 0], PLACES, rounding_mode="floor")
        seen = [self._see(self._names[number]) for number in numbers.tolist()]
        assert sum(one.n_tokens for one in seen) == len(own), "an image is cut nowhere"
        types_BT = is_image_BT.long()
        return {
            "input_ids": ids_BT.masked_fill(is_image_BT, self.token),
            "token_type_ids": types_BT,
            "mm_token_type_ids": types_BT,
            **{name: value.to(ids_BT.device) for name, value in self._joined(seen).items()},
        }

    def open(self, model: PreTrainedModel) -> None:
        """Let a model see: its body is handed the images of the ids that it is given."""
        body = model.base_model
        self._bodies.add(body)
        accepted = inspect.signature(body.forward).parameters

        def see(
            module: nn.Module, args: tuple[object, ...], given: dict[str, Any]
        ) -> tuple[tuple[object, ...], dict[str, Any]]:
            ids, past = given.get("input_ids"), given.get("past_key_values")
            if (past is None or past.get_seq_length() == 0) and hasattr(module, "rope_deltas"):
                # Qwen's: how far an image moved the positions of an earlier conversation.
                module.rope_deltas = None  # pyright: ignore[reportArgumentType]
            found = {} if ids is None else self.inputs(ids)
            return args, given | {name: one for name, one in found.items() if name in accepted}

        body.register_forward_pre_hook(see, with_kwargs=True)

    def admit(self, pixels_RC: NDArray[np.uint8]) -> str:
        """Take in an uploaded image for a while; its hash. Nothing is written to a disk."""
        name = image_id(pixels_RC)
        self._guests.pop(name, None)
        self._guests[name] = pixels_RC
        _keep_newest(self._guests, GUESTS)
        return name

    def hang(self, names: Iterable[str]) -> None:
        """Nothing is encoded before it is needed; as of `Gallery`."""

    @torch.inference_mode()
    def pooled(self, name: str) -> NDArray[np.float32]:
        """What a classical learner reads: mean and maximum of the image's tokens as projected."""
        encode = cast("Any", next(iter(self._bodies))).get_image_features
        taken = inspect.signature(encode).parameters
        given = {k: one for k, one in self._joined([self._see(name)]).items() if k in taken}
        found = encode(**given, return_dict=True).pooler_output
        tokens_TD = torch.cat([one.flatten(0, -2) for one in found]).float()
        return torch.cat([tokens_TD.mean(0), tokens_TD.amax(0)]).cpu().numpy()

    def _see(self, name: str) -> _Seen:
        there = self._names.setdefault(_number(name), name)
        if there != name:
            raise DataError(
                f"images {name[:DIGITS]}: two images whose hashes begin alike; leave one out"
            )
        if name not in self._held:
            guest = self._guests.get(name)
            self._held[name] = self._processed(kept_image(name) if guest is None else guest)
            _keep_newest(self._held, HELD)
        return self._held[name]

    def _processed(self, pixels_RC: NDArray[np.uint8]) -> _Seen:
        out = self._ask(self.processor.image_token, [pixels_RC])
        ids = cast("list[int]", out["input_ids"][0].tolist())
        text = cast("str", self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))
        n_tokens = ids.count(self.token)
        if self._ids(text) != ids or not 0 < n_tokens <= PLACES:
            raise _refused(self.name, "the tokens that it writes for an image cannot be written")
        return _Seen(text, n_tokens, _of_images(out))

    def _ask(self, text: str, images: Sequence[NDArray[np.uint8]]) -> Mapping[str, Any]:
        """What the processor gives for a text with images in it."""
        pictures = [Image.fromarray(pixels_RC).convert("RGB") for pixels_RC in images]
        return cast(
            "Mapping[str, Any]",
            self.processor(
                text=[text], images=pictures, add_special_tokens=False, return_tensors="pt"
            ),
        )

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False)

    def _joined(self, seen: Sequence[_Seen]) -> dict[str, Tensor]:
        return {
            name: torch.cat([one.inputs[name] for one in seen], dim=dim)
            for name, dim in self._joins.items()
        }

    def check(self) -> None:
        """Learn how inputs are joined, and make sure that two images come as the processor's do.

        Raises:
            ConfigError: They do not.
        """
        ramp_RC = np.tile(np.arange(SIDE, dtype=np.uint8), (SIDE, 1))
        images = [ramp_RC, ramp_RC.T.copy()]
        first, second = (self.admit(pixels_RC) for pixels_RC in images)
        sign = self.processor.image_token
        out = self._ask(f"One {sign}, two {sign}.", images)
        ours = self.encode(f"One {image_mark(first)}, two {image_mark(second)}.")
        seen = [self._see(name) for name in (first, second)]
        theirs = _of_images(out)
        for name, whole in theirs.items():
            parts = [one.inputs[name] for one in seen]
            dims = [dim for dim in range(whole.ndim) if _is_joined(parts, dim, whole)]
            if not dims:
                raise _refused(self.name, f"its {name} of several images cannot be joined")
            self._joins[name] = dims[0]
        words = [self.token if token >= self.n_words else token for token in ours]
        if words != out["input_ids"][0].tolist():
            raise _refused(self.name, "several images are written otherwise than one")
        for images_of in (self._guests, self._held, self._names):
            images_of.clear()


@cache
def load_eyes(folder: ModelFolder) -> Eyes:
    """The eyes of a vision-language model, the same for all who ask in this process.

    Raises:
        ConfigError: The processor cannot be loaded, or its images cannot be made tokens of.
    """
    try:
        processor = cast("Any", AutoProcessor.from_pretrained(folder.path, local_files_only=True))
    except (ImportError, OSError, ValueError) as error:
        raise ConfigError(
            f"model.source: the processor of {folder.name} cannot be loaded: {error}. Where it "
            "wants torchvision, install that for your torch (pip install torchvision)"
        ) from None
    config = AutoConfig.from_pretrained(folder.path, local_files_only=True)
    token = getattr(config, "image_token_id", None)
    if token is None or not getattr(processor, "image_token", None):
        raise _refused(folder.name, "it knows no image token")
    if processor.chat_template is not None:
        processor.tokenizer.chat_template = processor.chat_template
    n_words = max(config.get_text_config().vocab_size, len(processor.tokenizer))
    eyes = Eyes(processor, folder.name, token, n_words)
    eyes.check()
    return eyes


def _of_images(out: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in out.items()
        if name not in OF_TEXT and isinstance(value, Tensor)
    }


def _is_joined(parts: Sequence[Tensor], dim: int, whole: Tensor) -> bool:
    shapes = [[n for at, n in enumerate(one.shape) if at != dim] for one in (*parts, whole)]
    alike = all(shape == shapes[0] for shape in shapes)
    return alike and torch.equal(torch.cat(list(parts), dim=dim), whole)


def _keep_newest(some: dict[str, Any], n: int) -> None:
    for oldest in list(some)[:-n]:
        del some[oldest]


def _number(name: str) -> int:
    return int(name[:DIGITS], 16)


def _refused(name: str, why: str) -> ConfigError:
    return ConfigError(
        f"model.source: medtune cannot show images to {name}: {why}; take another model"
    )
