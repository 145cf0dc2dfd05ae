"""Who judges: the base model itself, or a model behind an OpenAI-compatible endpoint."""

import os
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from medtune.config import JudgeSection
from medtune.errors import ConfigError
from medtune.evaluate.judge import Judge
from medtune.evaluate.subject import Subject
from medtune.records import Message

KEY = "MEDTUNE_JUDGE_KEY"
TIMEOUT_S = 60.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def judge_of(section: JudgeSection, base: Subject, *, offline: bool) -> Judge:
    """The judge that the run names.

    Raises:
        ConfigError: It is on another machine, and the run is offline.
    """
    if section.endpoint is None:
        return lambda messages: base.write([messages])[0]
    host = urlsplit(section.endpoint).hostname
    if offline and host not in LOOPBACK:
        raise ConfigError(
            f"evaluate.judge.endpoint: {host!r} is another machine, and --offline forbids to ask "
            "it; take a judge on this machine, or leave the endpoint out"
        )
    return endpoint_judge(section)


def endpoint_judge(section: JudgeSection) -> Judge:
    """A judge behind an endpoint. What it does not answer in time, or with a fault, is missing."""
    key = os.environ.get(KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(messages: Sequence[Message]) -> str | None:
        body = {
            "model": section.model,
            "temperature": 0,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
        }
        try:
            response = httpx.post(
                f"{section.endpoint}/chat/completions",
                json=body,
                headers=headers,
                timeout=TIMEOUT_S,
            )
            response.raise_for_status()
            text = response.json()["choices"][0]["message"]["content"]
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError):
            return None
        return text if isinstance(text, str) else None

    return ask
