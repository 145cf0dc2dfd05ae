"""De-identification on presidio-research and MEDDOCAN, beside Presidio's analyzer.

    benchmarks/deid.py [--peer-python PYTHON] [--validation] [--tagger FILE] [--shared FOLDER]

presidio-research (Microsoft, MIT): sentences made from templates. The rules were developed on the
sentences of even templates; what is printed is of the odd ones, and intervals draw templates.
MEDDOCAN (Marimon 2019, CC BY 4.0): Spanish clinical cases. The rules and the tagger were developed
on its train part, the tagger's figures there are from five-fold cross-validation; `--validation`
opens the validation part. Intervals draw notes. `--tagger FILE` takes a tagger that
`medtune deid-train` made from the train part, instead of training one.

Without `--peer-python` (a Python with presidio-analyzer and `--peer-model`) the peer is "not
measured". Both run in turn, a hundred texts at a time, on the same machine at the same time. The
last line is one JSON object.
"""

import argparse
import json
import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from medtune.deid import Kind, Language, find
from medtune.deid.notes import MEDDOCAN, Note, read_notes
from medtune.deid.score import Count, count
from medtune.deid.span import Span
from medtune.deid.tagger import Tagger
from medtune.deid.tagger.model import load_tagger
from medtune.deid.tagger.train import train
from medtune.pipeline.deid import pooled, precision, recall, shown
from medtune.records import Estimate
from medtune.stats import wilson

WORD = re.compile(r"\w+")
CHUNK = 100
FOLDS = 5
UNLABELLED: frozenset[Kind] = frozenset({"year", "age", "sex", "kinship", "profession"})
"""Kinds that presidio-research does not label: what is found of them counts neither way."""
BEYOND = frozenset({"ORGANIZATION", "TITLE", "PREFIX"})
"""Labels of presidio-research that are no identifiers of Safe Harbor."""
Spans = Sequence[tuple[int, int]]


class Sentence(NamedTuple):
    """One sentence of presidio-research."""

    text: str
    template: int
    labels: list[tuple[int, int, str]]


@dataclass
class Tokens:
    """Words of one template: labelled, found, both; and by label."""

    labelled: int = 0
    found: int = 0
    both: int = 0
    by_label: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    sentences: int = 0
    leaks: int = 0


def sentences(shared: Path) -> list[Sentence]:
    """The sentences of odd templates."""
    file = shared / "data" / "presidio-research" / "tests" / "data" / "generated_large.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    return [
        Sentence(
            row["full_text"],
            row["template_id"],
            [(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"]],
        )
        for row in rows
        if row["template_id"] % 2
    ]


class Peer:
    """Presidio in a process of its own."""

    def __init__(self, python: str, model: str) -> None:
        script = Path(__file__).with_name("deid_peer.py")
        self.process = subprocess.Popen(
            [python, str(script), model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )
        assert self.process.stdout is not None
        while self.process.stdout.readline().strip() not in ("ready", ""):
            pass
        self.seconds = 0.0

    def analyze(self, texts: Sequence[str]) -> list[Spans]:
        """Spans of each text; the seconds add up."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(texts) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seconds += answer["seconds"]
        return [[(start, end) for start, end, _ in spans] for spans in answer["spans"]]


def ours(texts: Sequence[str], language: Language, tagger: Tagger | None) -> list[list[Span]]:
    """What medtune finds in each text."""
    return [find(text, language, tagger=tagger) for text in texts]


def in_turn(
    texts: Sequence[str], language: Language, peer: Peer | None, tagger: Tagger | None = None
) -> tuple[list[list[Span]], list[Spans] | None, float, float]:
    """Both on the same texts, a chunk each in turn, with their texts per second (0: not run)."""
    find("Warm up with John Smith.", language, tagger=tagger)
    found: list[list[Span]] = []
    theirs: list[Spans] = []
    seconds = 0.0
    start = peer.seconds if peer else 0.0
    for i in range(0, len(texts), CHUNK):
        chunk = texts[i : i + CHUNK]
        started = time.perf_counter()
        found += ours(chunk, language, tagger)
        seconds += time.perf_counter() - started
        if peer:
            theirs += peer.analyze(chunk)
    peer_rate = len(texts) / (peer.seconds - start) if peer else 0.0
    return found, theirs if peer else None, len(texts) / seconds, peer_rate


def by_template(
    rows: Sequence[Sentence], found: Sequence[Spans], skip: frozenset[str]
) -> list[Tokens]:
    """Compare words, whatever the kind: what is not covered leaks under any name."""
    templates: dict[int, Tokens] = {}
    for row, spans in zip(rows, found, strict=True):
        of = templates.setdefault(row.template, Tokens())
        seen = bytearray(len(row.text))
        for start, end in spans:
            seen[start:end] = b"\x01" * (end - start)
        leaks = False
        for match in WORD.finditer(row.text):
            label = next((k for a, b, k in row.labels if a <= match.start() < b), None)
            if label in skip:
                continue
            hit = bool(seen[match.start()])
            of.found += hit
            if label:
                of.labelled += 1
                of.both += hit
                leaks |= not hit
                mine = of.by_label.setdefault(label, [0, 0])
                mine[0] += hit
                mine[1] += 1
        if any(k not in skip for _, _, k in row.labels):
            of.sentences += 1
            of.leaks += leaks
    return list(templates.values())


def word_scores(templates: Sequence[Tokens]) -> dict[str, Estimate]:
    """Recall, precision and leak rate, intervals over templates."""
    scores = {
        "recall": pooled([(t.both, t.labelled) for t in templates]),
        "precision": pooled([(t.both, t.found) for t in templates]),
        "leak_rate": pooled([(t.leaks, t.sentences) for t in templates]),
    }
    for label in sorted({k for t in templates for k in t.by_label}):
        pairs = [
            (t.by_label[label][0], t.by_label[label][1]) for t in templates if label in t.by_label
        ]
        scores[f"recall of {label}"] = pooled(pairs)
    return scores


def presidio_research(shared: Path, peer: Peer | None) -> dict[str, object]:
    """Both on the sentences of odd templates."""
    rows = sentences(shared)
    found, theirs, rate, peer_rate = in_turn([row.text for row in rows], "en", peer)
    mine = [[(s.start, s.end) for s in spans if s.kind not in UNLABELLED] for spans in found]
    result: dict[str, object] = {"sentences": len(rows), "per_second": round(rate)}
    print(f"\npresidio-research, {len(rows)} sentences of {len({r.template for r in rows})} odd "
          f"templates: medtune {rate:,.0f} sentences/s, peer {peer_rate:,.0f}")  # fmt: skip
    for name, skip in (("all labels", frozenset[str]()), ("without organizations, titles", BEYOND)):
        scores = word_scores(by_template(rows, mine, skip))
        peers = word_scores(by_template(rows, theirs, skip)) if theirs is not None else {}
        print(f"\n| {name} | medtune | Presidio |\n|---|---|---|")
        for key, value in scores.items():
            other = shown(peers[key]) if key in peers else "not measured"
            print(f"| {key} | {shown(value)} | {other} |")
        result[name] = {k: round(v.value, 4) for k, v in scores.items() if " of " not in k}
        result[f"{name}, peer"] = {
            k: round(v.value, 4) for k, v in peers.items() if " of " not in k
        }
    if peer:
        result |= {"peer_per_second": round(peer_rate), "times_as_fast": round(rate / peer_rate, 1)}
    return result


LABEL_OF: dict[Kind, str] = {kind: label for label, kind in reversed(MEDDOCAN.items())} | {
    "zip": "TERRITORIO", "state": "TERRITORIO", "year": "FECHAS",
    "person": "NOMBRE_PERSONAL_SANITARIO", "ssn": "ID_SUJETO_ASISTENCIA",
}  # fmt: skip


class Exact(NamedTuple):
    """Place and label together, as the MEDDOCAN track counted."""

    right: int
    found: int
    labelled: int

    @property
    def f1(self) -> float:
        """F1 over all notes."""
        return 2 * self.right / (self.found + self.labelled)


def exact(notes: Sequence[Note], found: Sequence[Sequence[Span]]) -> Exact:
    """Compare places and labels. A health centre is told from a hospital by its first word."""
    right = n_found = n_labelled = 0
    for note, spans in zip(notes, found, strict=True):
        mine = {(s.start, s.end, _label(s, note.text)) for s in spans}
        target = {(s.start, s.end, s.rule) for s in note.spans}
        right += len(mine & target)
        n_found += len(mine)
        n_labelled += len(target)
    return Exact(right, n_found, n_labelled)


def _label(span: Span, text: str) -> str:
    if span.kind == "hospital" and text[span.start :].startswith(
        ("Centro de Salud", "Consultorio")
    ):
        return "CENTRO_SALUD"
    return LABEL_OF.get(span.kind, span.kind)


def report(
    name: str, notes: Sequence[Note], found: Sequence[Sequence[Span]], rate: float
) -> dict[str, object]:
    """Print what was found in MEDDOCAN notes and return the main figures."""
    counts: list[Count] = [
        count(note, spans, "safe_harbor") for note, spans in zip(notes, found, strict=True)
    ]
    f1 = exact(notes, found)
    held, leaks = precision(counts), wilson(sum(c.leaks for c in counts), len(counts))
    assert held is not None
    print(f"\n| {name}, {len(notes)} notes | value |\n|---|---|")
    print(f"| F1 of place and label | {f1.f1:.4f} |")
    print(f"| precision of place and label | {f1.right / f1.found:.4f} |")
    print(f"| recall of place and label | {f1.right / f1.labelled:.4f} |")
    print(f"| precision, touching | {shown(held)} |")
    print(f"| notes with a leak | {shown(leaks)} |")
    for kind, value in recall(counts).items():
        print(f"| recall of {kind} | {shown(value)} of {value.n:,} |")
    print(f"| notes/s | {rate:,.0f} |")
    return {"f1": round(f1.f1, 4), "recall": round(recall(counts)["all"].value, 4),
            "precision": round(held.value, 4), "leak_rate": round(leaks.value, 4),
            "notes_per_second": round(rate)}  # fmt: skip


def cross_validated(notes: Sequence[Note]) -> tuple[list[list[Span]], float]:
    """What a tagger finds that was trained on the other folds, and its notes per second."""
    found: dict[str, list[Span]] = {}
    seconds = 0.0
    for fold in range(FOLDS):
        rest = [note for i, note in enumerate(notes) if i % FOLDS != fold]
        tagger = train(rest, "es", seed=0, show=lambda _epoch, _loss: None)
        held = [note for i, note in enumerate(notes) if i % FOLDS == fold]
        started = time.perf_counter()
        found |= {note.id: find(note.text, "es", tagger=tagger) for note in held}
        seconds += time.perf_counter() - started
    return [found[note.id] for note in notes], len(notes) / seconds


def meddocan(shared: Path, asked: argparse.Namespace) -> dict[str, object]:
    """Rules alone and with a tagger, on train (by cross-validation) and on validation."""
    folder = shared / "data" / "meddocan"
    notes = read_notes(folder / "train.zip")
    find(notes[0].text, "es")
    result: dict[str, object] = {}
    if not asked.tagger:
        found, _, rate, _ = in_turn([note.text for note in notes], "es", None)
        result["rules, train"] = report("rules, train", notes, found, rate)
    if not asked.no_folds:
        tagged, rate = cross_validated(notes)
        name = "tagger, train, 5 folds"
        result[name] = report(name, notes, tagged, rate)
    if asked.validation:
        held = read_notes(folder / "dev.zip")
        texts = [note.text for note in held]
        found, _, rate, _ = in_turn(texts, "es", None)
        result["rules, validation"] = report("rules, validation", held, found, rate)
        tagger = load_tagger(asked.tagger) if asked.tagger else trained(notes)
        found, _, rate, _ = in_turn(texts, "es", None, tagger)
        result["tagger, validation"] = report("tagger, validation", held, found, rate)
    return result


def trained(notes: Sequence[Note]) -> Tagger:
    """A tagger of all these notes."""
    started = time.process_time()
    tagger = train(notes, "es", seed=0, show=lambda _epoch, _loss: None)
    print(f"\ntrained on {len(notes)} notes in {time.process_time() - started:.0f} s of one core")
    return tagger


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("MEDTUNE_SHARED", str(Path(__file__).parents[2] / "shared"))
    parser.add_argument("--shared", type=Path, default=Path(default))
    parser.add_argument("--peer-python")
    parser.add_argument("--peer-model", default="en_core_web_sm")
    parser.add_argument("--validation", action="store_true", help="open MEDDOCAN's validation part")
    parser.add_argument("--no-folds", action="store_true", help="skip the cross-validation")
    parser.add_argument("--tagger", type=Path, help="made by deid-train from the train part")
    parser.add_argument("--only", choices=("presidio-research", "meddocan"))
    asked = parser.parse_args()
    if not (asked.shared / "data").is_dir():
        raise SystemExit(f"{asked.shared}: no data here; set --shared or MEDTUNE_SHARED")
    result: dict[str, object] = {}
    if asked.only != "meddocan":
        peer = Peer(asked.peer_python, asked.peer_model) if asked.peer_python else None
        result["presidio-research"] = presidio_research(asked.shared, peer)
    if asked.only != "presidio-research":
        result["meddocan"] = meddocan(asked.shared, asked)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
