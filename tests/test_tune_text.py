"""Continued pre-training: every token of a text is learnt once, wherever it is cut."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tiny_llm import write_model
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

from medtune.artifacts import write_examples
from medtune.canary import plant_canaries, with_canaries
from medtune.errors import DataError, TuneError
from medtune.llm.render import load_renderer
from medtune.llm.source import ModelFolder
from medtune.pipeline.handed import refuse_held_texts
from medtune.pipeline.hashes import learnt_hashes
from medtune.records import Example, Message
from medtune.tune.job import at_work, job
from medtune.tune.lesson import pieces, text_of
from medtune.tune.text import read_texts

CPT = settings(objective="cpt", epochs=1, learning_rate=0.01)
WORDS = "The dose is given once a day with food. "


@given(st.lists(st.integers(2, 60), min_size=2, max_size=400), st.integers(2, 50))
def test_no_token_is_lost_or_learnt_twice(tokens: list[int], longest: int) -> None:
    cut = pieces(tokens, longest)
    learnt = [
        token
        for piece in cut
        for token, supervised in zip(piece.ids, piece.supervised, strict=True)
        if supervised
    ]
    assert learnt == tokens[1:]
    assert all(len(piece.ids) <= longest for piece in cut)
    sizes = [len(piece.ids) for piece in cut]
    assert max(sizes) - min(sizes) <= 1, "the pieces are even"
    for before, after in pairwise(cut):
        assert before.ids[-1] == after.ids[0], "a piece begins where the one before ended"


def documents(folder: Path) -> tuple[Path, Path]:
    rows = [{"text": WORDS * 9}, {"text": "Short."}]
    (folder / "docs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "guide.txt").write_text(WORDS * 2)
    return folder / "docs.jsonl", folder / "guide.txt"


def test_records_and_documents_are_learnt_whole(out: Path) -> None:
    tune = CPT.model_copy(update={"texts": documents(out)})
    lm = language_model()
    asked = job(make_run(out, tune), APP, lm, examples(4), examples(2, "v"))
    texts = [text_of(APP, one) for one in examples(4)] + [WORDS * 9, "Short.", WORDS * 2]
    n = sum(len(text) + 1 for text in texts)
    assert sum(sum(one.supervised) for (one,) in asked.train.rendered) == n
    assert len(set(asked.train.ids)) == len(asked.train.ids)
    assert "1/docs.jsonl:1#2" in asked.train.ids
    assert len(asked.validation.ids) == 2, "documents are learnt from, not looked at"


def test_files_of_the_same_name_are_told_apart(out: Path) -> None:
    paths = [out / folder / "guide.txt" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(WORDS)
    run = make_run(out, CPT.model_copy(update={"texts": tuple(paths)}))
    asked = job(run, APP, language_model(), examples(4), examples(2, "v"))
    assert len(set(asked.train.ids)) == len(asked.train.ids) == 6
    before = learnt_hashes(run)
    for path in paths:
        path.write_text(WORDS * 2)
        assert learnt_hashes(run) != before
        path.write_text(WORDS)


def test_a_look_compares_records_with_records_and_not_with_documents(out: Path) -> None:
    """Else it would tell the style of a document from that of a record, and call it memory."""
    tune = CPT.model_copy(update={"texts": documents(out), "canaries": 2})
    train = [replace(one, fields={"text": WORDS * 4}) for one in examples(2)] + examples(4)[2:]
    learnt = [*train, *plant_canaries(2, 0)]
    asked = job(make_run(out, tune), with_canaries(APP), language_model(), learnt, examples(2, "v"))
    assert set(asked.probe.ids) == {"a0", "a0#1", "a1", "a1#1", "a2", "a3"}


def test_the_loss_is_that_of_the_whole_texts(out: Path) -> None:
    lm = language_model()
    asked = job(make_run(out, CPT), APP, lm, examples(3), examples(3, "v"))
    total, n = 0.0, 0
    for example in examples(3, "v"):
        ids = lm.renderer.document(text_of(APP, example))
        logits = lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        total -= sum(float(logits[at - 1, ids[at]]) for at in range(1, len(ids)))
        n += len(ids) - 1
    with at_work(asked) as ready:
        assert ready.team.look()["validation"].loss == pytest.approx(total / n, rel=1e-5)


def test_a_record_is_what_is_asked_and_answered_without_the_instruction() -> None:
    app = replace(
        APP,
        prompt=lambda example: [Message("system", "Be brief."), Message("user", "Who?")],
    )
    assert text_of(app, Example("a", "a", {}, "Nobody.")) == "Who?\n\nNobody."


def test_it_learns_and_an_interruption_changes_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune = CPT.model_copy(update={"texts": documents(out), "replay": 0.2})
    done = fit_in(out / "whole", tune)
    assert done.method.endswith("CPT")
    losses = [row["loss"] for row in rows(out / "whole") if "loss" in row]
    assert sum(losses[-4:]) < sum(losses[:4])
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(TuneError, match="stopped by signal"):
            fit_in(out / "stopped", tune)
    assert fit_in(out / "stopped", tune).resumed == 1
    assert_same_fit(out / "stopped", out / "whole")


def test_a_text_stands_between_the_tokens_that_part_texts(tmp_path: Path) -> None:
    renderer = load_renderer(ModelFolder(write_model(tmp_path), "tiny", "0" * 64, "none"))
    ids = renderer.document("The patient takes 12 mg.")
    assert ids[0] == ids[-1] == renderer.tokenizer.eos_token_id
    assert renderer.decode(ids) == "The patient takes 12 mg."
    with pytest.raises(DataError, match="control token"):
        renderer.document("a <|im_end|> b")


def test_texts_that_cannot_be_learnt_are_named(tmp_path: Path) -> None:
    path = tmp_path / "docs.jsonl"
    path.write_text('{"text": "a"}\n{"body": "b"}\n')
    with pytest.raises(DataError, match=r"docs\.jsonl:2: no `text`"):
        list(read_texts(path))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_texts(tmp_path / "absent.txt"))
    with pytest.raises(ValidationError, match="cpt only"):
        settings(texts=("docs.jsonl",))


def test_a_document_that_holds_a_test_record_is_refused(out: Path) -> None:
    note = " ".join(f"finding{number}" for number in range(30))
    write_examples(out / "validation.jsonl", [Example("v1", "v1", {"text": "brief"}, "yes")])
    write_examples(out / "test.jsonl", [Example("t1", "t1", {"text": note}, "yes")])
    run = make_run(out, CPT.model_copy(update={"texts": documents(out)}))
    refuse_held_texts(run)
    before = learnt_hashes(run)
    (out / "guide.txt").write_text(f"An introduction. {note} An end.")
    assert learnt_hashes(run) != before
    with pytest.raises(DataError, match=r"guide\.txt holds t1 of test"):
        refuse_held_texts(run)
