"""Places, agreement, operating points, heat-map tests, drafts and DICOM objects."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom.seg import segread
from highdicom.sr import srread
from hypothesis import given
from hypothesis import strategies as st
from imaging_files import ct
from PIL import Image
from sklearn.metrics import jaccard_score

from medtune.apps.imaging_operating import Scored, operating_point, scored, threshold
from medtune.apps.imaging_sanity import randomisation, rank_correlation
from medtune.clinical.imaging.agreement import (
    bounds,
    box_iou,
    consensus,
    dice,
    iou,
    pairwise_dice,
    points_at,
)
from medtune.clinical.imaging.dicom_out import segmentation, stored_box, structured_report
from medtune.clinical.imaging.findings import Mark, draft
from medtune.clinical.imaging.overlay import overlay
from medtune.clinical.imaging.places import NAMES, box_of, place_of
from medtune.errors import DataError
from medtune.images.picture import Turn, Window
from medtune.images.view import Box
from medtune.records import Prediction

CHANCE = np.random.default_rng(0)


@given(st.sampled_from(NAMES), st.floats(10, 900), st.floats(10, 900))
def test_the_middle_of_a_place_is_in_that_place(name: str, height: float, width: float):
    assert place_of(*box_of(name, height, width).centre, height, width) == name


def test_places_are_named_as_the_image_is_seen():
    assert place_of(5, 95, 100, 100) == "upper right"
    assert place_of(100, 0, 100, 100) == "lower left"


masks = st.integers(0, 2**16 - 1).map(
    lambda bits: np.array([bits >> i & 1 for i in range(16)], dtype=np.bool_).reshape(4, 4)
)


@given(masks, masks)
def test_dice_and_jaccard_are_those_of_their_definitions(one: np.ndarray, other: np.ndarray):
    if not (one.any() or other.any()):
        with pytest.raises(DataError, match="no agreement"):
            dice(one, other)
        return
    assert iou(one, other) == pytest.approx(jaccard_score(one.ravel(), other.ravel()))
    assert dice(one, other) == pytest.approx(2 * iou(one, other) / (1 + iou(one, other)))
    assert dice(one, other) == dice(other, one)


def test_a_consensus_needs_as_many_readers_and_pairs_are_counted_once():
    readers = [np.zeros((2, 2), dtype=np.bool_) for _ in range(3)]
    for reader in readers:
        reader[0, 0] = True
    readers[0][1, 1] = True
    assert consensus(readers, 2).sum() == 1
    assert consensus(readers, 1).sum() == 2
    assert len(pairwise_dice(readers)) == 3
    with pytest.raises(DataError, match="there are 3"):
        consensus(readers, 4)


def test_boxes_overlap_as_their_areas_say():
    assert box_iou(Box(0, 0, 2, 2), Box(1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert box_iou(Box(0, 0, 1, 1), Box(5, 5, 6, 6)) == 0.0
    assert bounds(np.eye(3, dtype=np.bool_)) == Box(0, 0, 3, 3)


def test_the_pointing_game_asks_for_the_highest_point_only():
    heat = np.zeros((7, 7), dtype=np.float32)
    heat[2, 5] = 1.0
    assert points_at(heat, Box(2, 5, 3, 6))
    assert not points_at(heat, Box(0, 0, 2, 7))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 1.0]),
)
def test_the_threshold_keeps_its_specificity_and_no_lower_score_would(rows, specificity: float):
    examples = [Scored(str(i), score, positive) for i, (score, positive) in enumerate(rows)]
    negatives = [score for score, positive in rows if not positive]
    if not negatives:
        with pytest.raises(DataError, match="needs negatives"):
            threshold(examples, specificity)
        return
    limit = threshold(examples, specificity)
    quiet = sum(score <= limit for score in negatives) / len(negatives)
    assert quiet >= specificity - 1e-9
    below = sum(score < limit for score in negatives) / len(negatives)
    assert below < specificity


def test_an_operating_point_is_judged_on_examples_that_it_was_not_chosen_on():
    chosen = [Scored(f"c{i}", i / 100, i >= 50) for i in range(100)]
    judged = [Scored(f"j{i}", i / 100, i >= 40) for i in range(100)]
    point = operating_point(chosen, judged, specificity=0.9, seed=0)
    assert point.threshold == pytest.approx(0.44)
    assert point.sensitivity.value == pytest.approx(55 / 60)
    assert point.specificity.value == 1.0
    assert point.specificity.low < 1.0, "no error in few examples is not certainty"
    assert point.sensitivity.low < point.sensitivity.value < point.sensitivity.high


def test_a_score_needs_the_probability_of_no_finding():
    known = Prediction("a", "a", "no nodule", "no nodule", probabilities={"no nodule": 0.7})
    assert scored([known], "no nodule")[0].score == pytest.approx(0.3)
    with pytest.raises(DataError, match="record b: no probability"):
        scored([Prediction("b", "b", "x", "x")], "no nodule")


def maps(n: int, *, noise: float, base: bool) -> list[np.ndarray]:
    """Maps that share a base, or do not."""
    shared = np.random.default_rng(1).normal(size=(n, 7, 7)) if base else 0.0
    return list((shared + noise * CHANCE.normal(size=(n, 7, 7))).astype(np.float32))


def test_maps_that_ignore_what_was_learnt_are_refused_and_others_pass():
    groups = [str(i) for i in range(24)]
    edges = maps(24, noise=0.1, base=True)
    again = maps(24, noise=0.1, base=True)
    assert randomisation(edges, again, groups, seed=0).verdict == "no"
    free = randomisation(edges, maps(24, noise=1.0, base=False), groups, seed=0)
    assert free.verdict == "yes"
    assert abs(free.likeness.value) < 0.2
    with pytest.raises(DataError, match="groups"):
        randomisation(edges[:1], again[:1], ["a"], seed=0)


def test_a_flat_map_is_like_no_other():
    assert rank_correlation(np.ones((7, 7)), CHANCE.normal(size=(7, 7))) == 0.0
    ramp = np.arange(49.0).reshape(7, 7)
    assert rank_correlation(ramp, ramp**3) == pytest.approx(1.0)


MARKS = [Mark("nodule", Box(2, 4, 6, 12), 0.91)]


def test_a_draft_never_calls_an_image_normal_and_never_compares():
    for marks in ([], MARKS):
        text = draft(marks, ["nodule"], (0.5, 0.5), laterality="L")
        assert "normal" not in text.lower()
        assert "unchanged" not in text.lower()
        assert "nothing was compared" in text
        assert "A radiologist must read the whole image." in text
        assert "image states it: L" in text
    assert "does not rule one out" in draft([], ["nodule"], None)
    assert "box 2 x 4 mm" in draft(MARKS, ["nodule"], (0.5, 0.5))
    assert "box 4 x 8 pixels" in draft(MARKS, ["nodule"], None)


def test_the_overlay_draws_the_box_where_it_is_and_leaves_the_inside():
    values = np.full((64, 96), 0.5, dtype=np.float32)
    values[0, 0], values[0, 1] = 0.0, 1.0
    plain, marked = (
        np.asarray(Image.open(BytesIO(overlay(values, Window(0.5, 1.0), marks))).convert("RGB"))
        for marks in ([], [Mark("nodule", Box(20, 30, 40, 60), 0.9)])
    )
    changed = np.abs(plain.astype(int) - marked.astype(int)).sum(axis=2) > 60
    height = plain.shape[1] * 64 // 96
    scale = plain.shape[1] / 96
    inside = changed[int(24 * scale) : int(36 * scale), int(34 * scale) : int(56 * scale)]
    assert changed[:height].any()
    assert not inside.any()
    rows, columns = np.nonzero(changed[:height])
    assert columns.min() == pytest.approx(30 * scale, abs=4)
    assert rows.max() == pytest.approx(40 * scale, abs=4)


@given(st.booleans(), st.booleans(), st.booleans())
def test_a_box_goes_back_to_the_stored_image_as_its_mask_does(
    transposed: bool, rows: bool, columns: bool
):
    turn, stored_shape = Turn(transposed, rows, columns), (9, 14)
    seen = turn.seen(np.zeros(stored_shape, dtype=np.bool_)).copy()
    seen[1:3, 2:7] = True
    assert stored_box(Box(1, 2, 3, 7), turn, stored_shape) == bounds(turn.stored(seen))


def reread(dataset: pydicom.Dataset) -> pydicom.Dataset:
    buffer = BytesIO()
    dataset.save_as(buffer)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


def items(content: pydicom.Dataset):
    for item in content.get("ContentSequence", []):
        yield item
        yield from items(item)


def test_the_structured_report_is_tid_1500_with_the_region_and_stays_unverified():
    image = ct()
    turn = Turn(columns_flipped=True)
    found = reread(structured_report(image, MARKS, turn, model="release-1"))
    assert found.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (found.CompletionFlag, found.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert found.PatientID == image.PatientID
    regions = [one for one in items(found) if one.ValueType == "SCOORD"]
    assert len(regions) == 1
    corners = np.array(regions[0].GraphicData).reshape(-1, 2)
    assert bounds_of(corners) == (16 - 12, 2, 16 - 4, 6)
    referenced = [one for one in items(found) if one.ValueType == "IMAGE"]
    assert referenced[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID
    meanings = {
        one.ConceptCodeSequence[0].CodeMeaning for one in items(found) if one.ValueType == "CODE"
    }
    assert "Nodule" in {name.split(" (")[0] for name in meanings}
    numbers = [one for one in items(found) if one.ValueType == "NUM"]
    assert float(numbers[0].MeasuredValueSequence[0].NumericValue) == pytest.approx(0.91)
    with pytest.raises(DataError, match="needs a mark"):
        structured_report(image, [], turn, model="release-1")


def bounds_of(corners: np.ndarray) -> tuple[float, ...]:
    return (*corners.min(axis=0), *corners.max(axis=0))


def test_the_segmentation_has_the_mask_where_the_stored_pixels_are():
    image = ct()
    mask = np.zeros((16, 16), dtype=np.bool_)
    mask[2:6, 3:9] = True
    turn = Turn(rows_flipped=True)
    found = reread(segmentation(image, [("nodule", mask)], turn, model="release-1"))
    np.testing.assert_array_equal(found.pixel_array.astype(bool), turn.stored(mask))
    segment = found.SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "AUTOMATIC"
    assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == "27925004"
    with pytest.raises(DataError, match="empty mask"):
        segmentation(image, [("nodule", mask & False)], turn, model="release-1")
    with pytest.raises(DataError, match="does not fit"):
        segmentation(image, [("nodule", mask[:4])], turn, model="release-1")
    with pytest.raises(DataError, match="needs a mask"):
        segmentation(image, [], turn, model="release-1")


def test_report_and_segmentation_are_read_back_by_highdicom_with_every_mark(tmp_path: Path):
    image, turn = ct(), Turn(transposed=True, columns_flipped=True)
    marks = [Mark("nodule", Box(2, 4, 6, 12), 0.91), Mark("pneumonia", Box(5, 1, 9, 6), 0.6)]
    structured_report(image, marks, turn, model="release-1").save_as(tmp_path / "report.dcm")
    groups = srread(tmp_path / "report.dcm").content.get_planar_roi_measurement_groups()
    assert [one.finding_type.meaning for one in groups] == ["Nodule", "pneumonia"]
    shares = [float(one.get_measurements()[0].value) for one in groups]
    assert shares == pytest.approx([0.91, 0.6])
    masks = [np.zeros((16, 16), dtype=np.bool_) for _ in marks]
    for mark, mask in zip(marks, masks, strict=True):
        top, left, bottom, right = (int(side) for side in mark.box)
        mask[top:bottom, left:right] = True
    named = [(mark.finding, mask) for mark, mask in zip(marks, masks, strict=True)]
    segmentation(image, named, turn, model="release-1").save_as(tmp_path / "masks.dcm")
    found = segread(tmp_path / "masks.dcm")
    assert found.number_of_segments == 2
    drawn = found.get_pixels_by_source_instance([image.SOPInstanceUID])
    for number, (mark, mask) in enumerate(zip(marks, masks, strict=True)):
        np.testing.assert_array_equal(drawn[0, :, :, number].astype(bool), turn.stored(mask))
        region = groups[number].roi.value[:, ::-1]
        assert (*region.min(axis=0), *region.max(axis=0)) == bounds(turn.stored(mask))
        assert stored_box(mark.box, turn, (16, 16)) == bounds(turn.stored(mask))


def test_a_critical_finding_comes_first_and_is_told_now():
    for name in ("pneumothorax", "Tension pneumothorax", "free air", "intracranial haemorrhage"):
        text = draft([Mark(name, Box(0, 0, 4, 4), 0.4)], [name], None)
        assert text.startswith("CRITICAL FINDING SUSPECTED")
    assert "CRITICAL" not in draft(MARKS, ["nodule", "pneumothorax"], None)


def test_an_image_that_the_model_did_not_see_has_no_finding_and_no_absence():
    text = draft([], ["nodule"], (0.5, 0.5), was_read=False)
    assert "Nothing of this image was read" in text
    assert "marked no" not in text
    assert "A radiologist must read the whole image." in text
