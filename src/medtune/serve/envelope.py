"""What is sent back: a chat completion in one piece or as a stream, as OpenAI defined them.

Where passages were searched for, the response names them in a field of our own, `medtune`: by the
file and the number of the passage, never by their text.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from medtune.records import Json

Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all parts of one response share."""

    request_id: str
    release_id: str
    model: str
    """As the client named it."""
    created: int
    """Unix time in seconds."""
    found: Sequence[str] = ()
    """The passages that the model read, by name."""

    def whole(self, text: str, usage: dict[str, Json], finish: Finish) -> dict[str, Json]:
        """A response in one piece."""
        message: Json = {"role": "assistant", "content": text}
        choice: Json = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        head = self._head("chat.completion") | self._passages()
        return {**head, "choices": [choice], "usage": usage}

    def chunk(self, delta: dict[str, Json], finish: Finish | None = None) -> str:
        """One server-sent event of a stream; the last one names the passages."""
        choice: Json = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        head = self._head("chat.completion.chunk")
        return event({**head, **(self._passages() if finish else {}), "choices": [choice]})

    def usage_chunk(self, usage: dict[str, Json]) -> str:
        """The event with the token counts: it has no choices, as OpenAI defined it."""
        return event({**self._head("chat.completion.chunk"), "choices": [], "usage": usage})

    def _passages(self) -> dict[str, Json]:
        return {"medtune": {"passages": list(self.found)}} if self.found else {}

    def _head(self, kind: str) -> dict[str, Json]:
        return {
            "id": f"chatcmpl-{self.request_id}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.release_id,
        }


def envelope(request_id: str, release_id: str, model: str) -> Envelope:
    """The envelope of a response that begins now."""
    return Envelope(request_id, release_id, model, int(time.time()))


def usage(n_prompt: int, n_reply: int) -> dict[str, Json]:
    """Token counts, as OpenAI names them."""
    return {
        "prompt_tokens": n_prompt,
        "completion_tokens": n_reply,
        "total_tokens": n_prompt + n_reply,
    }


def event(payload: dict[str, Json]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n"


DONE = "data: [DONE]\n\n"
