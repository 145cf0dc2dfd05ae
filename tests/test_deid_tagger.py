"""The trained tagger: exact in its likelihood, the same on every run, safe to read back."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from medtune.deid import find
from medtune.deid.document import read
from medtune.deid.notes import Note, read_notes
from medtune.deid.span import Span
from medtune.deid.tagger import train as training
from medtune.deid.tagger.choose import open_tagger
from medtune.deid.tagger.features import features, lines
from medtune.deid.tagger.model import TrainedTagger, load_tagger, spans_of, viterbi
from medtune.deid.tagger.outside import Labelled, OutsideTagger
from medtune.errors import ConfigError, DataError

WARDS = ("Amsel", "Drossel", "Fink", "Star", "Zeisig", "Meise")


def notes(n: int = 30) -> list[Note]:
    """Notes with a ward's code, which no rule knows and only its place betrays."""
    made: list[Note] = []
    for i in range(n):
        ward = f"{WARDS[i % 6]}{i}"
        text = f"Admitted to bay {ward} for rest.\nGlucose {90 + i} mg/dl, no fever."
        start = text.index(ward)
        span = Span(start, start + len(ward), "id", "annotated")
        made.append(Note(str(i), text, [span]))
    return made


@pytest.fixture(scope="module")
def tagger() -> TrainedTagger:
    return training.train(notes(), "en", seed=0, show=lambda _epoch, _loss: None)


def test_it_finds_what_it_was_shown_and_no_rule_knows(tagger: TrainedTagger):
    text = "Admitted to bay Kranich77 for rest.\nGlucose 101 mg/dl, no fever."
    assert [s.kind for s in find(text, "en")] == []
    assert [(text[s.start : s.end], s.kind) for s in find(text, "en", tagger=tagger)] == [
        ("Kranich77", "id")
    ]


def test_the_rules_keep_the_kinds_it_was_not_shown(tagger: TrainedTagger):
    text = "Admitted to bay Kranich77 for rest.\nMRN: 448-21-907, SSN 219-45-6789."
    assert {s.kind for s in find(text, "en", tagger=tagger)} >= {"id", "mrn", "ssn"}


def test_training_twice_gives_the_same_tagger(tagger: TrainedTagger):
    again = training.train(notes(), "en", seed=0, show=lambda _epoch, _loss: None)
    assert np.array_equal(again.hashes, tagger.hashes)
    assert np.array_equal(again.weights, tagger.weights)


def test_the_loss_falls():
    losses: list[float] = []
    training.train(notes(), "en", seed=0, show=lambda _epoch, loss: losses.append(loss))
    assert losses[-1] < losses[0] / 5


def test_it_comes_back_from_its_file_and_holds_no_text(tagger: TrainedTagger, tmp_path: Path):
    path = tmp_path / "tagger"
    tagger.save(path, {"notes": "30"})
    back = load_tagger(path)
    text = notes()[3].text
    assert find(text, "en", tagger=back) == find(text, "en", tagger=tagger)
    assert not any(ward.encode() in path.read_bytes() for ward in WARDS)


def test_a_changed_file_is_refused(tagger: TrainedTagger, tmp_path: Path):
    path = tmp_path / "tagger"
    tagger.save(path, {})
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="changed"):
        load_tagger(path)
    path.write_bytes(b"not a tagger at all")
    with pytest.raises(DataError, match="no tagger"):
        load_tagger(path)


def test_what_occurs_in_one_note_only_is_not_kept():
    alone = Note("x", "Unrepeatable zyxwvut", [Span(0, 12, "id", "annotated")])
    document = read("zyxwvut", "en")
    hidden = set(features(document, [])[:, 0].tolist())
    once = training.train([*notes(4), alone], "en", seed=0, show=lambda _e, _l: None)
    twice = training.train(
        [*notes(4), alone, alone._replace(id="y")], "en", seed=0, show=lambda _e, _l: None
    )
    assert not hidden & set(once.hashes.tolist())
    assert hidden & set(twice.hashes.tolist())


LABELS = ("O", "B-date", "B-age", "I-date", "I-age")


def test_likelihood_and_slope_equal_those_of_all_paths_counted_out():
    chance = np.random.default_rng(0)
    allowed = training._allowed(LABELS)
    scores, steps = chance.normal(size=(2, 5, 5)), chance.normal(size=(5, 5)) / 2
    target = np.array([[0, 1, 3, 0, 2], [2, 4, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=float)
    batch = training._Batch(np.zeros((2, 5, 1), dtype=np.int64), target, mask)

    def counted(scores, steps):
        total = 0.0
        for i in range(2):
            n = int(mask[i].sum())

            def weigh(path, i=i):
                inside = sum(steps[a, b] for a, b in itertools.pairwise(path))
                return sum(scores[i, t, label] for t, label in enumerate(path)) + inside

            paths = [
                path
                for path in itertools.product(range(5), repeat=n)
                if allowed[0, path[0]] and all(allowed[a, b] for a, b in itertools.pairwise(path))
            ]
            total += np.log(sum(np.exp(weigh(p)) for p in paths)) - weigh(target[i, :n])
        return total

    loss, slope, step_slope = training._likelihood(scores, steps, allowed, batch)
    assert loss == pytest.approx(counted(scores, steps), abs=1e-9)
    tiny = 1e-5
    for place in [(0, 0, 0), (0, 2, 3), (1, 1, 4), (1, 4, 2)]:
        up, down = scores.copy(), scores.copy()
        up[place] += tiny
        down[place] -= tiny
        numeric = (counted(up, steps) - counted(down, steps)) / (2 * tiny)
        assert slope[place] == pytest.approx(numeric, abs=1e-7)
    for place in [(0, 1), (1, 3), (3, 0), (2, 4)]:
        up, down = steps.copy(), steps.copy()
        up[place] += tiny
        down[place] -= tiny
        numeric = (counted(scores, up) - counted(scores, down)) / (2 * tiny)
        assert step_slope[place] == pytest.approx(numeric, abs=1e-7)


def test_viterbi_finds_the_best_of_all_paths():
    chance = np.random.default_rng(1)
    scores = chance.normal(size=(4, 3)).astype(np.float32)
    steps = chance.normal(size=(3, 3)).astype(np.float32)
    starts = chance.normal(size=3).astype(np.float32)

    def weigh(path):
        inside = sum(steps[a, b] for a, b in itertools.pairwise(path))
        return starts[path[0]] + inside + sum(scores[t, label] for t, label in enumerate(path))

    best = max(itertools.product(range(3), repeat=4), key=weigh)
    assert viterbi(scores, steps, starts) == list(best)


def test_labels_become_spans():
    labels = ["O", "B-age", "I-age", "B-age", "O", "B-date"]
    assert spans_of(labels) == [(1, 3, "age"), (3, 4, "age"), (5, 6, "date")]


def test_lines_divide_the_tokens_without_a_gap():
    document = read("one two\nthree\n\n" + "word " * 450, "en")
    parts = lines(document)
    assert [end for _, end in parts[:-1]] == [start for start, _ in parts[1:]]
    assert (parts[0][0], parts[-1][1]) == (0, len(document.words))
    assert max(end - start for start, end in parts) <= 200


@pytest.mark.parametrize("few", [[], notes(1), [Note("a", "x", []), Note("b", "y", [])]])
def test_too_few_notes_are_refused(few):
    with pytest.raises(DataError, match="at least"):
        training.train(few, "en", seed=0, show=lambda _e, _l: None)


def test_an_outside_tagger_adds_and_takes_nothing_away():
    outside = OutsideTagger(lambda _: [Labelled(0, 6, "PERSON"), Labelled(7, 9, "CARDINAL")],
                            {"PERSON": "person"})  # fmt: skip
    text = "zzyrpk 42, MRN: 448-21-907"
    found = {text[s.start : s.end]: s.kind for s in find(text, "en", tagger=outside)}
    assert found == {"zzyrpk": "person", "448-21-907": "mrn"}


@pytest.mark.parametrize("name", ["spacy:nowhere", "presidio:nowhere"])
def test_a_package_that_is_not_installed_is_one_message(name: str, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(ConfigError, match="not installed"):
        open_tagger(name, "en")


def test_a_tagger_of_another_language_is_refused(tagger: TrainedTagger, tmp_path: Path):
    tagger.save(tmp_path / "tagger", {})
    with pytest.raises(ConfigError, match="'en'"):
        open_tagger(str(tmp_path / "tagger"), "es")


def test_brat_files_and_jsonl_are_read_alike(tmp_path: Path):
    text = "Nombre: Leocadia.\nCP: 16004. Año 2012"
    rows = [(8, 16, "NOMBRE_SUJETO_ASISTENCIA"), (22, 27, "TERRITORIO"), (29, 37, "FECHAS")]
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text(text, encoding="utf-8")
    marks = [f"T{i}\t{k} {a} {b}\t{text[a:b]}" for i, (a, b, k) in enumerate(rows)]
    (tmp_path / "brat" / "a.ann").write_text("\n".join(marks), encoding="utf-8")
    spans = [{"start": a, "end": b, "kind": k} for a, b, k in rows]
    row = {"id": "a", "text": text, "spans": spans}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert read_notes(tmp_path / "brat") == read_notes(tmp_path / "a.jsonl")
    assert [s.kind for s in read_notes(tmp_path / "brat")[0].spans] == ["patient", "zip", "year"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "x", "spans": [{"start": 0, "end": 9, "kind": "id"}]}, "not within"),
        (
            {"text": "x", "spans": [{"start": 0, "end": 1, "kind": "persn"}]},
            "did you mean 'person'",
        ),
        ({"text": "x"}, "needs an object"),
    ],
)
def test_a_wrong_annotation_is_one_message(row, message, tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_notes(tmp_path / "a.jsonl")
