"""The demo: the embedded model and real medical data, through all seven stages, on a CPU.

It tunes whatever the decision says, for it is there to show every stage; `medtune run` does not.

The chain of `medtune run`; then the server answers validation questions (public ones), and the
monitor looks at its journal. They are of the kind that the release was made from, so no drift is
the right verdict.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httpx

from medtune.artifacts import Decision, Monitor, read_examples, write_text
from medtune.errors import ConfigError
from medtune.pipeline import CHAIN, Job, monitor, released, run_stages, serving_release
from medtune.progress import progress
from medtune.records import Application, Example

QUESTIONS = 60
"""Enough for the monitor to tell, and under a minute on two cores."""
TIMEOUT_S = 120.0
"""For one reply; the first waits for the server to start."""
ANSWER = "demo.json"
BEFORE = ("data", "decide")
GOES_ON = (
    "\nThe decision is not for tuning, and `medtune run` would end here. The demo goes on, to show "
    "the other stages.\n"
)


def run_file() -> Path:
    """The demo's run file.

    Raises:
        ConfigError: medtune was installed without its repository.
    """
    found = Path(__file__).resolve().parents[2] / "configs" / "drug_discovery.yaml"
    if not found.is_file():
        raise ConfigError(f"{found}: not there; run the demo from a clone of the repository")
    return found


def demo(open_job: Callable[[Path], Job], show: Callable[[str], None]) -> None:
    """Run the chain, serve, ask and monitor; do again only what is not done."""
    job = open_job(run_file())
    run_stages(job, BEFORE, show)
    if Decision.load(job.run.out).verdict != "yes":
        show(GOES_ON)
    run_stages(job, tuple(name for name in CHAIN if name not in BEFORE), show)
    release = released(job)
    found = Monitor.find(job.run.out)
    asked = job.run.out / ANSWER
    if found is None or found.release_id != release.id or not asked.exists():
        _serve_and_ask(job, release.id)
        found = monitor(job)
    answer = json.loads(asked.read_text(encoding="utf-8"))
    show(f"\nAsked the server of release {release.id}:\n\n{answer['question']}\n")
    show(f"It answered: {answer['reply']}   (the curators: {answer['target']})")
    show(f"[monitor] drifted: {found.drifted} ({found.requests} requests). {found.proposal}")


def _serve_and_ask(job: Job, release_id: str) -> None:
    """Ask the server public validation questions; keep the first with its answer."""
    known = read_examples(job.run.out / "validation.jsonl")
    # From all over the file, which is in the order of the articles.
    examples = known[:: max(1, len(known) // QUESTIONS)][:QUESTIONS]
    with (
        serving_release(job) as address,
        httpx.Client(base_url=address, timeout=TIMEOUT_S, trust_env=False) as client,
        progress("asking the server", len(examples), "questions") as tell,
    ):
        replies: list[str] = []
        for example in examples:
            replies.append(_ask(client, job.app, example, release_id))
            tell(1)
    first = examples[0]
    answer = {
        "question": job.app.prompt(first)[-1].content,
        "reply": replies[0],
        "target": first.target,
    }
    write_text(job.run.out / ANSWER, json.dumps(answer, ensure_ascii=False) + "\n")


def _ask(client: httpx.Client, app: Application, example: Example, release_id: str) -> str:
    messages = [{"role": m.role, "content": m.content} for m in app.prompt(example)]
    response = client.post("/v1/chat/completions", json={"model": release_id, "messages": messages})
    response.raise_for_status()
    return cast("str", response.json()["choices"][0]["message"]["content"])
