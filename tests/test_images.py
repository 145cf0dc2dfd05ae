"""Reading images: the right numbers, the right way round, and one clear message for bad input."""

import zipfile
from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_files import ct, saved, written
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless

from medtune.errors import DataError
from medtune.fetch import cache_dir
from medtune.images.mark import image_mark, image_names
from medtune.images.picture import LUNG, Turn, Window, shown
from medtune.images.read import read_bytes, read_image
from medtune.images.store import image_id, keep_image, kept_image, place
from medtune.images.view import SIDE, Box, fit, square

STORED = np.arange(256, dtype=np.uint16).reshape(16, 16)


def test_a_ct_slice_is_in_hounsfield_units_with_the_first_of_its_windows():
    picture = read_bytes(written(ct()))
    np.testing.assert_array_equal(picture.values_FRC[0], STORED * 2.0 - 1024)
    assert (picture.modality, picture.body_part) == ("CT", "CHEST")
    assert picture.spacing_mm == (0.5, 0.75)
    assert picture.window == Window(-600, 1500)


def test_monochrome1_is_turned_so_that_more_is_brighter_and_its_window_with_it():
    picture = read_bytes(written(ct(PhotometricInterpretation="MONOCHROME1")))
    total = 2 * (-1024) + 2 * 4095  # of the lowest and the highest value of 12 bits
    np.testing.assert_array_equal(picture.values_FRC[0], total - (STORED * 2.0 - 1024))
    assert picture.window == Window(total + 600, 1500)


def test_the_brightness_of_monochrome1_does_not_depend_on_what_else_is_in_the_image():
    other = STORED.copy()
    other[0, 0] = 4000
    one, two = (
        read_bytes(written(ct(pixels, PhotometricInterpretation="MONOCHROME1"))).frame(0)
        for pixels in (STORED, other)
    )
    np.testing.assert_array_equal(one[1:], two[1:])


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        ([1, 0, 0, 0, 1, 0], Turn()),
        ([-1, 0, 0, 0, 1, 0], Turn(columns_flipped=True)),
        ([1, 0, 0, 0, -1, 0], Turn(rows_flipped=True)),
        ([0, 1, 0, 1, 0, 0], Turn(transposed=True)),
        ([1, 0, 0, 0, 0, -1], Turn()),  # coronal, the head above
        ([1, 0, 0, 0, 0, 1], Turn(rows_flipped=True)),
        ([0, 1, 0, 0, 0, -1], Turn()),  # sagittal
    ],
)
def test_slices_are_turned_to_the_standard_view(orientation: list[int], turn: Turn):
    picture = read_bytes(written(ct(ImageOrientationPatient=orientation)))
    assert picture.turn == turn
    values = STORED * 2.0 - 1024
    np.testing.assert_array_equal(picture.values_FRC[0], turn.seen(values))
    assert picture.spacing_mm == ((0.75, 0.5) if turn.transposed else (0.5, 0.75))


@given(st.booleans(), st.booleans(), st.booleans())
def test_a_mask_goes_back_to_where_it_was_drawn(transposed: bool, rows: bool, columns: bool):
    turn, mask = Turn(transposed, rows, columns), np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(turn.stored(turn.seen(mask)), mask)


def test_frames_of_a_multi_frame_image_have_their_own_slope():
    frames = np.stack([STORED, STORED])
    groups: list[Dataset] = []
    for slope in (1, 3):
        change, group = Dataset(), Dataset()
        change.RescaleSlope, change.RescaleIntercept, change.RescaleType = slope, 0, "HU"
        group.PixelValueTransformationSequence = [change]
        groups.append(group)
    dataset = ct(frames, NumberOfFrames=2, PerFrameFunctionalGroupsSequence=groups)
    del dataset.RescaleSlope, dataset.RescaleIntercept
    picture = read_bytes(written(dataset))
    np.testing.assert_array_equal(picture.values_FRC, frames * np.array([1.0, 3.0])[:, None, None])
    with pytest.raises(DataError, match="has 2 frames"):
        picture.frame(2)


def without_pixels() -> bytes:
    dataset = ct()
    del dataset.PixelData
    return written(dataset)


def compressed() -> bytes:
    dataset = ct()
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset["PixelData"].is_undefined_length = True
    dataset.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00abcd"
    return written(dataset)


def without_scale() -> bytes:
    dataset = ct()
    del dataset.RescaleIntercept
    return written(dataset)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (without_scale, "no Hounsfield units"),
        (lambda: written(ct(RescaleType="Z_EFF")), "in units of 'Z_EFF'"),
        (lambda: b"hello", "not a DICOM, NIfTI, PNG or JPEG"),
        (lambda: b"\0" * 128 + b"DICM" + b"\xff" * 40, "not a DICOM file|no pixel data"),
        (without_pixels, "no pixel data"),
        (compressed, "cannot be decoded here"),
        (lambda: written(ct(BurnedInAnnotation="YES")), "burned into the pixels"),
        (lambda: written(ct(RecognizableVisualFeatures="YES")), "face may be recognised"),
        (lambda: written(ct(Modality="US")), "modality 'US'"),
        (lambda: written(ct(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")), "is not stated"),
        (lambda: written(ct(np.full((16, 16), 7))), "all pixels have one value"),
        (lambda: written(ct(STORED[:4, :4])), "too few"),
        (lambda: b"\x89PNG\r\n\x1a\nrubbish", "not a PNG or JPEG"),
    ],
)
def test_bad_input_has_one_clear_message_that_names_nobody(content, message: str):
    with pytest.raises(DataError, match=message) as caught:
        read_bytes(content())
    assert "Doe" not in str(caught.value)
    assert "MRN" not in str(caught.value)


def test_nothing_that_names_a_person_leaves_the_reader():
    picture = read_bytes(written(ct()))
    told = " ".join(str(getattr(picture, name)) for name in picture.__slots__)
    assert not [word for word in ("Doe", "MRN", "1950", "2020", "Roe") if word in told]


def test_nifti_is_turned_so_that_the_patients_right_is_on_the_left(tmp_path: Path):
    values = np.zeros((9, 10, 11), dtype=np.float32)
    values[8, 9, 10] = 5.0  # most right, most to the front, highest, in RAS
    values[0, 0, 0] = 1.0
    for name, flip in (("ras", [2, 3, 4]), ("las", [-2, 3, 4])):
        data = values if flip[0] > 0 else values[::-1]
        nib.save(nib.Nifti1Image(data, np.diag([*flip, 1])), tmp_path / f"{name}.nii.gz")
        picture = read_image(tmp_path / f"{name}.nii.gz")
        assert picture.values_FRC.shape == (11, 10, 9)
        assert picture.values_FRC[10, 0, 0] == 5.0
        assert picture.values_FRC[0, 9, 8] == 1.0
        assert picture.spacing_mm == (3.0, 2.0)


def test_a_series_over_time_or_a_damaged_file_is_no_volume(tmp_path: Path):
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9, 2)), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(DataError, match="4 dimensions"):
        read_image(tmp_path / "four.nii")
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b" + b"x" * 50)
    with pytest.raises(DataError, match="not a NIfTI file"):
        read_image(tmp_path / "bad.nii.gz")
    with pytest.raises(DataError, match="no such image"):
        read_image(tmp_path / "none.dcm")


def png(image: Image.Image, **settings: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG", **settings)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_png_of_8_and_16_bits_and_colour_is_read_as_grey():
    assert read_bytes(png(Image.fromarray(STORED.astype(np.uint8)))).frame(0).max() == 255
    assert read_bytes(png(Image.fromarray(STORED * 200))).frame(0).max() == 51_000
    colour = Image.fromarray(np.repeat(STORED.astype(np.uint8)[..., None], 3, axis=2))
    np.testing.assert_allclose(read_bytes(png(colour)).frame(0), STORED, atol=1)


def test_a_moving_image_is_refused():
    frames = [Image.fromarray((STORED // n).astype(np.uint8)) for n in (1, 2)]
    with pytest.raises(DataError, match="it moves"):
        read_bytes(png(frames[0], save_all=True, append_images=frames[1:]))


def test_a_window_makes_black_and_white_and_none_stretches_what_is_there():
    values = np.array([[-2000.0, -1350.0, -600.0, 150.0, 900.0]], dtype=np.float32)
    np.testing.assert_allclose(shown(values, LUNG), [[0, 0, 0.5, 1, 1]])
    assert shown(values, None).min() == 0
    assert shown(values, None).max() == 1


@given(st.integers(8, 400), st.integers(8, 400))
def test_an_image_is_never_stretched_and_a_box_comes_back(rows: int, columns: int):
    place_in = fit((rows, columns))
    box = Box(rows * 0.2, columns * 0.1, rows * 0.7, columns * 0.9)
    inside = place_in.into(box)
    assert 0 <= inside.top <= inside.bottom <= SIDE
    assert place_in.back(inside) == pytest.approx(box)
    values = np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    pixels = square(values, Window(0.5, 1.0))
    assert pixels.shape == (SIDE, SIDE)
    assert pixels.max() >= 220  # the brightest: at most the mean of the last two rows of eight


def test_the_store_gives_back_the_same_pixels_and_notices_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path))
    pixels = square(STORED.astype(np.float32), None)
    name = keep_image(pixels)
    assert name == image_id(pixels)
    np.testing.assert_array_equal(kept_image(name), pixels)
    files = [path for path in (tmp_path / "images").iterdir() if path.name != "key"]
    assert len(files) == 1
    assert name not in files[0].name
    assert files[0].stat().st_mode & 0o077 == 0
    Image.fromarray(pixels // 2).save(place(name, "png"))
    with pytest.raises(DataError, match="was changed"):
        kept_image(name)
    with pytest.raises(DataError, match="not in the cache"):
        kept_image("0" * 64)


def test_a_mark_is_found_again_and_text_without_one_has_none():
    names = [f"{digit}" * 64 for digit in "ab"]
    text = f"First {image_mark(names[0])}, then {image_mark(names[1])}."
    assert image_names(text) == names
    assert image_names("a" * 64) == []


def test_real_files_of_several_kinds_are_read_and_the_others_refused():
    """The files of pydicom-data 1.0.0, where its wheel is in the cache."""
    wheel = cache_dir() / "wheels" / "pydicom_data-1.0.0-py3-none-any.whl"
    if not wheel.exists():
        pytest.skip("pydicom-data==1.0.0 is not in the cache; fetch it to test on real files")
    with zipfile.ZipFile(wheel) as archive:

        def of(name: str):
            return read_bytes(archive.read(f"data_store/data/{name}.dcm"))

        head = of("693_UNCR")
        assert (head.modality, head.spacing_mm) == ("CT", (0.478516, 0.478516))
        chest = of("RG1_UNCR")
        assert (chest.view, chest.body_part, chest.spacing_mm) == ("PA", "CHEST", None)
        assert of("RG3_UNCR").laterality == "R"
        assert of("emri_small").values_FRC.shape == (10, 64, 64)
        assert of("eCT_Supplemental").turn == Turn(columns_flipped=True)
        np.testing.assert_array_equal(of("emri_small").values_FRC, of("emri_small_RLE").values_FRC)
        for name in ("US1_UNCR", "SC_rgb", "liver"):
            with pytest.raises(DataError, match="modality"):
                of(name)


def test_a_file_is_known_by_its_content_and_not_by_its_name(tmp_path: Path):
    path = saved(ct(), tmp_path / "image.png")
    assert read_image(path).modality == "CT"
