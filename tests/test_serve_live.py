"""One model, many clients, a real port."""

import concurrent.futures
import contextlib
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
from planted import APP, make_run
from served import (
    CHAT,
    ID,
    ask,
    client_of,
    make_release,
    rows,
    voice,
)

from medtune.config import ServeSection
from medtune.errors import GateError, MachineError
from medtune.features import Reference
from medtune.records import Message
from medtune.serve import Spoken, create_app, serve
from medtune.serve.server import listen, server
from medtune.serve.voice import voice_of


def test_the_model_answers_one_request_at_a_time(out: Path):
    inside, most = [], []

    def answer(messages, limit):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.02)
        inside.pop()
        return Spoken("yes", 2, stopped=True)

    with (
        client_of(out, voice(answer=answer)) as client,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        done = list(pool.map(lambda _: client.post(CHAT, json=ask()).status_code, range(8)))
    assert done == [200] * 8
    assert max(most) == 1
    assert len(rows(out)) == 8


@contextlib.contextmanager
def running(app):
    """The real server on a free port, in a thread."""
    listener = listen(0)
    live = server(app)
    live.config.timeout_graceful_shutdown = 2
    thread = threading.Thread(target=live.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10
        ) as client:
            yield client
    finally:
        live.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive()


def test_a_client_that_leaves_a_stream_frees_the_model(out: Path):
    def endless(messages, limit):
        for number in range(10_000):
            time.sleep(0.005)
            yield f"{number} "
        return Spoken("", 1, stopped=False)

    app = create_app(make_run(out), make_release(), voice(stream=endless))
    with running(app) as client:
        with client.stream("POST", CHAT, json=ask(stream=True)) as response:
            assert next(response.iter_lines()).startswith("data: ")
        started = time.monotonic()
        assert client.post(CHAT, json=ask()).status_code == 200
        assert time.monotonic() - started < 5
    assert sorted(row["status"] for row in rows(out)) == [200, 499]


def test_the_real_server_is_on_loopback_and_logs_no_access(out: Path, capfd):
    with running(create_app(make_run(out), make_release(), voice())) as client:
        response = client.post(CHAT, json=ask())
    assert response.json()["system_fingerprint"] == ID
    assert "server" not in response.headers
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MachineError, match=rf"serve\.port: port {port} .* is in use"):
            listen(port)


def drained(stream) -> tuple[list[str], Spoken]:
    """What a generator yields, and what it returns."""
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def test_the_voice_of_a_model_streams_what_it_answers(tmp_path: Path):
    torch = pytest.importorskip("torch")
    from tiny_llm import one_thread, write_model

    from medtune.llm.load import load_model
    from medtune.llm.numerics import Numerics
    from medtune.llm.source import ModelFolder

    folder = ModelFolder(write_model(tmp_path / "model", seed=3), "tiny", "0" * 64, "none")
    run = make_run(tmp_path)
    messages = [Message("user", "The patient takes aspirin")]
    with one_thread(), torch.random.fork_rng():
        numerics = Numerics("float32", None, "test", None)
        lm = load_model(folder, numerics, context_tokens=run.model.context_tokens)
        speaker = voice_of(run, lm)
        whole = speaker.answer(messages, 8)
        pieces, returned = drained(speaker.stream(messages, 8))
    assert returned == whole
    assert "".join(pieces) == whole.text
    assert speaker.count(messages) == len(lm.renderer.prompt(messages))


def test_a_port_in_use_stops_serve_before_the_journal_is_made(out: Path):
    Reference(features={}, answers={}).save(out / "release")
    with listen(0) as taken:
        run = make_run(out, serve=ServeSection(port=taken.getsockname()[1]))
        with pytest.raises(MachineError, match="is in use"):
            serve(run, APP, None, make_release())  # type: ignore[arg-type]
    assert not (out / "journal.sqlite").exists()


def test_a_refused_release_is_not_served(out: Path):
    with pytest.raises(GateError, match="refused"):
        create_app(make_run(out), make_release(released=False), voice())
    assert not (out / "journal.sqlite").exists()
