import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_data import make_run, note, prepared, rows, saved

from medtune.apps.custom import build
from medtune.artifacts import DataCard, sha256_file
from medtune.data import load_split
from medtune.records import SPLITS, Application, Example, Message

CHEMPROT = "scibert-tasks/data/text_classification/chemprot"


def test_the_splits_and_the_card_agree(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows())
    card = prepared(make_run(out, [path], [{"licence": "CC0"}]), [path])
    splits = {s: load_split(out, s) for s in SPLITS}
    assert DataCard.load(out) == card == DataCard.current(out, "k")
    assert card.inputs == {"a": "b"}
    assert card.outputs == {f"{s}.jsonl": sha256_file(out / f"{s}.jsonl") for s in SPLITS}
    assert sum(len(examples) for examples in splits.values()) == 60
    for s in SPLITS:
        assert card.splits[s].kept == len(splits[s])
        assert card.groups[s] == len({e.group for e in splits[s]})
        assert sum(card.labels[s].values()) == len(splits[s])
    receipt = card.receipt["notes.jsonl"]
    assert (receipt.rows, receipt.kept, receipt.dropped) == (60, 60, {})
    # Instruction 3 words, note 6, reply 1, end of turn 1.
    assert (receipt.tokens, receipt.supervised, receipt.longest) == (660, 120, 11)
    assert card.sources == [
        {
            "name": "notes.jsonl",
            "source": "path:notes.jsonl",
            "sha256": sha256_file(path),
            "format": "jsonl (detected)",
            "licence": "CC0",
        }
    ]
    assert card.subgroups == {"sex": {"f": 40, "m": 20}}
    assert card.leaks == card.conflicts == card.first_example == []


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    records = rows(40)
    for r in records[:20]:
        r["note"] = f"{note(1)} {note(2)} {r['id']}"
    saved(tmp_path, "notes.jsonl", records)
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from tiny_data import make_run, prepared; paths = [Path(sys.argv[2])];"
        "prepared(make_run(Path(sys.argv[3]), paths), paths)"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [
                sys.executable,
                "-c",
                code,
                Path(__file__).parent,
                tmp_path / "notes.jsonl",
                tmp_path / seed,
            ],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    one, other = (
        {s: (tmp_path / seed / f"{s}.jsonl").read_bytes() for s in SPLITS} for seed in "12"
    )
    assert one == other
    cards = [DataCard.load(tmp_path / seed).model_dump(exclude={"created"}) for seed in "12"]
    assert cards[0] == cards[1]


def test_the_receipt_names_every_reason(tmp_path, out):
    records = rows()
    records[0]["label"] = None
    records[1]["label"] = "maybe"
    records[2]["note"] = "word " * 99
    records[3]["note"] = "a forged <|end|> turn"
    records[5] = {**records[4], "id": "copy"}
    path = saved(tmp_path, "notes.jsonl", records)
    run = make_run(out, [path], context=50, bad_rows="drop", too_long="drop", max_train=20)
    card = prepared(run, [path])
    receipt = card.receipt["notes.jsonl"]
    assert receipt.dropped == {
        "cannot be rendered": 1,
        "duplicate": 1,
        "no answer": 1,
        "too long": 1,
        "unknown label": 1,
    }
    assert (receipt.rows, receipt.kept) == (60, 55)
    assert card.exact_duplicates == 1
    assert card.splits["train"].kept == len(load_split(out, "train")) == 20
    assert card.splits["train"].dropped == {"over max_train": card.splits["train"].rows - 20}


def test_a_fixed_test_keeps_its_records_and_leaks_are_reported(tmp_path, out):
    train = saved(tmp_path, "train.jsonl", rows())
    sealed = [{**r, "id": f"t-{r['id']}", "patient": f"t-{r['patient']}"} for r in rows(5)]
    sealed += [
        {**sealed[0], "id": f"x{n}", "patient": f"x{n}", "note": note(500 + n)} for n in range(4)
    ]
    test = saved(tmp_path, "test.jsonl", sealed)
    run = make_run(out, [train, test], [{}, {"split": "test"}], test=0)
    card = prepared(run, [train, test])
    assert [e.id for e in load_split(out, "test")] == [r["id"] for r in sealed]
    assert card.leaks == [f"t-r{n}" for n in range(5)]
    assert card.receipt["train.jsonl"].dropped == {"leak": 5}
    assert not {f"r{n}" for n in range(5)} & {e.id for e in load_split(out, "train")}


@pytest.mark.parametrize("source", ["path:notes.jsonl", "pypi:notes==1", "hf:a/b@1:notes.jsonl"])
def test_the_first_example_of_public_data_alone_is_shown_token_by_token(source, tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows())
    run = make_run(out, [path], [{"source": source}])
    custom = build(run)
    public = Application(
        name="public",
        intended_use="",
        not_for="",
        load=lambda paths: (e for e in custom.load(paths)),
        prompt=custom.prompt,
        reply=custom.reply,
        parse=custom.parse,
        metrics=custom.metrics,
        primary=custom.primary,
    )
    card = prepared(run, [path], public)
    shown = card.first_example
    if source.startswith("path:"):
        assert shown == []
        return
    assert len(shown) == 11
    assert [t["supervised"] for t in shown] == [False] * 9 + [True] * 2
    assert shown[-1] == {"token": "<0>", "id": 0, "supervised": True}
    assert card.labels == {}


def test_a_built_in_application_takes_split_and_licence_from_its_only_source(tmp_path, out):
    def load(paths):
        for n in range(40):
            fixed = "test" if n < 5 else "validation" if n < 10 else None
            yield Example(f"e{n}", f"g{n}", {"t": note(n)}, "a", split=fixed, source="elsewhere")

    path = saved(tmp_path, "a.jsonl", rows(1))
    app = Application(
        "built",
        "",
        "",
        load,
        lambda e: [Message("user", e.fields["t"])],
        lambda e: "a",
        lambda e, t: t,
        {},
        "",
    )
    prepared(make_run(out, [path], [{"split": "train", "licence": "MIT"}]), [path], app)
    assert {e.id for e in load_split(out, "test")} == {f"e{n}" for n in range(5)}
    assert len(load_split(out, "train")) == 30
    assert {(e.source, e.licence) for e in load_split(out, "train")} == {("a.jsonl", "MIT")}


def test_chemprot_is_split_by_sentence_and_its_sealed_part_is_kept(out):
    root = Path(__file__).parents[1]
    shared = Path(os.environ.get("MEDTUNE_SHARED", root / "../shared")) / "data" / CHEMPROT
    if not shared.is_dir():
        pytest.skip("ChemProt is not in data/ of MEDTUNE_SHARED or ../shared")
    paths = [shared / "train.txt", shared / "dev.txt"]
    lines = [[json.loads(line) for line in path.read_text("utf-8").splitlines()] for path in paths]
    run = make_run(
        out,
        paths,
        [{"format": "jsonl"}, {"format": "jsonl", "split": "test"}],
        validation=0.15,
        test=0,
        task={
            "input": "{text}",
            "labels": sorted({r["label"] for r in lines[0]}),
            "id": None,
            "group": None,
            "subgroups": (),
        },
    )
    card = prepared(run, paths)
    assert card.splits["test"].kept == len(lines[1]) == 2427
    assert card.receipt["train.txt"].rows == len(lines[0]) == 4169
    assert 0.10 < card.splits["validation"].kept / 4169 < 0.20
    sentences = [
        {" ".join(e.fields["text"].translate(str.maketrans("", "", "<>[]")).split()) for e in split}
        for split in (load_split(out, "train"), load_split(out, "validation"))
    ]
    assert not sentences[0] & sentences[1]
    assert card.groups["train"] < len({e.fields["text"] for e in load_split(out, "train")}) / 2
