"""The rails judge before the model speaks and before it is heard, whole or streamed."""

import threading
from functools import partial
from pathlib import Path

import pytest
from planted import SECRET
from served import CHAT, ask, client_of, events, rows, voice

from medtune.apps import chatbot, mental_health
from medtune.records import Message
from medtune.serve import Rails, Spoken
from medtune.serve.wire import plainly

LEAK = "there is nothing to worry about"


def told(response) -> str:
    """The text of a reply, streamed or not."""
    if "event-stream" not in response.headers["content-type"]:
        return response.json()["choices"][0]["message"]["content"]
    chunks = [one for one in events(response.text) if isinstance(one, dict)]
    return "".join(
        choice["delta"].get("content", "") for one in chunks for choice in one.get("choices", [])
    )


@pytest.mark.parametrize("stream", [False, True])
def test_a_fixed_reply_is_told_without_asking_the_model(out: Path, stream: bool):
    asked = []

    def spoken(messages, limit):
        asked.append(messages)
        return Spoken("from the model", 3, stopped=True)

    rails = Rails(before=lambda messages: "Call 911 now.")
    with client_of(out, voice(answer=spoken), rails=rails) as client:
        response = client.post(CHAT, json=ask(stream=stream))
    assert told(response) == "Call 911 now."
    assert asked == []
    assert [row["status"] for row in rows(out)] == [200]


@pytest.mark.parametrize("stream", [False, True])
def test_nothing_of_a_reply_is_told_before_it_is_judged(out: Path, stream: bool):
    rails = Rails(after=lambda messages, text: f"judged {len(text)}")
    with client_of(out, voice(LEAK), rails=rails) as client:
        response = client.post(CHAT, json=ask(stream=stream))
    assert LEAK not in response.text
    assert "nothing" not in response.text
    assert told(response) == f"judged {len(LEAK)}"


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_the_rails_withholds_the_reply(out: Path, stream: bool):
    def broken(messages, text):
        raise ValueError(SECRET)

    with client_of(out, voice(LEAK), rails=Rails(after=broken)) as client:
        response = client.post(CHAT, json=ask(stream=stream))
    assert LEAK not in response.text
    assert SECRET not in response.text
    assert "internal error" in response.text
    assert "[DONE]" not in response.text


@pytest.mark.parametrize("stream", [False, True])
def test_the_rails_say_what_the_model_reads(out: Path, stream: bool):
    heard = []

    def spoken(messages, limit):
        heard.append([message.content for message in messages])
        return Spoken("yes", 1, stopped=True)

    def pieces(messages, limit):
        yield "yes"
        return spoken(messages, limit)

    rails = Rails(before=lambda messages: [Message("user", "Term: x\nSource: y")])
    speaker = voice(answer=spoken, stream=pieces)
    with client_of(out, speaker, rails=rails, hear=partial(plainly, "Say it plainly.")) as client:
        client.post(CHAT, json=ask(stream=stream))
    assert heard == [["Say it plainly.", "Term: x\nSource: y"]]


def test_an_emergency_is_answered_even_if_it_does_not_fit_the_context(out: Path):
    rails = Rails(before=chatbot.before, after=chatbot.after)
    text = "My chest hurts and I am sweating. " + "word " * 500
    with client_of(out, voice(), rails=rails) as client:
        response = client.post(CHAT, json=ask(text))
    assert response.status_code == 200
    assert told(response).startswith("Call ")


def test_rails_run_beside_the_model_and_free_it(out: Path):
    names = []

    def judge(messages):
        names.append(threading.current_thread().name)
        return messages

    with client_of(out, voice(), rails=Rails(before=judge)) as client:
        assert client.post(CHAT, json=ask(stream=True)).is_success
        assert client.post(CHAT, json=ask()).is_success
    assert all(name != threading.main_thread().name for name in names)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("app", "reply"), [(chatbot, LEAK), (mental_health, "no")])
def test_no_model_text_lowers_an_emergency_of_a_served_application(out, app, reply, stream):
    rails = Rails(before=app.before, after=app.after)
    with client_of(out, voice(reply), rails=rails) as client:
        response = client.post(CHAT, json=ask("I am going to kill myself tonight", stream=stream))
    assert told(response).startswith("If you may act on this now, call ")
    assert LEAK not in response.text
