"""The shapes of the wire: chat completions as OpenAI defined them, and what we refuse of them.

No message of ours quotes what the client sent, because it may be a patient's: it names the field.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from medtune.errors import DataError, MedtuneError
from medtune.images.mark import SIGN
from medtune.records import Json, Message, Role, Shown
from medtune.serve.image import see
from medtune.ways import Put

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Far above any context of a small model, and room for a radiograph; guards the memory only."""
LONGEST_KEY = 40
"""A longer unknown key is not named in a message: it may be text that went astray."""


class Refusal(Exception):
    """An answer with a status other than 200. The message is all that the client sees."""

    def __init__(self, status: int, message: str, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def as_json(self) -> dict[str, Json]:
        """The error object of OpenAI's interface."""
        kind = (
            "server_error"
            if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            else "invalid_request_error"
        )
        return {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that passed the checks of form."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None
    stream: bool
    with_usage: bool
    """Whether a stream ends with the token counts."""
    images: Mapping[str, Shown] = field(default_factory=dict[str, Shown], repr=False)
    """The images that the messages mark, by their hashes."""


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Text(_Wire):
    type: Literal["text"]
    text: str


class _Url(_Wire):
    url: str
    detail: Literal["auto", "low", "high"] | None = None
    """Ignored: every image is seen at one size."""


class _Image(_Wire):
    type: Literal["image_url"]
    image_url: _Url


_Part = Annotated[_Text | _Image, Field(discriminator="type")]


class _Turn(_Wire):
    role: Role
    content: str | Annotated[list[_Part], Field(min_length=1)]

    @property
    def texts(self) -> list[str]:
        """What was written, without the images."""
        if isinstance(self.content, str):
            return [self.content]
        return [part.text for part in self.content if isinstance(part, _Text)]

    @property
    def has_image(self) -> bool:
        """Whether an image was sent."""
        return not isinstance(self.content, str) and any(
            isinstance(part, _Image) for part in self.content
        )

    def seen(self, images: dict[str, Shown]) -> str:
        """The turn as the model reads it; its images go to `images`, by their hashes.

        Raises:
            DataError: An image cannot be used.
        """
        if isinstance(self.content, str):
            return self.content
        return "\n".join(
            part.text if isinstance(part, _Text) else see(part.image_url.url, images)
            for part in self.content
        )


class _StreamOptions(_Wire):
    include_usage: bool = False


class _Body(BaseModel):
    """What we understand. Other keys are collected, to be refused by name in one message."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    model: str
    messages: Annotated[list[_Turn], Field(min_length=1)]
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: float | None = None
    n: int | None = None
    tools: list[object] | None = None
    seed: int | None = None
    """Ignored: a greedy reply is the same for every seed."""
    user: str | None = None
    """Ignored, and never stored: it may name a person."""


def read_ask(body: bytes) -> Ask:
    """Check the form of a request.

    Raises:
        Refusal: 400, with every fault that was found, by field.
    """
    try:
        found = _Body.model_validate(json.loads(body))
    except (ValueError, RecursionError) as error:
        raise Refusal(400, _explain(error), "invalid_request") from None
    faults = [*_unsupported(found), *_bad_turns(found)]
    if faults:
        raise Refusal(400, "; ".join(faults), "invalid_request")
    images: dict[str, Shown] = {}
    try:
        messages = tuple(Message(turn.role, turn.seen(images)) for turn in found.messages)
    except DataError as error:
        raise Refusal(400, f"messages: {error}", "invalid_image") from None
    return Ask(
        model=found.model,
        messages=messages,
        max_tokens=found.max_completion_tokens or found.max_tokens,
        stream=found.stream,
        with_usage=found.stream_options is not None and found.stream_options.include_usage,
        images=images,
    )


def plainly(instruction: str | None, messages: Sequence[Message]) -> Put:
    """The messages with the application's instruction, unless they have a system message."""
    if instruction is None or any(message.role == "system" for message in messages):
        return Put(messages)
    return Put((Message("system", instruction), *messages))


def _explain(error: ValueError | RecursionError) -> str:
    if not isinstance(error, ValidationError):
        return "the body is not JSON in UTF-8"
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'][:3])}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
        if fault["type"] != "extra_forbidden"
    ]
    if any(fault["type"] == "extra_forbidden" for fault in error.errors(include_input=False)):
        faults.append("messages or stream_options: a key is not supported")
    return "; ".join(dict.fromkeys(faults))


def _unsupported(body: _Body) -> list[str]:
    """What was asked for and is not done, rather than silently left out."""
    faults: list[str] = []
    if body.temperature:
        faults.append("temperature: replies are greedy; leave it out or set it to 0")
    if body.n not in (None, 1):
        faults.append("n: one reply is given; leave it out or set it to 1")
    if body.tools:
        faults.append("tools: not supported; leave it out")
    extra = sorted(body.model_extra or {})
    named = [
        key for key in extra if key.isidentifier() and key.isascii() and len(key) <= LONGEST_KEY
    ]
    if extra:
        faults.append(f"{', '.join(named) or 'a key'}: not supported; leave it out")
    return faults


def _bad_turns(body: _Body) -> list[str]:
    faults: list[str] = []
    for i, turn in enumerate(body.messages):
        text = "\n".join(turn.texts)
        if not text.strip() and not turn.has_image:
            faults.append(f"messages.{i}.content: empty")
        elif SIGN in text:
            faults.append(f"messages.{i}.content: the character U+FFFC, which stands for an image")
        elif turn.has_image and turn.role != "user":
            faults.append(f"messages.{i}.content: only a user may send an image")
        elif not _is_unicode(text):
            faults.append(f"messages.{i}.content: half of a surrogate pair, which is no text")
    if body.messages[-1].role != "user":
        faults.append("messages: the last must be from the user, for the model answers it")
    return faults


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def too_long(n_prompt: int, n_reply: int, context_tokens: int) -> Refusal:
    """The refusal of what does not fit: nothing is ever cut silently."""
    return Refusal(
        400,
        f"messages: {n_prompt} tokens, and up to {n_reply} for the reply, do not fit into "
        f"{context_tokens} (model.context_tokens); shorten them or lower max_tokens",
        "context_length_exceeded",
    )


def from_ours(error: MedtuneError) -> Refusal:
    """A fault that our own code words without quoting text."""
    return Refusal(400, str(error), "invalid_request")
