"""The release as one file for llama.cpp: exported by the command line, and read by llama.cpp."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest
from small_run import command, finish

from medtune.artifacts import Export, read_examples
from medtune.config import load_run
from medtune.llm.score import score_replies
from medtune.pipeline import Job

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "gguf"
    words = [*command("export", trained, offline=True), "--format", "gguf", "--out", str(folder)]
    told = finish(words)
    assert told.startswith("export: gguf, float16: differs from the served model by")
    return folder


def test_the_exported_file_is_the_released_model(exported: Path):
    found = Export.load(exported)
    assert found.exported
    assert found.parity.tuned <= found.parity.limit < found.parity.effect
    checked = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=exported, check=False
    )
    assert checked.returncode == 0


def test_llama_cpp_gives_its_replies_the_probabilities_of_the_served_model(
    trained: Path, exported: Path
):
    cpp = pytest.importorskip("xllamacpp", reason="xllamacpp (llama.cpp) is not installed")
    job = Job(load_run(trained / "run.yaml"), offline=True)
    asked = [job.app.prompt(one) for one in read_examples(trained / "validation.jsonl")[:4]]
    settings = cpp.CommonParams()
    (settings.model.path,) = map(str, exported.glob("*.gguf"))
    settings.n_ctx = 1024
    server = cpp.Server(settings)
    items, theirs = [], []
    with httpx.Client(base_url=server.listening_address, timeout=120, trust_env=False) as client:
        for prompt in asked:
            messages = [{"role": one.role, "content": one.content} for one in prompt]
            body = {"messages": messages, "max_tokens": 16, "temperature": 0, "logprobs": True}
            answer = client.post("/v1/chat/completions", json=body).json()["choices"][0]
            items.append((prompt, [answer["message"]["content"]]))
            theirs.append(sum(one["logprob"] for one in answer["logprobs"]["content"]))
    lm = job.load(trained / "release" / "adapter")
    ours = [one[0] for one in score_replies(lm, items, batch_tokens=2048, advance=lambda _: None)]
    assert ours == pytest.approx(theirs, abs=0.1), json.dumps([ours, theirs])
