"""Served images: another kind is refused, an unknown kind is said, an unlike one is flagged."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_files import ct, written
from PIL import Image
from served import CHAT, ID, client_of, voice
from tiny_vision import spot, tiny_encoder

from medtune.apps import imaging
from medtune.apps.imaging_look import FILE, learnt_of, said_of
from medtune.artifacts import write_examples
from medtune.clinical.imaging.findings import Mark
from medtune.clinical.imaging.likeness import ALIKE, FEWEST, fit_likeness
from medtune.clinical.imaging.report_fhir import diagnostic_report
from medtune.errors import DataError
from medtune.images.store import keep_image
from medtune.images.view import Box
from medtune.records import Example, Shown
from medtune.serve.rails import Rails

KIND = {"modality": "CT", "body_part": "CHEST"}
UNLIKE = np.full((224, 224), 255, dtype=np.uint8)
HERE = Shown(spot(3, 3, seed=99), "CT", "CHEST")


def records(n: int, first: int) -> list[Example]:
    return [
        Example(
            id=f"r{first + i}",
            group=f"g{first + i}",
            fields={"image": keep_image(spot(i % 7, i // 7 % 7, seed=first + i))},
            target="no nodule" if i % 2 else "nodule, centre",
            subgroups=KIND,
        )
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("likeness")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDTUNE_CACHE", str(out / "cache"))
        write_examples(out / "train.jsonl", records(98, 0))
        write_examples(out / "validation.jsonl", records(49, 500))
        yield out


def test_an_image_like_those_learnt_from_needs_no_word(folder: Path):
    assert said_of(learnt_of(folder, tiny_encoder()), HERE) == ""


def test_an_unlike_image_is_flagged_with_its_distance(folder: Path):
    said = said_of(learnt_of(folder, tiny_encoder()), Shown(UNLIKE, "CT", "CHEST"))
    assert said.startswith("WARNING: this image is unlike")


def test_an_image_without_a_header_is_said_to_be_of_unknown_kind(folder: Path):
    said = said_of(learnt_of(folder, tiny_encoder()), Shown(HERE.pixels_RC))
    assert "does not state modality or body part" in said
    assert "learnt from CT of CHEST only" in said


@pytest.mark.parametrize("kind", [("MR", "CHEST"), ("CT", "ABDOMEN")])
def test_an_image_of_another_kind_is_refused_before_the_model_reads_it(folder: Path, kind):
    with pytest.raises(DataError, match="can say nothing of it"):
        said_of(learnt_of(folder, tiny_encoder()), Shown(HERE.pixels_RC, *kind))


def test_the_score_is_kept_and_made_again_for_other_images(folder: Path, tmp_path: Path):
    first = learnt_of(folder, tiny_encoder()).likeness
    assert learnt_of(folder, tiny_encoder()).likeness.limit == first.limit
    with np.load(folder / FILE) as kept:
        (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
        assert kept["train"].shape[0] == 98
    write_examples(tmp_path / "train.jsonl", records(60, 1000))
    write_examples(tmp_path / "validation.jsonl", records(49, 500))
    assert learnt_of(tmp_path, tiny_encoder()).likeness.limit != first.limit


def url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def png(pixels: np.ndarray) -> str:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return url(buffer.getvalue(), "image/png")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("link", "status", "said"),
    [
        (png(UNLIKE // 2 + np.arange(224, dtype=np.uint8)), 200, "WARNING: this image is unlike"),
        (png(spot(3, 3, seed=99)), 200, "does not state modality or body part"),
        (url(written(ct(BodyPartExamined="HEAD")), "application/dicom"), 400, "body part HEAD"),
        (url(written(ct(Modality="MR")), "application/dicom"), 400, "modality MR; the model"),
    ],
)
def test_a_served_answer_says_it_whatever_the_model_does(out, folder, link, status, said, stream):
    learnt, seen = learnt_of(folder, tiny_encoder()), []
    rails = Rails(imaging.before, imaging.after, look=lambda shown: said_of(learnt, shown))
    parts = [{"type": "image_url", "image_url": {"url": link}}, {"type": "text", "text": "?"}]
    asked = {"model": ID, "messages": [{"role": "user", "content": parts}], "stream": stream}
    speaker = voice("no nodule; the warning does not apply", look=seen.append)
    with client_of(out, speaker, rails=rails) as client:
        response = client.post(CHAT, json=asked)
    assert response.status_code == status
    assert said in response.text
    assert "Doe" not in response.text
    assert bool(seen) is (status == 200)


chance = np.random.default_rng(7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_about_the_stated_share_of_like_images_lies_below_the_limit(seed):
    drawn = np.random.default_rng(seed).normal(size=(700, 40)).astype(np.float32)
    found = fit_likeness(drawn[:200], ["a"] * 200, drawn[200:400])
    below = np.mean([found.distance(one) <= found.limit for one in drawn[400:]])
    assert abs(below - ALIKE) < 0.07
    assert found.distance(drawn[0] + 8) > found.limit


def test_the_distance_is_that_of_the_nearest_class():
    drawn = chance.normal(size=(400, 5)).astype(np.float32)
    drawn[::2] += 50
    classes = ["far", "near"] * 100
    found = fit_likeness(drawn[:200], classes, drawn[200:])
    assert found.distance(np.full(5, 50, np.float32)) < found.limit
    assert found.distance(np.full(5, 25, np.float32)) > found.limit


def test_too_few_images_give_no_limit():
    drawn = np.zeros((FEWEST - 1, 3), dtype=np.float32)
    with pytest.raises(DataError, match="needs 20 images"):
        fit_likeness(drawn, ["a"] * len(drawn), drawn)


NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "marks", [[], [Mark("nodule", Box(1, 2, 3, 4), 0.75), Mark("free air", Box(0, 0, 2, 2), None)]]
)
def test_the_diagnostic_report_is_preliminary_and_names_study_patient_and_marks(marks):
    found = diagnostic_report(ct(), marks, "Not ruled out.", model="m", written=NOW)
    assert found["status"] == "preliminary"
    assert found["imagingStudy"][0]["identifier"]["value"] == "urn:oid:1.2.3"
    assert found["subject"]["identifier"]["value"] == "MRN-1"
    assert base64.b64decode(found["presentedForm"][0]["data"]).decode() == "Not ruled out."
    assert len(found.get("result", [])) == len(marks)
    if marks:
        first = found["contained"][0]
        assert first["code"]["coding"][0]["system"] == "http://snomed.info/sct"
        assert first["component"][0]["valueQuantity"]["value"] == 0.75


def test_a_report_without_a_time_zone_is_refused():
    with pytest.raises(DataError, match="time zone"):
        diagnostic_report(ct(), [], "x", model="m", written=NOW.replace(tzinfo=None))
