"""Every way goes through evaluate, release, serve, predict and monitor on the tiny model.

A random model passes no gate, so here the gates are taken as met: they are tested for themselves.
"""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from planted import decision as planted_decision
from pydantic import ValidationError
from test_decide_retrieval import RECORDS, choice_app
from test_plan import job
from tiny_llm import one_thread

from medtune import release as release_stage
from medtune.artifacts import (
    Decision,
    Evaluation,
    Prompt,
    Recipe,
    Release,
    TuneRecord,
    read_examples,
)
from medtune.errors import ConfigError, DataError
from medtune.llm.render import load_renderer
from medtune.pipeline import (
    CHAIN,
    Job,
    export,
    monitor,
    predict,
    released,
    run_stages,
    serving_release,
)
from medtune.pipeline.way import asked_way, chosen_way, ends_here, heard_by
from medtune.records import Gate, Message
from medtune.release.gate import GateResult, gates_of
from medtune.ways import Asking, always, frame_of, library, prompt_of

TASK = {
    "instruction": "Is the note urgent?",
    "input": "Note to judge: {note}\nJudge this note.",
    "answer": "label",
    "labels": ["yes", "no"],
}
QUICK = {
    "resamples": 200,
    "max_new_tokens": 8,
    "retention_items": 2,
    "robustness_examples": 6,
    "perturbations": ["irrelevant_context"],
    "membership_examples": 10,
    "validation_examples": 10,
}


def study(folder: Path, **decide: object) -> Job:
    """A run whose decision is made."""
    guide = folder / "guide.txt"
    lines = [f"A patient on {n} mg is seen in room {n}." for n in range(40)]
    lines.append("To judge this note, judge the note.")  # found only by who searches with the frame
    guide.write_text("\n\n".join(lines), encoding="utf-8")
    made = job(
        folder,
        task=TASK,
        model={"source": f"path:{folder / 'model'}", "numerics": "float32", "context_tokens": 512},
        decide={
            "tune_examples": 4,
            "shots": 2,
            "passages": 2,
            "search_examples": 8,
            "prompt_budget": 2,
            **decide,
        },
        tune={"epochs": 1, "rank": 2},
        evaluate=QUICK,
    )
    for name in ("data", "decide"):
        CHAIN[name](made)
    return made


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def from_train(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Retrieval finds training examples; nothing may be tuned."""
    return study(tmp_path_factory.mktemp("train"), may_learn=False)


@pytest.fixture(scope="module")
def from_documents(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Retrieval finds passages of a document; tunes are made with and without them."""
    folder = tmp_path_factory.mktemp("documents")
    return study(folder, documents=[{"source": f"path:{folder / 'guide.txt'}"}])


@pytest.fixture(autouse=True)
def gates_are_met(monkeypatch: pytest.MonkeyPatch) -> None:
    def met(gates, evaluation):
        return [GateResult(gate, None, True, f"{gate.metric}: taken as met") for gate in gates]

    monkeypatch.setattr(release_stage, "judge_gates", met)


def in_way(work: Job, folder: Path, name: str, **release: object) -> Job:
    """A copy of a run, to be released in a way."""
    out = folder / "out"
    shutil.copytree(work.run.out, out)
    section = work.run.release.model_copy(update={"way": name, **release})
    return Job(work.run.model_copy(update={"out": out, "release": section}), offline=True)


def go(work: Job) -> Release:
    """Run what follows after the decision."""
    tuned = ["tune"] if asked_way(work.run, Decision.load(work.run.out)).startswith("tune") else []
    for name in (*tuned, "evaluate", "release"):
        step = CHAIN[name](work)
    assert isinstance(step.artifact, Release)
    return step.artifact


def ask(address: str, release: Release, text: str) -> dict:
    body = {"model": release.id, "messages": [{"role": "user", "content": text}]}
    response = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=60, trust_env=False)
    response.raise_for_status()
    return response.json()


def check_served_as_evaluated(work: Job, release: Release) -> None:
    """The same token ids in the evaluation and in a served request; the passages by name."""
    renderer, chosen = load_renderer(work.folder), chosen_way(work)
    hear = heard_by(work, release)
    assert hear is not None
    for example in read_examples(work.run.out / "test.jsonl"):
        user = work.app.prompt(example)[-1]
        expected = renderer.prompt(chosen.app.prompt(example))
        assert renderer.prompt(hear([user]).messages) == expected
    with serving_release(work) as address:
        answer = ask(address, release, user.content)
    assert answer["system_fingerprint"] == release.id
    assert answer["usage"]["prompt_tokens"] == len(expected)
    assert answer.get("medtune", {}).get("passages", []) == list(hear([user]).found)


WAYS = ["zero_shot", "few_shot", "retrieval"]


@pytest.mark.parametrize("name", WAYS)
def test_a_prompt_goes_all_the_way(name: str, from_train: Job, tmp_path: Path):
    work = in_way(from_train, tmp_path, name)
    release = go(work)
    found = Evaluation.load(work.run.out)
    assert found.way.name == found.arms[0].name == release.way.name == name
    assert name not in [one.against for one in found.comparisons]
    assert found.retention == []
    assert "nothing was tuned" in found.not_measured["retention"]
    assert "nothing was tuned" in found.not_measured["memorisation"]
    assert found.robustness
    assert release.agreement.differ == []
    bundle = {path.name for path in (work.run.out / "release").rglob("*") if path.is_file()}
    assert "prompt.json" in bundle
    assert not {"adapter_model.safetensors", "tune.json"} & bundle
    assert CHAIN["release"](work).skipped
    check_served_as_evaluated(work, release)
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"id": "a", "note": "patient 7 takes 7 mg"}\n', encoding="utf-8")
    assert predict(work, source, target) == 1
    assert json.loads(target.read_text())["release"] == release.id
    assert monitor(work).requests == 1
    with pytest.raises(ConfigError, match="no weights of its own"):
        export(work, "safetensors", None, None)


def test_the_bundle_of_worked_examples_says_that_they_are_training_records(
    from_train: Job, tmp_path: Path
):
    work = in_way(from_train, tmp_path, "few_shot")
    release = go(work)
    bundle = work.run.out / "release"
    prompt = Prompt.load(bundle)
    texts = {e.id: e.fields["note"] for e in read_examples(work.run.out / "train.jsonl")}
    assert len(prompt.turns) == 2 * len(prompt.shots) == 4
    assert texts[prompt.shots[0]] in prompt.turns[0].content
    assert "training records" in prompt.note
    assert "  prompt.json\n" in (bundle / "SHA256SUMS").read_text()
    card = (bundle / "model_card.md").read_text()
    assert "THE PROMPT HOLDS 2 TRAINING RECORDS" in card
    assert "Method: no tuning. The decision recommended" in card
    assert "weights are the base model's" in card
    assert any("holds training records" in one.what for one in release.findings)
    (bundle / "prompt.json").write_text(prompt.model_copy(update={"note": ""}).model_dump_json())
    with pytest.raises(DataError, match="changed after the release"):
        released(work)


def test_run_leaves_the_tuning_out_and_reports_what_was_released(
    from_train: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    work, told = in_way(from_train, tmp_path, "few_shot"), []
    run_stages(work, tuple(CHAIN), told.append)
    assert "The chain ends here" in "\n".join(told), "so few records are not enough to tell"
    monkeypatch.setattr("medtune.pipeline.ends_here", lambda run, decision: "")
    run_stages(work, tuple(CHAIN), told.append)
    assert any("tune: left out" in line for line in told)
    assert any("few_shot" in line and "evaluate" in line for line in told)
    page = (work.run.out / "report.html").read_text(encoding="utf-8")
    assert "the few-shot prompt reaches" in page
    assert "nothing was tuned" in page
    assert "The prompt holds training records" in page


def test_a_tune_that_retrieves_is_tuned_on_prompts_with_passages(
    from_documents: Job, tmp_path: Path
):
    work = in_way(from_documents, tmp_path, "tune_retrieval")
    release = go(work)
    assert release.way.name == Evaluation.load(work.run.out).arms[0].name == "tuned_retrieval"
    assert release.parity is not None
    assert release.parity.agrees
    assert release.way.searched.keys() == {"guide.txt"}
    renderer, train = load_renderer(work.folder), read_examples(work.run.out / "train.jsonl")
    plain = sum(len(renderer.training(work.app.prompt(e), str(e.target)).ids) for e in train)
    assert TuneRecord.load(work.run.out).tokens_seen > 1.3 * plain, "the passages were read"
    check_served_as_evaluated(work, release)
    other = in_way(work, tmp_path / "plain", "tuned")
    with pytest.raises(DataError, match="tuned on other prompts"):
        CHAIN["evaluate"](other)


def test_documents_that_were_changed_are_not_served(from_documents: Job, tmp_path: Path):
    guide = Path(from_documents.run.decide.documents[0].source.removeprefix("path:"))
    before = guide.read_text(encoding="utf-8")
    work = in_way(from_documents, tmp_path, "retrieval")
    release = go(work)
    check_served_as_evaluated(work, release)
    copied = in_way(work, tmp_path / "copied", "retrieval", copy_documents=True)
    go(copied)
    guide.write_text(before + "\n\nPatients on 7 mg go home.\n", encoding="utf-8")
    try:
        with pytest.raises(DataError, match=r"guide\.txt: changed or lost after the release"):
            heard_by(work, release)
        with pytest.raises(DataError, match=r"guide\.txt: not what the decision searched"):
            predict(work, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
        hear = heard_by(copied, release)
        assert hear([Message("user", "Who is on 7 mg?")]).found
    finally:
        guide.write_text(before, encoding="utf-8")


def test_a_release_is_of_the_way_and_the_decision_that_were_evaluated(
    from_train: Job, tmp_path: Path
):
    work = in_way(from_train, tmp_path, "zero_shot")
    CHAIN["evaluate"](work)
    other = Job(
        work.run.model_copy(
            update={"release": work.run.release.model_copy(update={"way": "few_shot"})}
        ),
        offline=True,
    )
    with pytest.raises(DataError, match="made from another way"):
        CHAIN["release"](other)
    later = Decision.load(work.run.out).model_copy(update={"created": "2027-01-01"}).signed()
    later.save(work.run.out)
    with pytest.raises(DataError, match="made from another decision"):
        CHAIN["release"](work)
    with pytest.raises(ConfigError, match="nothing is tuned in this way"):
        CHAIN["tune"](work)
    train = work.run.out / "train.jsonl"
    train.write_text("".join(train.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match="not what the decision chose its prompts from"):
        CHAIN["evaluate"](work)


@pytest.mark.parametrize("name", ["classical", "majority", "endpoint", "retreival"])
def test_what_cannot_be_released_is_refused_by_name(name: str, tmp_path: Path):
    with pytest.raises(ValidationError, match=f"way '{name}' is not"):
        job(tmp_path, release={"way": name})


def test_a_tune_that_retrieves_needs_documents(tmp_path: Path):
    with pytest.raises(ValidationError, match=r"tune_retrieval needs decide\.documents"):
        job(tmp_path, release={"way": "tune_retrieval"})


ENDS = [
    ("tuned", "tune", "", True),
    ("tuned", "prompt", "few_shot", False),
    ("tuned", "tune_retrieve", "", False),
    ("recommended", "prompt", "few_shot", True),
    ("recommended", "retrieve", "retrieval", True),
    ("recommended", "tune_retrieve", "", True),
    ("recommended", "prompt", "endpoint", False),
    ("recommended", "classical", "classical", False),
    ("recommended", "collect_more_data", "", False),
    ("recommended", "nothing_works", "", False),
    ("recommended", "not_enough_data", "", False),
    ("few_shot", "tune", "", True),
    ("few_shot", "nothing_works", "", False),
    ("tune_retrieval", "tune", "", False),
]


@pytest.mark.parametrize(("way", "advice", "winner", "goes_on"), ENDS)
def test_the_chain_goes_on_where_the_evidence_is_for_it(
    way: str, advice: str, winner: str, goes_on: bool, from_documents: Job
):
    section = from_documents.run.release.model_copy(update={"way": way})
    run = from_documents.run.model_copy(update={"release": section})
    found = ends_here(run, planted_decision(recommendation=advice, winner=winner))
    assert (found == "") is goes_on
    if way == "tuned" and not goes_on:
        assert "set release.way to recommended" in found
    if way == "few_shot" and not goes_on:
        assert "no way is shown to be worth a release" in found


def test_a_prompt_is_not_asked_to_beat_a_prompt_but_meets_every_other_gate():
    recipe = Recipe(wording="as written", shots=[], passages=0, tried={}, n_search=0)
    gates = [
        Gate("accuracy", at_least=0.02, against="few_shot"),
        Gate("accuracy", at_least=0.0, against="majority"),
        Gate("expected_calibration_error", at_most=0.2),
    ]
    made = planted_decision(gates=gates, recipes={"few_shot": recipe})
    own = [Gate("unsafe", at_most=0.02)]
    assert gates_of(made, own, release_stage.Shown().way) == [*gates, *own]
    few = release_stage.Shown().way.model_copy(update={"name": "few_shot"})
    assert gates_of(made, own, few) == [*gates[1:], *own]


def test_a_question_that_cannot_be_told_from_its_options_is_noticed(tmp_path: Path):
    path = tmp_path / "drugs.txt"
    path.write_text("\n\n".join(f"About drug{n} this is said." for n in range(20)))
    app = choice_app()
    found = library(app, RECORDS, [path])
    recipe = Recipe(wording="as written", shots=[], passages=1, tried={}, n_search=0)
    prompt = prompt_of(app, RECORDS, recipe, ()).model_copy(
        update={"frame": frame_of(found, RECORDS)}
    )
    asking = Asking(app, prompt, found, always)
    record = RECORDS[3]
    served = asking.conversation(app.prompt(record), "Choose.")
    assert served.found == ("drugs.txt#4",)
    assert list(served.messages) != asking.record(record), "a release finds this, and is refused"


def test_a_system_message_of_the_users_own_is_left_as_it_is():
    app = dataclasses.replace(
        choice_app(), choices=None, prompt=lambda e: [Message("system", "I"), Message("user", "Q")]
    )
    recipe = Recipe(
        wording="repeated after the question", shots=["r1"], passages=0, tried={}, n_search=0
    )
    asking = Asking(app, prompt_of(app, RECORDS, recipe, ()), None, always)
    plain = asking.conversation([Message("user", "Q")], "I")
    assert plain.messages[-1].content == "Q\n\nI"
    assert list(plain.messages) == asking.record(RECORDS[0])
    own = asking.conversation([Message("system", "Mine"), Message("user", "Q")], "I").messages
    assert [own[0].content, own[-1].content] == ["Mine", "Q"]
    assert len(own) == 4
