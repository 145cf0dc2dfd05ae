"""One's own images: JSON lines that name an image file and what was found in it.

A row has `image` (a path, from the folder of the file) and `finding` (null or "" for none). It may
have `box` (top, left, bottom, right in pixels of the image), `frame` (from 0), `patient`, `id`,
`view`, `sex`, `site`, `laterality` and `time`. View and side are also read from DICOM.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medtune.artifacts import iter_examples, read_jsonl
from medtune.clinical.imaging.places import place_of
from medtune.errors import DataError
from medtune.images.picture import Picture
from medtune.images.read import read_image
from medtune.images.store import keep_image
from medtune.images.view import SIDE, Box, fit, square
from medtune.records import Example, Json

NEGATIVE = "no finding"
SUBGROUPS = ("view", "sex", "site", "modality", "body_part", "laterality")
SIDES = 4


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    values: Mapping[str, Json]

    def text(self, name: str) -> str:
        value = self.values.get(name)
        return "" if value is None else str(value).strip()


def read_rows(path: Path) -> Iterator[Example]:
    """The examples of a file of JSON lines; the images go to the store.

    Raises:
        DataError: A row lacks its image, an image cannot be read, or a box lies outside it.
    """
    rows = [
        _Row(f"{path.name}:{number}", values)
        for number, values in enumerate(read_jsonl(path), start=1)
    ]
    findings = sorted({row.text("finding") for row in rows} - {"", NEGATIVE})
    if not findings:
        raise DataError(f"{path.name}: no row has a finding; there is nothing to learn")
    if bad := [name for name in findings if "|" in name or "," in name]:
        raise DataError(f"{path.name}: findings with a comma or a bar: {', '.join(bad)}")
    placed = any(row.values.get("box") for row in rows)
    for number, row in enumerate(rows, start=1):
        yield _example(row, path, number, (findings, placed))


def learnt_task(out: Path) -> dict[str, str]:
    """What the model of a run was taught to look for: the fields of its records but the image."""
    return {k: v for k, v in _first(out / "validation.jsonl").items() if k != "image"}


def check_kind(modality: str, body_part: str, learnt: Sequence[Example], where: str) -> None:
    """Refuse an image of another kind than those that the model learnt from.

    Raises:
        DataError: Both the image and the records state their modality, or the part of the body, and
            they differ.
    """
    known = {one.subgroups["modality"] for one in learnt if "modality" in one.subgroups}
    parts = {one.subgroups["body_part"] for one in learnt if "body_part" in one.subgroups}
    if modality and known and _kind(modality) not in {_kind(one) for one in known}:
        raise DataError(
            f"{where}: modality {modality}; the model learnt from {', '.join(sorted(known))} and "
            "can say nothing of it"
        )
    # DICOM joins parts in one word (CHESTABDOMEN): what holds a part that was learnt is read
    if body_part and parts and not any(_part(one) in _part(body_part) for one in parts):
        raise DataError(
            f"{where}: body part {body_part}; the model learnt from {', '.join(sorted(parts))} and "
            "can say nothing of it"
        )


def _part(body_part: str) -> str:
    """One word for the chest, which DICOM files name in several."""
    folded = "".join(letter for letter in body_part.upper() if letter.isalpha())
    return folded.replace("THORAX", "CHEST").replace("LUNG", "CHEST")


def _kind(modality: str) -> str:
    """CR, DX and RG are all radiographs."""
    return "radiograph" if modality in ("CR", "DX", "RG") else modality


def _first(path: Path) -> Mapping[str, str]:
    for example in iter_examples(path):
        return example.fields
    raise DataError(f"{path}: no records; run medtune data first")


def unlabelled_image(
    row: Mapping[str, Json], name: str, path: Path, task: Mapping[str, str]
) -> Example:
    """A record to read: its image goes to the store.

    Raises:
        DataError: There is no `image`, or it cannot be read.
    """
    found = _Row(f"{path.name}: record {name!r}", row)
    if not found.text("image"):
        raise DataError(f"{found.where}: no `image`; name the file of the image")
    picture = read_image(path.parent / found.text("image"))
    values_RC = picture.frame(int(found.text("frame") or 0))
    image = keep_image(square(values_RC, picture.window))
    return Example(id=name, group=name, fields={**task, "image": image}, target=None)


def _example(row: _Row, path: Path, number: int, known: tuple[Sequence[str], bool]) -> Example:
    findings, placed = known
    if not row.text("image"):
        raise DataError(f"{row.where}: no `image`; name the file of the image")
    picture = read_image(path.parent / row.text("image"))
    values_RC = picture.frame(int(row.text("frame") or 0))
    finding = row.text("finding") or NEGATIVE
    box = _box(row, values_RC.shape, needed=placed and finding != NEGATIVE)
    name = row.text("id") or f"{path.name}:{number}"
    target = finding
    if box is not None and finding != NEGATIVE:
        target = f"{finding}, {place_of(*box.centre, SIDE, SIDE)}"
    return Example(
        id=name,
        group=row.text("patient") or name,
        fields={
            "image": keep_image(square(values_RC, picture.window)),
            "negative": NEGATIVE,
            "findings": "|".join(findings),
            "placed": "yes" if placed else "no",
        },
        target=target,
        subgroups=_subgroups(row, picture),
        time=row.text("time") or None,
        source=path.name,
    )


def _box(row: _Row, shape: tuple[int, ...], *, needed: bool) -> Box | None:
    """The box of a row in pixels of the square."""
    found = row.values.get("box")
    if not found:
        if needed:
            raise DataError(f"{row.where}: a finding without a `box`, and other rows have one")
        return None
    sides = (
        [side for side in found if isinstance(side, int | float)] if isinstance(found, list) else []
    )
    if len(sides) != SIDES:
        raise DataError(f"{row.where}: `box` is [top, left, bottom, right] in pixels")
    box = Box(*sides)
    inside = 0 <= box.top < box.bottom <= shape[0] and 0 <= box.left < box.right <= shape[1]
    if not inside:
        raise DataError(
            f"{row.where}: `box` lies outside the image of {shape[0]} x {shape[1]} pixels"
        )
    return fit((shape[0], shape[1])).into(box)


def _subgroups(row: _Row, picture: Picture) -> dict[str, str]:
    """What to report by: the row's word, else the file's. They must not contradict each other.

    Raises:
        DataError: The row names another side, view, modality or part than the file.
    """
    own = {
        "view": picture.view,
        "modality": picture.modality,
        "body_part": picture.body_part,
        "laterality": picture.laterality,
    }
    said = row.text("laterality").upper()[:1]
    if said and own["laterality"] and said != own["laterality"].upper()[:1]:
        raise DataError(
            f"{row.where}: `laterality` is {said}, and the image says {own['laterality']}; one of "
            "them is wrong"
        )
    for name in ("view", "modality", "body_part"):
        if row.text(name) and own[name] and row.text(name).upper() != own[name].upper():
            raise DataError(
                f"{row.where}: `{name}` is {row.text(name)}, and the image says {own[name]}; one "
                "of them is wrong"
            )
    told = {name: row.text(name) or own.get(name, "") for name in SUBGROUPS}
    return {name: value for name, value in told.items() if value}
