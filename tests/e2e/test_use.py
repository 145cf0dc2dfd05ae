"""A release in use: the server answers on the embedded model, and the monitor sees what changes."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from medtune.artifacts import read_examples
from medtune.config import load_run
from medtune.pipeline import Job, monitor, serving_release
from medtune.records import Example

pytestmark = pytest.mark.e2e


def ask(client: httpx.Client, job: Job, example: Example) -> str:
    messages = [{"role": m.role, "content": m.content} for m in job.app.prompt(example)]
    response = client.post(
        "/v1/chat/completions", json={"model": job.run.app, "messages": messages}
    )
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def test_the_server_answers_and_drift_fires_on_shifted_input_only(trained: Path):
    job = Job(load_run(trained / "run.yaml"), offline=True)
    validation = read_examples(trained / "validation.jsonl")
    known = (validation[::2] + validation[1::2])[:60]  # from all over: articles stand together
    shifted = [
        replace(one, fields={**one.fields, "sentence": (one.fields["sentence"].upper() + " ") * 3})
        for one in known
    ]
    with (
        serving_release(job) as address,
        httpx.Client(base_url=address, timeout=120, trust_env=False) as client,
    ):
        replies = [ask(client, job, example) for example in known]
        calm = monitor(job)
        for example in shifted:
            ask(client, job, example)
        alarmed = monitor(job)
    labels = set(job.app.choices(known[0]))
    assert sum(reply in labels for reply in replies) > 0.9 * len(replies)
    assert (calm.drifted, calm.requests) == ("no", 60)
    assert (alarmed.drifted, alarmed.requests) == ("yes", 120)
    assert not any(
        one.fields["sentence"].encode() in (trained / "journal.sqlite").read_bytes()
        for one in known
    )
