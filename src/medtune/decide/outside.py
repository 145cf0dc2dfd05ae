"""An outside model behind an OpenAI-compatible server, as one more arm.

The text of validation, and of the part of train that prompts are compared on, goes to that server,
so the run file must say so. The sealed test never does. A request that fails is
our failure and no wrong answer: it is tried three times and then counts as nothing.
"""

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, cast

import httpx

from medtune.config import EndpointSection, EvaluateSection
from medtune.errors import ConfigError
from medtune.progress import progress
from medtune.records import Application, ArmResult, Example, Json, Prediction

TRIES = 3
PAUSE_S = 0.5
"""Before the second try; twice as long before the third."""
BUSY, BROKEN = 429, 500
"""HTTP status: too many requests, and the first of those that say the server is at fault."""


class Reply(NamedTuple):
    """What came back for one example, and its tokens."""

    prediction: Prediction
    prompt_tokens: int
    reply_tokens: int


@dataclass(frozen=True)
class Outside:
    """The outside model."""

    settings: EndpointSection
    sizes: EvaluateSection
    headers: dict[str, str] = field(repr=False)
    spent: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Prompt and reply tokens of each request so far of which the server told them."""

    @classmethod
    def of(cls, settings: EndpointSection, sizes: EvaluateSection, *, offline: bool) -> "Outside":
        """The arm, if it may be used.

        Raises:
            ConfigError: medtune was told to stay offline, or the key is not in the environment.
        """
        if offline:
            raise ConfigError(
                f"decide.endpoint: {settings.base_url} is outside this machine, and --offline was "
                "given; take the endpoint out of the run file, or run without --offline"
            )
        if settings.key_env is None:
            return cls(settings, sizes, {})
        key = os.environ.get(settings.key_env)
        if not key:
            raise ConfigError(
                f"decide.endpoint.key_env: the environment has no {settings.key_env}; set it, or "
                "take key_env out if the server needs no key"
            )
        return cls(settings, sizes, {"Authorization": f"Bearer {key}"})

    def answers(self, app: Application, examples: Sequence[Example], *, about: str) -> ArmResult:
        """The outside model's answers, in the order of `examples`.

        Raises:
            ConfigError: The server refuses the requests as such.
        """
        started = time.perf_counter()
        with (
            httpx.Client(headers=self.headers, timeout=self.settings.timeout_s) as client,
            ThreadPoolExecutor(self.settings.at_once) as pool,
            progress("endpoint", len(examples), "examples") as advance,
        ):
            replies: list[Reply] = []
            try:
                for reply in pool.map(partial(self._ask, client, app), examples):
                    replies.append(reply)
                    advance(1)
            except ConfigError:
                pool.shutdown(cancel_futures=True)  # no more text to a server that refuses it
                raise
        self.spent.extend((r.prompt_tokens, r.reply_tokens) for r in replies if r.prompt_tokens)
        constrained = app.choices is not None and self.settings.constrain == "json_schema"
        how = "reply by a JSON schema of the choices" if constrained else "reply in free words"
        return ArmResult(
            name="endpoint",
            about=f"outside model {self.settings.model}: {how}; {about}; temperature 0",
            predictions=[reply.prediction for reply in replies],
            seconds=time.perf_counter() - started,
            prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        )

    @property
    def prices(self) -> list[float]:
        """Of each request so far; none if the server does not say how many tokens it read."""
        settings = self.settings
        return [
            (prompt * settings.price_prompt + reply * settings.price_reply) / 1e6
            for prompt, reply in self.spent
        ]

    def _ask(self, client: httpx.Client, app: Application, example: Example) -> Reply:
        body = self._body(app, example)
        for attempt in range(TRIES):
            time.sleep(PAUSE_S * 2 ** (attempt - 1) if attempt else 0)
            try:
                url = f"{self.settings.base_url.rstrip('/')}/chat/completions"
                response = client.post(url, json=body)
            except httpx.HTTPError:
                continue
            if response.is_success:
                reply = self._read(app, example, response)
                if reply is not None:
                    return reply
            elif response.status_code != BUSY and response.status_code < BROKEN:
                raise ConfigError(self._refusal(response.status_code))
        return Reply(_prediction(example, None, failed=True), 0, 0)

    def _body(self, app: Application, example: Example) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self.settings.model,
            "messages": [{"role": m.role, "content": m.content} for m in app.prompt(example)],
            "temperature": 0,
            "max_tokens": self.sizes.max_new_tokens,
        }
        if app.choices is None or self.settings.constrain == "none":
            return body
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(app.choices(example))}},
            "required": ["answer"],
            "additionalProperties": False,
        }
        form = {"name": "answer", "strict": True, "schema": schema}
        return body | {"response_format": {"type": "json_schema", "json_schema": form}}

    def _read(self, app: Application, example: Example, response: httpx.Response) -> Reply | None:
        """The reply, or None if the server's message has not the form that was agreed on."""
        try:
            found = response.json()
            text = cast("str", found["choices"][0]["message"]["content"] or "")
            usage = found.get("usage") or {}
            tokens = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return None
        if app.choices is not None and self.settings.constrain == "json_schema":
            text = _answer_in(text)
        return Reply(_prediction(example, app.parse(example, text), failed=False), *tokens)

    def _refusal(self, status: int) -> str:
        advice = (
            "; a server without response_format needs decide.endpoint.constrain: none"
            if self.settings.constrain == "json_schema"
            else ""
        )
        return (
            f"decide.endpoint: {self.settings.base_url} refuses the requests (HTTP {status}); look "
            f"at base_url, model and key{advice}"
        )


def _answer_in(text: str) -> str:
    """The answer of a JSON reply; the reply itself if it is no such JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found["answer"]) if isinstance(found, dict) and "answer" in found else text


def _prediction(example: Example, answer: Json, *, failed: bool) -> Prediction:
    return Prediction(
        id=example.id,
        group=example.group,
        target=example.target,
        answer=answer,
        failed=failed,
        subgroups=example.subgroups,
    )
