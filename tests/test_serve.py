"""The server answers in OpenAI's shape, and refuses the rest without quoting it."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from planted import SECRET
from served import CHAT, ID, ask, client_of, events, rows, voice

from medtune.serve import Spoken
from medtune.serve.wire import MAX_BODY_BYTES, plainly
from medtune.ways import Put


@pytest.fixture
def client(out: Path) -> Iterator[TestClient]:
    with client_of(out, voice()) as client:
        yield client


def test_a_reply_has_the_shape_of_openai_and_names_the_release(client: TestClient):
    response = client.post(CHAT, json=ask(temperature=0, n=1, seed=3, user="someone"))
    body = response.json()
    assert response.status_code == 200
    assert body["object"] == "chat.completion"
    assert body["system_fingerprint"] == ID
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The answer is: yes"},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ]
    assert body["usage"] == {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
    assert response.headers["x-medtune-release"] == ID


def test_a_stream_carries_the_same_reply_and_ends_with_done(client: TestClient):
    asked = ask(stream=True, stream_options={"include_usage": True})
    response = client.post(CHAT, json=asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, last = events(response.text)
    assert last == "[DONE]"
    assert all(chunk["system_fingerprint"] == ID for chunk in chunks)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    said = "".join(choice["delta"].get("content", "") for choice in choices)
    assert said == client.post(CHAT, json=ask()).json()["choices"][0]["message"]["content"]


def test_a_reply_that_was_cut_off_says_so(out: Path):
    cut = voice(answer=lambda messages, limit: Spoken("yes and", limit, stopped=False))
    with client_of(out, cut) as client:
        body = client.post(CHAT, json=ask(max_tokens=2)).json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 2


def test_models_are_the_release_and_the_application(client: TestClient):
    names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names == [ID, "triage"]
    assert all(client.post(CHAT, json=ask() | {"model": name}).is_success for name in names)
    assert client.get("/health").json() == {"status": "ok", "release": ID, "scope": "research"}


USER = {"role": "user", "content": SECRET}
BAD = [
    ({"model": "gpt-9"}, 404, "model: unknown"),
    ({"temperature": 0.7}, 400, "greedy"),
    ({"temperature": -1}, 400, "greedy"),
    ({"n": 2}, 400, "n: one reply"),
    ({"tools": [{"type": "function", "function": {"name": SECRET}}]}, 400, "tools: not supported"),
    ({"response_format": {"type": "json_object"}}, 400, "response_format: not supported"),
    ({f"{SECRET} x": 1}, 400, "a key: not supported"),
    ({"messages": []}, 400, "messages: "),
    ({"messages": SECRET}, 400, "messages: "),
    ({"messages": [{"role": "doctor", "content": SECRET}]}, 400, "messages.0.role"),
    ({"messages": [{"role": "user", "content": " "}]}, 400, "messages.0.content: empty"),
    ({"messages": [{"role": "user", "content": 7}]}, 400, "messages.0.content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages.0"),
    ({"messages": [USER | {SECRET: 1}]}, 400, "a key is not supported"),
    ({"messages": [USER, {"role": "assistant", "content": SECRET}]}, 400, "last must be from"),
    ({"messages": [{"role": "user", "content": f"{SECRET} " * 40}]}, 400, "80 tokens"),
    ({"max_tokens": 62}, 400, "do not fit into 64"),
    ({"max_tokens": 0}, 400, "max_tokens"),
    ({"stream": "perhaps"}, 400, "stream"),
]


@pytest.mark.parametrize(("changed", "status", "words"), BAD, ids=range(len(BAD)))
def test_a_bad_request_is_refused_without_quoting_it(client, out, changed, status, words):
    response = client.post(CHAT, json=ask() | changed)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]
    assert SECRET not in response.text
    assert [(row["status"], row["characters"]) for row in rows(out)] == [(status, None)]


def test_everything_unsupported_is_told_in_one_message(client: TestClient):
    response = client.post(CHAT, json=ask(n=3, temperature=1, tools=[{}], logprobs=True))
    message = response.json()["error"]["message"]
    assert all(word in message for word in ("n:", "temperature:", "tools:", "logprobs:"))


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b"[" * 100_000, b'{"model": 1}'])
def test_what_is_not_a_request_is_refused(client: TestClient, body: bytes):
    response = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_half_a_surrogate_pair_is_refused(client: TestClient):
    body = json.dumps(ask("\ud800")).encode()
    response = client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert "surrogate" in response.json()["error"]["message"]


def test_a_web_page_can_reach_it_neither_by_another_name_nor_by_a_form(client: TestClient):
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/health", headers={"host": "localhost:8571"}).status_code == 200
    sent = client.post(CHAT, content=json.dumps(ask()), headers={"content-type": "text/plain"})
    assert sent.status_code == 415


def test_a_body_beyond_all_measure_is_refused(client: TestClient):
    response = client.post(CHAT, json=ask("x" * MAX_BODY_BYTES))
    assert response.status_code == 413


def test_unknown_paths_and_methods_have_the_same_shape(client: TestClient):
    assert client.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    assert client.get(CHAT).status_code == 405


def test_content_in_parts_is_joined_and_the_default_length_fits_the_context(out: Path):
    seen = []

    def answer(messages, limit):
        seen.append((messages, limit))
        return Spoken("no", 2, stopped=True)

    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    with client_of(out, voice(answer=answer)) as client:
        client.post(CHAT, json={"model": ID, "messages": [{"role": "user", "content": parts}]})
    ((messages, limit),) = seen
    assert [message.content for message in messages] == ["one\ntwo"]
    assert limit == 62  # of 128 that the run allows, what 64 tokens of context leave


def test_the_application_s_instruction_goes_first_unless_the_client_brings_its_own(out: Path):
    seen = []

    def answer(messages, limit):
        seen.append([(message.role, message.content) for message in messages])
        return Spoken("no", 2, stopped=True)

    own = [{"role": "system", "content": "mine"}, {"role": "user", "content": "hello"}]
    with client_of(out, voice(answer=answer), hear=partial(plainly, "Answer yes or no.")) as client:
        client.post(CHAT, json=ask("hello"))
        client.post(CHAT, json={"model": ID, "messages": own})
    assert seen[0] == [("system", "Answer yes or no."), ("user", "hello")]
    assert seen[1] == [("system", "mine"), ("user", "hello")]


def test_what_was_found_is_named_in_the_answer_and_in_the_journal(out: Path):
    found = ("guide.txt#3", "guide.txt#1")
    with client_of(out, voice(), hear=lambda messages: Put(messages, found)) as client:
        whole = client.post(CHAT, json=ask()).json()
        streamed = events(client.post(CHAT, json=ask(stream=True)).text)[:-1]
    assert whole["medtune"] == {"passages": list(found)}
    (last,) = [one for one in streamed if "medtune" in one]
    assert last["medtune"] == whole["medtune"]
    assert last["choices"][0]["finish_reason"] == "stop"
    with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as connection:
        kept = connection.execute("SELECT request_id, place, name FROM found").fetchall()
    assert [row[1:] for row in kept] == [(1, found[0]), (2, found[1])] * 2
    assert [row[0] for row in kept[::2]] == [row["request_id"] for row in rows(out)]


def test_an_answer_without_a_search_names_nothing(client: TestClient):
    assert "medtune" not in client.post(CHAT, json=ask()).json()
