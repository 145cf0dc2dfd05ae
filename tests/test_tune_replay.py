"""Replay: its share of the loss is exact, its replies are the base model's, written once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_tune_preference import PAIRED
from tiny_tune import (
    APP,
    assert_same_fit,
    examples,
    fit_in,
    language_model,
    make_run,
    rows,
    settings,
    stop_at,
)

from medtune.errors import DataError, TuneError
from medtune.evaluate.battery import own_battery
from medtune.tune import replay as replay_module
from medtune.tune.job import at_work, job
from medtune.tune.loss import token_losses
from medtune.tune.replay import drawn, replay_lessons


@pytest.fixture
def asked_for(tmp_path: Path) -> Path:
    """A few short prompts, one with a reply: the tiny model's context is small."""
    rows = [{"prompt": f"What is {n}?"} for n in range(6)] + [{"prompt": "Who?", "reply": "Me."}]
    path = tmp_path / "replay.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("objective", ["sft", "simpo"])
def test_a_steps_gradient_is_the_weighted_mean_of_both(
    out: Path, asked_for: Path, objective: str
) -> None:
    """Labels have two tokens and replies many, so a plain mean over tokens would be all replay."""
    app = PAIRED if objective == "simpo" else APP
    tune = settings(objective=objective, replay=0.25, replay_file=asked_for, max_grad_norm=1e9)
    lm = language_model()
    asked = job(make_run(out, tune), app, lm, examples(8), examples(2, "v"))
    batches = asked.step(1)
    own = [batch for batch in batches if not batch.is_replay]
    again = [batch for batch in batches if batch.is_replay]
    assert again
    assert len(asked.replayed[0]) == 1, "one of five is a fifth, the nearest to a quarter of four"
    with at_work(asked) as ready:
        share = ready.team.gradient(1)
        mixed = [weight.grad.clone() for weight in ready.adapter.weights.values()]
        plain = []
        for part in (own, again):
            for weight in ready.adapter.weights.values():
                weight.grad = None
            if part is own:
                from medtune.tune.objective import objective as make

                made = make(tune)
                n = sum(made.units(batch) for batch in part)
                loss = sum(made.loss(lm.model, batch) for batch in part) / n
            else:
                n = sum(batch.n_supervised for batch in part)
                loss = sum(token_losses(lm.model, batch).sum() for batch in part) / n
            loss.backward()
            plain.append((loss.item(), [w.grad.clone() for w in ready.adapter.weights.values()]))
    assert share.loss == pytest.approx(plain[0][0], rel=1e-5)
    assert share.replay_loss == pytest.approx(plain[1][0], rel=1e-5)
    assert share.n_supervised == sum(batch.n_supervised for batch in own)
    for got, one, two in zip(mixed, plain[0][1], plain[1][1], strict=True):
        assert torch.allclose(got, 0.75 * one + 0.25 * two, rtol=1e-3, atol=1e-6)


@given(
    st.integers(1, 9),
    st.lists(st.integers(1, 16), min_size=1, max_size=20),
    st.floats(0.01, 0.9),
    st.integers(0, 5),
)
def test_everything_is_replayed_before_anything_is_again(
    n: int, sizes: list[int], share: float, seed: int
) -> None:
    ids = [f"p{number}" for number in range(n)]
    steps = drawn(ids, sizes, share=share, seed=seed)
    assert [len(step) for step in steps] == [
        max(1, round(share / (1 - share) * size)) for size in sizes
    ]
    order = [index for step in steps for index in step]
    for at in range(0, len(order), n):
        assert len(set(order[at : at + n])) == len(order[at : at + n])
    assert drawn(ids, sizes, share=share, seed=seed) == steps


def test_replies_are_the_base_models_and_written_once(
    out: Path, asked_for: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(out, settings(replay=0.2, replay_file=asked_for))
    lm = language_model()
    lessons = replay_lessons(run, lm)
    (kept,) = (out / "replay").glob("*.jsonl")
    written = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(written) == 6, "the seventh has a reply"
    assert lessons.rendered[-1] == (lm.renderer.training([message("Who?")], "Me."),)
    first = lm.renderer.prompt([message("What is 0?")])
    output = lm.model.generate(
        torch.tensor([first]), max_new_tokens=5, do_sample=False, eos_token_id=1, pad_token_id=0
    )
    new = output[0, len(first) :].tolist()
    text = lm.renderer.decode(new[: new.index(1)] if 1 in new else new)
    assert written[0]["text"][: len(text)] == text[: len(written[0]["text"])]

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("written again")

    with monkeypatch.context() as patch:
        patch.setattr(replay_module, "generate_ids", never)
        assert replay_lessons(run, lm) == lessons
        with pytest.raises(AssertionError, match="written again"):
            replay_lessons(run, replace(lm, quantize="nf4"))
        object.__setattr__(lm.folder, "sha256", "1" * 64)
        with pytest.raises(AssertionError, match="written again"):
            replay_lessons(run, lm)


def message(text: str):
    from medtune.records import Message

    return Message("user", text)


def test_an_interruption_changes_nothing(
    out: Path, asked_for: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = settings(replay=0.3, replay_file=asked_for, epochs=1)
    fit_in(out / "whole", tune)
    assert all(row["replay_loss"] > 0 for row in rows(out / "whole") if "loss" in row)
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(out / "stopped", tune)
    fit_in(out / "stopped", tune)
    assert_same_fit(out / "stopped", out / "whole")
    asked_for.write_text('{"prompt": "Else?", "reply": "Else."}\n')
    changed = fit_in(out / "stopped", tune)
    assert changed.resumed == 0


def test_what_was_replayed_is_forgotten_less(out: Path, asked_for: Path) -> None:
    """Measured on the replayed replies themselves: the base model's own loss there rises less."""
    ends = []
    for share in (0.01, 0.5):
        tune = settings(replay=share, replay_file=asked_for, epochs=2)
        fit_in(out / str(share), tune)
        ends.append([row["replay_loss"] for row in rows(out / str(share)) if "loss" in row][-4:])
    assert sum(ends[1]) < 0.85 * sum(ends[0])


def test_faults_of_the_file_are_named(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    run = make_run(out, settings(replay=0.2, replay_file=path))
    path.write_text('{"text": "a"}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl:1: no `prompt`"):
        replay_lessons(run, language_model())
    path.write_text("")
    with pytest.raises(DataError, match="nothing to replay"):
        replay_lessons(run, language_model())
    path.write_text(json.dumps({"prompt": "x" * 200}) + "\n")
    with pytest.raises(DataError, match="leave no room"):
        replay_lessons(run, language_model())


def test_medtunes_own_prompts_are_none_of_its_retention_items() -> None:
    """What is measured must not be trained on."""
    asked = {_plain(one.fields["question"]) for one in own_battery(1000).examples}
    own = [item for is_text in (True, False) for item in replay_module._own(is_text=is_text)]
    assert len(own) > 100
    assert len({item.id for item in own}) == len(own)
    for item in own:
        text = _plain(item.prompt or item.text or "")
        words = set(text.split())
        for question in asked:
            theirs = set(question.split())
            assert len(words & theirs) / len(words | theirs) < 0.6, (text, question)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ")
