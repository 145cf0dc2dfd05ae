"""A server with a voice of plain functions, for the tests of it."""

import contextlib
import json
import sqlite3
from pathlib import Path

from fastapi.testclient import TestClient
from planted import HEAD, SECRET, make_run

from medtune.artifacts import Release
from medtune.config import ServeSection
from medtune.serve import Spoken, Voice, create_app

ID = "0123456789abcdef"
CHAT = "/v1/chat/completions"
PROMPT = f"{SECRET} has fever 39.5"


def make_release(**changed) -> Release:
    fields = {
        "id": ID,
        "released": True,
        "scope": "research",
        "reasons": [],
        "findings": [],
        "guards_judged": [],
        "guards_not_built": [],
        "gates": [],
        "intended_use": "triage",
        "not_for": "care",
    }
    return Release(**(HEAD | fields | changed))


def count(messages) -> int:
    return sum(len(message.content.split()) for message in messages)


def pieces_of(text: str):
    def stream(messages, max_new_tokens):
        words = text.split(" ")
        for i, word in enumerate(words):
            yield word if i == 0 else f" {word}"
        return Spoken(text, len(words) + 1, stopped=True)

    return stream


def voice(text: str = "The answer is: yes", **changed) -> Voice:
    fields = {
        "count": count,
        "answer": lambda messages, limit: Spoken(text, 5, stopped=True),
        "stream": pieces_of(text),
    }
    return Voice(**(fields | changed))


@contextlib.contextmanager
def client_of(out: Path, speaker: Voice, serve: ServeSection | None = None, **more):
    run = make_run(out, serve=serve or ServeSection())
    app = create_app(run, make_release(), speaker, labels=("yes", "no"), **more)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def ask(text: str = PROMPT, **more) -> dict:
    return {"model": ID, "messages": [{"role": "user", "content": text}], **more}


def rows(out: Path) -> list[dict]:
    with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM requests ORDER BY id")]


def events(text: str) -> list[dict | str]:
    lines = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
