import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from medtune.apps.custom import build
from medtune.artifacts import DataCard, sha256_file
from medtune.config import Run
from medtune.data import load_split, prepare
from medtune.errors import ConfigError, DataError
from medtune.records import SPLITS, Application, Example, Message

SECRET = "Hopper"
CHEMPROT = "scibert-tasks/data/text_classification/chemprot"


class Rendered(NamedTuple):
    ids: list[int]
    supervised: list[bool]


class WordTokenizer:
    def decode(self, ids: list[int]) -> str:
        return f"<{ids[0]}>"


class WordRenderer:
    """One token a word: its length. The reply ends with token 0."""

    tokenizer = WordTokenizer()

    def training(self, messages: list[Message], reply: str) -> Rendered:
        if "<|end|>" in messages[-1].content:
            raise DataError("a user message contains the control token '<|end|>'")
        prompt = [len(word) for message in messages for word in message.content.split()]
        tail = [*(len(word) for word in reply.split()), 0]
        return Rendered(prompt + tail, [False] * len(prompt) + [True] * len(tail))


def note(n: int) -> str:
    return " ".join(f"finding{n}x{k}" for k in range(6))


def rows(n: int = 60) -> list[dict]:
    return [
        {
            "id": f"r{i}",
            "patient": f"p{i // 2}",
            "note": note(i),
            "label": ("yes", "no")[i % 2],
            "sex": "f" if i % 3 else "m",
        }
        for i in range(n)
    ]


def saved(folder: Path, name: str, records: list[dict]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def make_run(out: Path, paths: list[Path], sources=None, task=None, context=512, **data) -> Run:
    sections = sources or [{} for _ in paths]
    return Run.model_validate(
        {
            "app": "custom",
            "goal": "custom_data",
            "out": out,
            "model": {"source": "path:model", "context_tokens": context},
            "data": {
                "sources": [
                    {"source": f"path:{p}", **s} for p, s in zip(paths, sections, strict=True)
                ],
                "validation": 0.2,
                "test": 0.2,
                **data,
            },
            "task": {
                "instruction": "Is it so?",
                "input": "{note}",
                "answer": "label",
                "labels": ["yes", "no"],
                "id": "id",
                "group": "patient",
                "subgroups": ["sex"],
                **(task or {}),
            },
        }
    )


def prepared(run: Run, paths: list[Path], app: Application | None = None) -> DataCard:
    return prepare(
        run,
        app or build(run),
        paths,
        WordRenderer(),
        key="k",
        inputs={"a": "b"},  # type: ignore
    )


def refused(run: Run, paths: list[Path], error: type[Exception] = DataError) -> str:
    """The message of a refusal that wrote nothing and shows no text."""
    with pytest.raises(error) as caught:
        prepared(run, paths)
    assert not list(run.out.iterdir())
    assert SECRET not in str(caught.value)
    return str(caught.value)


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
        "from test_data_prepare import make_run, prepared; paths = [Path(sys.argv[2])];"
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


def test_the_first_example_of_public_data_is_shown_token_by_token(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows())
    run = make_run(out, [path])
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


def test_an_empty_file_writes_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", [])
    assert "notes.jsonl: the file is empty" in refused(make_run(out, [path]), [path])


def test_a_wrong_encoding_writes_nothing(tmp_path, out):
    path = tmp_path / "notes.csv"
    path.write_bytes(f"id,patient,note,label,sex\n1,1,{SECRET} f\u00fcr,yes,f\n".encode("latin-1"))
    assert "notes.csv:2: not UTF-8 at byte" in refused(make_run(out, [path]), [path])


def test_rows_without_an_answer_are_named_by_place_and_id(tmp_path, out):
    records = rows()
    records[4] |= {"label": "", "note": SECRET}
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert "1 of 60 rows cannot be used (1 no answer)" in message
    assert "notes.jsonl:5: record r4: no answer" in message
    assert "data.bad_rows to 'drop'" in message


def test_an_over_long_row_is_named_and_not_cut(tmp_path, out):
    records = rows()
    records[7]["note"] = f"{SECRET} " * 600
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert (
        "1 of 60 records exceed model.context_tokens 512 (first: r7; the longest has 605)"
        in message
    )
    assert "set data.too_long to 'drop' or raise model.context_tokens" in message


def test_a_record_that_cannot_be_rendered_is_named(tmp_path, out):
    records = rows()
    records[7]["note"] = f"{SECRET} <|end|>"
    path = saved(tmp_path, "notes.jsonl", records)
    assert "cannot be written for the model: r7" in refused(make_run(out, [path]), [path])


def test_a_patient_in_two_fixed_splits_writes_nothing(tmp_path, out):
    paths = [saved(tmp_path, "a.jsonl", rows(10))]
    paths += [saved(tmp_path, "b.jsonl", [{**r, "id": f"b{r['id']}"} for r in rows(2)])]
    message = refused(make_run(out, paths, [{"split": "train"}, {"split": "test"}]), paths)
    assert "1 of 5 groups are fixed in more than one split: p0 (2 in test, 2 in train)" in message


def test_repeated_ids_are_named(tmp_path, out):
    records = rows()
    records[9]["id"] = records[8]["id"]
    path = saved(tmp_path, "notes.jsonl", records)
    message = refused(make_run(out, [path]), [path])
    assert message == (
        "notes.jsonl: 1 ids name more than one record: r8; give every record an id of its own"
    )


def test_an_unknown_template_field_writes_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows())
    message = refused(make_run(out, [path], task={"input": "{notes}"}), [path], ConfigError)
    assert "task.input" in message
    assert "did you mean 'note'?" in message


def test_too_few_groups_write_nothing(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", rows(4))
    assert "2 groups are free to be divided" in refused(make_run(out, [path]), [path])


def test_nothing_left_says_why(tmp_path, out):
    path = saved(tmp_path, "notes.jsonl", [{**r, "label": "maybe"} for r in rows(4)])
    message = refused(make_run(out, [path], bad_rows="drop"), [path])
    assert "no record is left to learn from (4 unknown label)" in message


def test_a_source_whose_fixed_split_cannot_be_kept_is_named(tmp_path, out):
    good = saved(tmp_path, "good.jsonl", rows())
    bad = saved(tmp_path, "bad.jsonl", [{**r, "id": f"b{r['id']}", "label": "?"} for r in rows(2)])
    run = make_run(out, [good, bad], [{}, {"split": "test"}], bad_rows="drop", test=0)
    assert "no record came from bad.jsonl" in refused(run, [good, bad])


def test_loading_a_split_before_it_is_written_names_the_stage(out):
    with pytest.raises(DataError, match=r"test.jsonl: missing; run the stage .*data"):
        load_split(out, "test")


def test_chemprot_is_split_by_sentence_and_its_sealed_part_is_kept(out):
    root = Path(__file__).parents[1]
    shared = Path(os.environ.get("MEDTUNE_SHARED", root / "../shared/data")) / CHEMPROT
    if not shared.is_dir():
        pytest.skip("ChemProt is not in MEDTUNE_SHARED or ../shared/data")
    paths = [shared / "train.txt", shared / "dev.txt"]
    lines = [[json.loads(line) for line in path.open(encoding="utf-8")] for path in paths]
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
