"""Messages to token ids: the one place where training, evaluation and serving write a prompt.

The ids are those of the tokenizer's own chat template. What is supervised is the reply and the
token that ends the turn, nothing before and nothing after.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from medtune.errors import ConfigError, DataError
from medtune.images.mark import MARK
from medtune.images.view import N_CELLS
from medtune.llm.source import ModelFolder
from medtune.llm.today import on_one_day
from medtune.records import Message

if TYPE_CHECKING:
    from medtune.llm.vision.eyes import Eyes

_PROBE: Final = "probe"


class Rendered(NamedTuple):
    """One training example."""

    ids: Sequence[int]
    supervised: Sequence[int]
    """1 where the model is to learn to write this token, else 0. As long as `ids`."""


class Candidates(NamedTuple):
    """One prompt with the replies that are to be scored after it."""

    prompt: list[int]
    replies: list[list[int]]
    """Each with its end-of-turn token."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote."""

    text: str = field(repr=False)
    n_prompt: int
    """Tokens of the prompt."""
    n_new: int
    """Tokens written, the one that ends the turn included."""
    stopped: bool
    """Whether the model ended its turn; else it was cut off."""


@dataclass(frozen=True)
class Renderer:
    """Turns messages into token ids by the model's own chat template."""

    tokenizer: PreTrainedTokenizerFast = field(repr=False)
    images: Callable[[str], Sequence[int]] | None = field(default=None, repr=False)
    """The ids of an image by its hash; None for a model that sees none."""
    eyes: "Eyes | None" = field(default=None, repr=False)
    """Of a vision-language model, which writes images in its own way."""

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids up to the point where the model is to write.

        Raises:
            DataError: The messages cannot be written with this template.
        """
        return self.encode(self._written(messages))

    def training(self, messages: Sequence[Message], reply: str) -> Rendered:
        """The ids of the prompt and the reply, up to the end-of-turn token.

        Raises:
            DataError: The reply changes how the prompt is cut into tokens, or contains a token that
                ends a turn, or the messages cannot be written with this template.
        """
        prompt, (reply_ids,) = self.candidates(messages, [reply])
        supervised = [False] * len(prompt) + [True] * len(reply_ids)
        return Rendered(prompt + reply_ids, supervised)

    def document(self, text: str) -> list[int]:
        """The ids of a text that is no conversation, between the tokens that part two texts.

        Raises:
            DataError: The text contains a token that makes turns.
        """
        self._refuse_control(text, "a text")
        opening = self.tokenizer.encode("")
        end = self.stop_ids[-1]
        return [*(opening or [end]), *self.encode(text), end]

    def reply_ids(self, messages: Sequence[Message], reply: str) -> list[int]:
        """The supervised ids of `training`: the reply and the end-of-turn token."""
        return self.candidates(messages, [reply]).replies[0]

    def candidates(self, messages: Sequence[Message], replies: Sequence[str]) -> Candidates:
        """One prompt with several replies. The prompt is written and cut into tokens once.

        Raises:
            DataError: As in `training`.
        """
        written = self._written(messages)
        # A tokenizer first cuts at its control tokens, so what follows the last one stands alone.
        cut = max((written.rfind(token) for token in self._control_tokens), default=0)
        cut = max(cut, 0)
        opening = self.encode(written[cut:])
        tails: list[list[int]] = []
        for reply in replies:
            whole = self._written([*messages, Message("assistant", reply)], open_turn=False)
            ids = self.encode(whole[cut:])
            if not whole.startswith(written) or ids[: len(opening)] != opening:
                raise DataError(
                    "a reply changes how the prompt before it is written or cut into tokens, so "
                    "the model would learn after a prompt it never gets; it starts with white "
                    "space, or the chat template rewrites earlier turns: strip the reply, or take "
                    "another model"
                )
            end = ids.index(self.end_of_turn, len(opening))
            tails.append(ids[len(opening) : end + 1])
        return Candidates(self.encode(written[:cut]) + opening, tails)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, without control tokens."""
        text = self.tokenizer.decode(
            self.of_model(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return cast("str", text)

    def of_model(self, ids: Sequence[int]) -> list[int]:
        """The ids as a vision-language model knows them, an image's own as its image token."""
        eyes = self.eyes
        return [eyes.token if eyes and token >= eyes.n_words else token for token in ids]

    @cached_property
    def end_of_turn(self) -> int:
        """The token that the template writes after a reply: it is learned like the reply.

        Raises:
            ConfigError: The template writes none, so the model could never learn to stop, or writes
                more between prompt and reply than white space, which the model would learn.
        """
        user = Message("user", _PROBE)
        open_turn = self._text([user], open_turn=True)
        whole = self._text([user, Message("assistant", _PROBE)], open_turn=False)
        before, found, after = whole.removeprefix(open_turn).rpartition(_PROBE)
        if not whole.startswith(open_turn) or not found or before.strip():
            raise ConfigError(
                "model.source: the model's chat template does not write a reply where its prompt "
                "ends: it rewrites earlier turns, or puts a text of its own, such as a place for "
                "thoughts, in between; take another model"
            )
        ids = self.encode(after)
        control = [i for i in ids if i in self.tokenizer.added_tokens_decoder]
        if not control:
            raise ConfigError(
                "model.source: the model's chat template closes a reply with no control token, so "
                "the model could not learn to stop; take another model"
            )
        return control[0]

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """The tokens that end a reply: end-of-turn and end-of-text."""
        eos = cast("int | None", self.tokenizer.eos_token_id)
        others = () if eos is None or eos == self.end_of_turn else (eos,)
        return (self.end_of_turn, *others)

    @cached_property
    def pad_id(self) -> int:
        """The token that fills a batch; always masked, so any does."""
        pad = cast("int | None", self.tokenizer.pad_token_id)
        return self.stop_ids[-1] if pad is None else pad

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        """The tokens that make the turns, as text. In a record they would forge a turn."""
        text = self._text([Message("user", _PROBE)], open_turn=True)
        stops = {cast("str", self.tokenizer.decode([i])) for i in (*self.stop_ids, self.pad_id)}
        return tuple(
            token.content
            for token in self.tokenizer.added_tokens_decoder.values()
            if token.special
            and (self.eyes is not None or token.content in text or token.content in stops)
        )

    @cached_property
    def _adds_own_system_text(self) -> bool:
        """Whether the template speaks up where there is no system message.

        Such a template writes more without a system message than with an empty one.
        """
        user = Message("user", _PROBE)
        try:
            empty = self._text([Message("system", ""), user], open_turn=True)
        except DataError:
            return False  # a template without system messages has no default for them
        return len(self._text([user], open_turn=True)) > len(empty)

    @cached_property
    def _template(self) -> str:
        return on_one_day(self.tokenizer.get_chat_template())

    def _written(self, messages: Sequence[Message], *, open_turn: bool = True) -> str:
        """The conversation as text, with no system text but the caller's, and no forged turns."""
        for message in messages:
            self._refuse_control(message.content, f"a message of role {message.role}")
        silent = self._adds_own_system_text and not (messages and messages[0].role == "system")
        return self._text(
            [Message("system", ""), *messages] if silent else messages, open_turn=open_turn
        )

    def _refuse_control(self, text: str, what: str) -> None:
        for token in self._control_tokens:
            if token in text:
                raise DataError(
                    f"{what} contains the control token {token!r}, which would forge a turn of the "
                    "conversation; remove it from the record"
                )

    def _text(self, messages: Sequence[Message], *, open_turn: bool) -> str:
        eyes = self.eyes
        turns = [
            {"role": one.role, "content": eyes.content(one.content) if eyes else one.content}
            for one in messages
        ]
        try:
            text = self.tokenizer.apply_chat_template(
                cast("list[dict[str, str]]", turns),
                chat_template=self._template,
                tokenize=False,
                add_generation_prompt=open_turn,
                enable_thinking=False,  # the empty place for thoughts then belongs to the prompt
            )
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise DataError(
                f"the model's chat template refuses turns in the order {roles}: {error.message}"
            ) from None
        written = cast("str", text)
        if self.eyes is None:
            return written
        return self.eyes.marked(written, [one.content for one in messages])

    def encode(self, text: str) -> list[int]:
        """The ids of a text, those of an image in the place of its mark."""
        if self.eyes is not None:
            return self.eyes.encode(text)
        ids: list[int] = []
        for number, piece in enumerate(MARK.split(text)):
            if number % 2:
                ids += self._image(piece)
            elif piece:
                ids += self.tokenizer.encode(piece, add_special_tokens=False)
        return ids

    def _image(self, name: str) -> Sequence[int]:
        if self.images is None:
            raise ConfigError("model.vision: a message has an image and the model no eyes; set it")
        return self.images(name)


def load_renderer(
    folder: ModelFolder, images: Callable[[str], Sequence[int]] | None = None
) -> Renderer:
    """The renderer of a base model. Reads no weights, and of a model of text no torch.

    Args:
        folder: The base model.
        images: The ids of an image by its hash.

    Raises:
        ConfigError: The template never closes a reply, or the model's own images are of a kind
            that medtune cannot show it.
    """
    if folder.sees:
        if images is not None:
            raise ConfigError(
                f"model.vision: {folder.name} has eyes of its own; leave model.vision out"
            )
        eyes: Eyes = import_module("medtune.llm.vision.eyes").load_eyes(folder)
        renderer = Renderer(eyes.tokenizer, eyes=eyes)
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder.path, local_files_only=True)
        renderer = Renderer(cast("PreTrainedTokenizerFast", tokenizer), images)
    assert renderer.stop_ids, "the template was probed"
    return renderer


def blank_image(name: str) -> Sequence[int]:  # noqa: ARG001  every image has as many tokens
    """Ids in the place of an image's, where only their number counts."""
    return [0] * N_CELLS
