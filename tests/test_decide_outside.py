"""An outside model: asked only where that is allowed, and its failures are no wrong answers."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from tiny_study import APP, examples, study

from medtune.artifacts import Recipe
from medtune.config import DecideSection, EndpointSection, EvaluateSection
from medtune.decide import outside as module
from medtune.decide.cost import cost_of
from medtune.decide.outside import Outside
from medtune.errors import ConfigError
from medtune.pipeline import handed

ASKED = examples(6, "v")


@contextmanager
def server(reply: Callable[[int, dict], tuple[int, object]]):
    """A server of one endpoint; `reply` gives status and body by number and request."""
    seen: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append(body | {"key": self.headers.get("Authorization"), "path": self.path})
            status, answer = reply(len(seen), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}/v1", seen
    finally:
        httpd.shutdown()
        httpd.server_close()


def says(text, prompt=10, reply=2):
    usage = {"prompt_tokens": prompt, "completion_tokens": reply}
    return {"choices": [{"message": {"content": text}}], "usage": usage}


def ask(url, **settings):
    section = EndpointSection(base_url=url, model="big", sends_text=True, at_once=1, **settings)
    arm = Outside.of(section, EvaluateSection(), offline=False)
    return arm, arm.answers(APP, ASKED, about="instruction as written")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_S", 0.0)


def test_its_answers_are_constrained_to_the_choices_and_read_like_all_others(monkeypatch):
    monkeypatch.setenv("BIG_KEY", "secret")
    with server(lambda n, body: (200, says('{"answer": "no"}'))) as (url, seen):
        arm, result = ask(url, key_env="BIG_KEY", price_prompt=2.0, price_reply=10.0)
    assert [p.answer for p in result.predictions] == ["no"] * 6
    assert [p.id for p in result.predictions] == [example.id for example in ASKED]
    asked = seen[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["key"] == "Bearer secret"
    assert asked["temperature"] == 0
    schema = asked["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["yes", "no", "maybe"]
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert arm.prices == pytest.approx([(10 * 2.0 + 2 * 10.0) / 1e6] * 6)
    assert "secret" not in repr(arm)
    assert result.prompt_tokens == 60


def test_a_server_that_does_not_name_its_tokens_has_no_price():
    body = {"choices": [{"message": {"content": "no"}}]}
    with server(lambda n, asked: (200, body)) as (url, _):
        arm, result = ask(url, price_prompt=2.0)
    assert arm.prices == []
    found = {"seconds": [1.0], "peak_memory_gb": 1.0, "prices": arm.prices}
    assert cost_of(DecideSection(), result, found, hours_to_absorb=0).per_1000 is None


def test_without_a_schema_the_words_are_parsed():
    with server(lambda n, body: (200, says("maybe"))) as (url, seen):
        _, result = ask(url, constrain="none")
    assert {p.answer for p in result.predictions} == {"maybe"}
    assert "response_format" not in seen[0]


def test_an_answer_that_cannot_be_read_is_wrong_and_no_failure():
    with server(lambda n, body: (200, says("perhaps"))) as (url, _):
        _, result = ask(url)
    assert all(p.unparsed and not p.failed for p in result.predictions)


def test_a_server_at_fault_is_tried_three_times_and_then_counts_as_nothing():
    with server(lambda n, body: (503, {})) as (url, seen):
        _, result = ask(url)
    assert len(seen) == 3 * len(ASKED)
    assert all(p.failed and not p.unparsed for p in result.predictions)


def test_a_server_that_recovers_is_believed():
    with server(lambda n, body: (429, {}) if n % 2 else (200, says('{"answer": "no"}'))) as (u, _):
        _, result = ask(u)
    assert not any(p.failed for p in result.predictions)


@pytest.mark.parametrize("body", [{}, {"choices": []}, [], {"choices": [{"message": None}]}])
def test_a_reply_of_another_form_is_a_failure(body):
    with server(lambda n, _: (200, body)) as (url, _):
        _, result = ask(url)
    assert all(p.failed for p in result.predictions)


def test_a_refused_request_ends_the_stage_and_says_what_to_look_at():
    with (
        server(lambda n, body: (401, {})) as (url, seen),
        pytest.raises(ConfigError, match=r"HTTP 401.*constrain: none") as told,
    ):
        ask(url)
    assert len(seen) < len(ASKED)
    assert "patient" not in str(told.value)


def test_nothing_leaves_the_machine_unless_the_run_file_says_so():
    with pytest.raises(ValidationError, match="sends_text: true"):
        DecideSection.model_validate({"endpoint": {"base_url": "https://x/v1", "model": "big"}})


def test_offline_there_is_no_outside():
    section = EndpointSection(base_url="https://x/v1", model="big", sends_text=True)
    with pytest.raises(ConfigError, match="--offline"):
        Outside.of(section, EvaluateSection(), offline=True)


def test_a_key_that_is_not_there_is_told_by_name(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    section = EndpointSection(
        base_url="https://x/v1", model="big", sends_text=True, key_env="NO_SUCH_KEY"
    )
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        Outside.of(section, EvaluateSection(), offline=False)


def test_facts_that_make_retrieval_mandatory_need_documents():
    with pytest.raises(ValidationError, match=r"decide\.documents"):
        DecideSection(must_cite=True)
    with pytest.raises(ValidationError, match=r"decide\.documents"):
        DecideSection(changes_per_year=4)
    assert not DecideSection(changes_per_year=2).must_retrieve
    with pytest.raises(ValidationError, match="ATTRIBUTE=VALUE"):
        DecideSection(focus="spanish")


def test_the_sealed_test_is_never_sent_to_an_outside_model(out, monkeypatch):
    recipe = {"wording": "as written", "shots": [], "passages": 0, "tried": {}, "n_search": 0}
    recipes = {name: Recipe(**recipe) for name in ("zero_shot", "endpoint")}
    decision = SimpleNamespace(recipes=recipes)
    monkeypatch.setattr(handed.Decision, "load", lambda folder: decision)
    run, model = study(out), SimpleNamespace(eyes=None)
    job = SimpleNamespace(run=run, app=APP, documents=(), offline=False)
    assert list(handed.baselines_of(job, model)) == ["majority", "classical", "zero_shot"]


def test_leave_is_asked_for_every_split_that_is_sent():
    with pytest.raises(ValidationError, match=r"validation record, and of up to .* training"):
        EndpointSection(base_url="https://x/v1", model="big")
