"""The journal keeps numbers, and no answer goes out that it does not know of."""

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from planted import SECRET, make_run
from served import CHAT, ID, PROMPT, ask, client_of, events, make_release, rows, voice

from medtune.config import ServeSection
from medtune.errors import ConfigError, DataError, MachineError
from medtune.features import text_features
from medtune.serve import create_app


@pytest.fixture
def client(out: Path) -> Iterator[TestClient]:
    with client_of(out, voice()) as client:
        yield client


def test_the_journal_keeps_numbers_and_the_label_and_no_text(client: TestClient, out: Path):
    client.post(CHAT, json=ask())
    client.post(CHAT, json=ask(stream=True))
    for row in rows(out):
        assert (row["release_id"], row["status"], row["answer"]) == (ID, 200, "yes")
        assert (row["n_prompt"], row["n_reply"]) == (5, 5)
        assert row["seconds"] >= 0
        assert {name: row[name] for name in text_features(PROMPT)} == text_features(PROMPT)
        assert row["prompt_text"] is None
        assert row["reply_text"] is None
    assert SECRET.encode() not in (out / "journal.sqlite").read_bytes()
    assert (out / "journal.sqlite").stat().st_mode & 0o077 == 0


def test_a_reply_without_a_label_leaves_none_in_the_journal(out: Path):
    with client_of(out, voice("It depends.")) as client:
        client.post(CHAT, json=ask())
    assert rows(out)[0]["answer"] is None


def test_the_journal_keeps_text_when_the_run_asks_for_it(out: Path):
    with client_of(out, voice(), ServeSection(keep_text=True)) as client:
        client.post(CHAT, json=ask())
    (row,) = rows(out)
    assert json.loads(row["prompt_text"]) == [{"role": "user", "content": PROMPT}]
    assert row["reply_text"] == "The answer is: yes"


def broken(messages, limit):
    raise RuntimeError(f"cannot do {messages[-1].content}")


def broken_stream(messages, limit):
    yield "The"
    raise RuntimeError(f"cannot do {messages[-1].content}")


def test_a_fault_of_ours_answers_500_and_says_no_text(out: Path, caplog):
    with caplog.at_level(logging.DEBUG), client_of(out, voice(answer=broken)) as client:
        response = client.post(CHAT, json=ask())
        assert client.get("/health").is_success
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "server_error"
    request_id = response.headers["x-request-id"]
    assert request_id in response.json()["error"]["message"]
    ours = [record.getMessage() for record in caplog.records if record.name == "medtune.serve"]
    assert any(request_id in line and "RuntimeError" in line for line in ours)
    assert SECRET not in response.text + caplog.text
    assert [row["status"] for row in rows(out)] == [500]


def test_a_stream_that_breaks_ends_with_an_error_and_without_done(out: Path, caplog):
    with client_of(out, voice(stream=broken_stream)) as client:
        found = events(client.post(CHAT, json=ask(stream=True)).text)
        again = client.post(CHAT, json=ask())
    assert found[-1]["error"]["type"] == "server_error"
    assert "[DONE]" not in found
    assert again.is_success  # the model was let go
    assert [row["status"] for row in rows(out)] == [500, 200]
    assert SECRET not in caplog.text


def test_messages_that_the_template_refuses_are_the_client_s_fault(out: Path):
    def refuse(messages):
        raise DataError("the model's chat template refuses turns in the order user, user")

    with client_of(out, voice(count=refuse)) as client:
        response = client.post(CHAT, json=ask())
    assert response.status_code == 400
    assert "refuses turns" in response.json()["error"]["message"]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_cannot_be_journalled_is_not_passed_off_as_one(out, caplog, streamed):
    with client_of(out, voice(), ServeSection(keep_text=True)) as client:
        with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as other:
            other.execute("DROP TABLE requests")
            other.commit()
        response = client.post(CHAT, json=ask(stream=streamed))
    if streamed:
        assert "[DONE]" not in response.text
        assert events(response.text)[-1]["error"]["code"] == "journal_unavailable"
    else:
        assert response.status_code == 503
        assert "yes" not in response.text
    assert SECRET not in response.text + caplog.text


JOURNALS = [
    ("not a url", ConfigError),
    ("nosuchdatabase://localhost/x", ConfigError),
    ("sqlite:////nonexistent-folder/journal.sqlite", MachineError),
]


@pytest.mark.parametrize(("url", "error"), JOURNALS)
def test_a_journal_that_cannot_be_opened_stops_the_start(out: Path, url: str, error):
    run = make_run(out, serve=ServeSection(journal=url))
    with pytest.raises(error, match=r"serve\.journal"):
        create_app(run, make_release(), voice())


def test_a_file_that_is_no_database_is_left_alone(out: Path):
    (out / "journal.sqlite").write_text("my notes, which are long enough to be no database\n" * 20)
    with pytest.raises(MachineError, match=r"serve\.journal"):
        create_app(make_run(out), make_release(), voice())
    assert (out / "journal.sqlite").read_text().startswith("my notes")


def test_a_journal_of_another_version_is_not_written_to(out: Path):
    with contextlib.closing(sqlite3.connect(out / "journal.sqlite")) as connection:
        connection.execute("CREATE TABLE requests (id INTEGER)")
    with pytest.raises(DataError, match="another version"):
        create_app(make_run(out), make_release(), voice())
