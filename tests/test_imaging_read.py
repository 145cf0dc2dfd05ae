"""Reading a whole image: which parts are seen, where the marks lie, and what is written."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from imaging_files import ct, saved
from tiny_llm import one_thread, write_model
from tiny_vision import tiny_encoder

from medtune.apps import imaging_picture, imaging_read
from medtune.apps.imaging import APP
from medtune.apps.imaging_fields import TASK
from medtune.apps.imaging_page import marks_of
from medtune.artifacts import write_examples
from medtune.clinical.imaging.findings import Mark
from medtune.config import DataSection, EvaluateSection, ModelSection, Run, SourceSection
from medtune.errors import DataError
from medtune.images.dicom import dataset_of
from medtune.images.picture import Picture
from medtune.images.store import keep_image
from medtune.images.view import Box
from medtune.llm import Numerics, find_model, load_model
from medtune.llm.load import LanguageModel
from medtune.llm.vision.gallery import GUESTS, Gallery
from medtune.records import ArmResult, Example, Prediction, View


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))
    with one_thread():
        yield


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    weights = write_model(tmp_path_factory.mktemp("model"))
    folder = find_model(ModelSection(source=f"path:{weights}"), offline=True)
    numerics = Numerics("float32", None, "the tests", None)
    return load_model(folder, numerics, context_tokens=512, gallery=Gallery(tiny_encoder()))


def slice_of(rows: int = 300, columns: int = 300) -> np.ndarray:
    values = np.full((rows, columns), 40.0, dtype=np.float32)
    values[30:270, 20:130], values[30:270, 170:280] = -850.0, -850.0
    return values


def test_a_slice_is_read_in_fields_that_cover_all_of_the_lung():
    picture = Picture(slice_of()[None], "CT", (0.7, 0.7))
    views = imaging_read.views_of(picture, 0, TASK)
    covered = np.zeros((300, 300), dtype=np.bool_)
    for view in views:
        top, left, bottom, right = (int(side) for side in view.box)
        covered[top:bottom, left:right] = True
        side = (view.box.bottom - view.box.top) * 0.7
        assert side == pytest.approx(imaging_read.FIELD * imaging_read.SPACING_MM, abs=1)
    assert covered[picture.frame(0) < -500].mean() > 0.95


def test_other_images_are_one_view_and_a_slice_without_lung_none():
    chest = Picture(slice_of()[None], "DX", (0.2, 0.2))
    (view,) = imaging_read.views_of(chest, 0, TASK)
    assert view.box == Box(0, 0, 300, 300)
    body = Picture(np.full((1, 300, 300), 40.0, dtype=np.float32), "CT", (0.7, 0.7))
    assert imaging_read.views_of(body, 0, TASK) == []


def says(probability: float):
    """A model that is sure of a nodule in the middle of every field, more of each next one."""

    def predict(lm, app, examples: Sequence[Example], *, settings, what) -> ArmResult:
        made: list[Prediction] = []
        for number, one in enumerate(examples):
            share = 0.3 if one.target == "no nodule" else probability + number * 1e-3
            shares = {"no nodule": 1 - share, "nodule, centre": share}
            made.append(Prediction(one.id, one.group, one.target, "x", probabilities=shares))
        return ArmResult("test", "", made, 1.0, 1)

    return predict


def test_a_mark_lies_in_its_place_of_its_field_and_near_ones_are_one(lm, monkeypatch):
    picture = Picture(slice_of()[None], "CT", (0.7, 0.7))
    monkeypatch.setattr(imaging_read, "predict", says(0.7))
    reading = imaging_read.read_frame(
        lm, picture, 0, task=TASK, limit=0.5, settings=EvaluateSection()
    )
    assert 1 < len(reading.marks) <= len(reading.views)
    for mark in reading.marks:
        assert mark.finding == "nodule"
        inside = [view for view in reading.views if view.box.holds(*mark.box.centre)]
        assert any(view.box.centre == pytest.approx(mark.box.centre, abs=1) for view in inside)
    quiet = imaging_read.read_frame(
        lm, picture, 0, task=TASK, limit=0.9, settings=EvaluateSection()
    )
    assert quiet.marks == []


def test_the_more_probable_of_two_marks_of_one_area_stays():
    near = [Mark("nodule", Box(0, 0, 10, 10), 0.6), Mark("nodule", Box(1, 1, 11, 11), 0.9)]
    far = Mark("nodule", Box(50, 50, 60, 60), 0.7)
    assert imaging_read._merged([*near, far]) == [near[1], far]


def test_heat_lies_over_its_view_and_nowhere_else():
    heat = np.zeros((7, 7), dtype=np.float32)
    heat[6, 0] = 1.0
    spread = imaging_read.spread(heat, Box(100, 50, 170, 120), (300, 300))
    row, column = np.unravel_index(spread.argmax(), spread.shape)
    assert 150 <= row < 170
    assert 50 <= column < 70
    outside = np.ones_like(spread, dtype=np.bool_)
    outside[100:170, 50:120] = False
    assert spread[outside].max() == 0


def test_the_picture_of_a_dicom_slice_is_written_with_its_objects(lm, tmp_path, monkeypatch):
    pixels = ((slice_of() + 1024) / 2).astype(np.uint16)
    image = saved(ct(pixels, PixelSpacing=[0.7, 0.7]), tmp_path / "slice.dcm")
    monkeypatch.setattr(imaging_read, "predict", says(0.8))
    reading = imaging_picture.picture_of(lm, run_of(tmp_path), image, tmp_path / "drawn")
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {
        "overlay.png",
        "draft.txt",
        "page.html",
        "report.dcm",
        "report.json",
        "segmentation.dcm",
    }
    report = dataset_of(tmp_path / "drawn" / "report.dcm")
    assert report.StudyInstanceUID == "1.2.3"
    fhir = json.loads((tmp_path / "drawn" / "report.json").read_text(encoding="utf-8"))
    assert len(fhir["result"]) == len(reading.marks)
    assert fhir["conclusion"] == (tmp_path / "drawn" / "draft.txt").read_text(encoding="utf-8")
    masks = dataset_of(tmp_path / "drawn" / "segmentation.dcm")
    assert len(masks.SegmentSequence) == len(reading.marks) > 1
    page = (tmp_path / "drawn" / "page.html").read_text(encoding="utf-8")
    assert "radiologist must read" in page
    assert not [word for word in ("Doe^", "MRN-1", "19500101") if word in page]
    assert "eat map" in page
    assert "more probable than 0.30: at least 90%" in page


def test_an_image_of_which_nothing_is_read_has_no_finding_and_no_absence(lm, tmp_path):
    body = np.full((300, 300), 532, dtype=np.uint16)
    body[0, 0] = 0
    image = saved(ct(body, PixelSpacing=[0.7, 0.7]), tmp_path / "belly.dcm")
    imaging_picture.picture_of(lm, run_of(tmp_path), image, tmp_path / "drawn")
    text = (tmp_path / "drawn" / "draft.txt").read_text(encoding="utf-8")
    assert "Nothing of this image was read" in text
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        "overlay.png",
        "draft.txt",
        "page.html",
    }
    other = saved(ct(body, Modality="MR"), tmp_path / "mr.dcm")
    with pytest.raises(DataError, match="modality MR; the model learnt from CT"):
        imaging_picture.picture_of(lm, run_of(tmp_path), other, tmp_path / "drawn")


def run_of(folder: Path) -> Run:
    """A run with validation records of CT."""
    some = [
        Example(
            f"v{n}",
            f"g{n}",
            {"image": keep_image(chance(n)), **TASK},
            ("nodule, centre", "no nodule")[n % 2],
            subgroups={"modality": "CT"},
        )
        for n in range(4)
    ]
    out = folder / "run"
    out.mkdir(exist_ok=True)
    write_examples(out / "validation.jsonl", iter(some))
    return Run(
        app="imaging",
        goal="accuracy",
        out=out,
        model=ModelSection(source="path:x"),
        data=DataSection(sources=(SourceSection(source="path:x"),)),
    )


def chance(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (224, 224)).astype(np.uint8)


def test_the_page_of_a_record_shows_what_the_data_and_the_model_say():
    record = Example("r1", "g", {"image": keep_image(chance(9)), **TASK}, "nodule, upper left")
    page = APP.picture(View(record, [record], {"r1": "nodule, centre"}, lambda: []))
    assert "The data say: nodule, upper left." in page
    assert "The model says: nodule, centre." in page
    assert not re.search(r"<script|<link|<img|https?://", page)
    unasked = APP.picture(View(record, [record], {}, lambda: []))
    assert "The model was not asked." in unasked
    (mark,) = marks_of("nodule, upper left", record)
    assert mark.box == Box(0, 0, pytest.approx(224 / 3), pytest.approx(224 / 3))
    assert marks_of("no nodule", record) == []


def test_more_parts_are_read_than_images_are_held_at_once(lm):
    picture = Picture(slice_of(360, 360)[None], "CT", (0.7, 0.7))
    reading = imaging_read.read_frame(
        lm, picture, 0, task=TASK, limit=0.0, settings=EvaluateSection()
    )
    assert len(reading.views) > GUESTS
    assert len(reading.predictions) == len(reading.views)
    assert imaging_read.heat_of_view(lm, reading.views[0]).shape == (7, 7)
    shares = [sum((one.probabilities or {}).values()) for one in reading.predictions]
    assert shares == pytest.approx([1.0] * len(shares))
