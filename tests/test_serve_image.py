"""Images over the wire: as data URLs, seen by a model that sees, refused clearly, never kept."""

import base64
import re
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from imaging_files import ct, written
from PIL import Image
from served import CHAT, ID, client_of, rows, voice

from medtune.apps import imaging
from medtune.config import ServeSection
from medtune.images.mark import SIGN, image_names
from medtune.images.picture import Window
from medtune.images.store import image_id
from medtune.images.view import square
from medtune.serve import Spoken
from medtune.serve.rails import Rails

PIXELS = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) // 17


def url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def png() -> bytes:
    buffer = BytesIO()
    Image.fromarray(PIXELS.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def sent(link: str, text: str = "Look for: nodule.", role: str = "user") -> dict:
    parts = [{"type": "image_url", "image_url": {"url": link}}, {"type": "text", "text": text}]
    return {"model": ID, "messages": [{"role": role, "content": parts}]}


def test_an_image_reaches_the_model_before_the_words_that_mark_it(out: Path):
    seen, heard = [], []
    speaker = voice(
        answer=lambda messages, limit: (heard.extend(messages), Spoken("nodule, centre", 5, True))[
            1
        ],
        look=seen.append,
    )
    with client_of(out, speaker, ServeSection(keep_text=True)) as client:
        assert client.post(CHAT, json=sent(url(png()))).status_code == 200
    (images,) = seen
    ((name, pixels),) = images.items()
    shown = square(PIXELS.astype(np.uint8).astype(np.float32), Window(127.5, 255.0))
    assert name == image_id(shown)
    np.testing.assert_array_equal(pixels, shown)
    assert image_names(heard[-1].content) == [name]
    (row,) = rows(out)
    assert name in row["prompt_text"]
    assert base64.b64encode(png())[:40].decode() not in str(row)


def test_a_dicom_file_is_seen_and_nothing_of_its_header_is_kept(out: Path):
    with client_of(out, voice(look=lambda _: None), ServeSection(keep_text=True)) as client:
        asked = sent(url(written(ct(PIXELS)), "application/dicom"))
        assert client.post(CHAT, json=asked).status_code == 200
    assert "Doe" not in str(rows(out))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: sent("https://example.org/x.png"), "send the image itself"),
        (lambda: sent("data:image/png;base64,%%%"), "not base64"),
        (lambda: sent(url(b"rubbish")), "not a DICOM, NIfTI, PNG or JPEG"),
        (lambda: sent(url(written(ct(PIXELS, BurnedInAnnotation="YES")))), "burned into"),
        (lambda: sent(url(written(ct(np.stack([PIXELS] * 2), NumberOfFrames=2)))), "2 frames"),
        (lambda: sent(url(png()), role="system"), "only a user may send"),
        (lambda: sent(url(png()), f"{SIGN}{'a' * 64}{SIGN}"), "U\\+FFFC"),
    ],
)
def test_what_cannot_be_seen_is_refused_with_a_reason(out: Path, asked, said: str):
    with client_of(out, voice(look=lambda _: None)) as client:
        answer = client.post(CHAT, json=asked())
    assert answer.status_code == 400
    assert re.search(said, answer.json()["error"]["message"])
    assert "Doe" not in answer.text


def test_a_model_of_text_says_that_it_sees_nothing(out: Path):
    with client_of(out, voice()) as client:
        answer = client.post(CHAT, json=sent(url(png())))
    assert answer.status_code == 400
    assert "sees no images" in answer.json()["error"]["message"]


def test_the_imaging_rails_ask_for_one_image_and_say_that_it_is_a_draft(out: Path):
    rails = Rails(imaging.before, partial(imaging.after, answers=["nodule, centre"]))
    speaker = voice("nodule, centre", look=lambda _: None)
    with client_of(out, speaker, rails=rails) as client:
        told = client.post(CHAT, json=sent(url(png()))).json()["choices"][0]["message"]["content"]
        none = client.post(
            CHAT, json={"model": ID, "messages": [{"role": "user", "content": "Is it cancer?"}]}
        ).json()["choices"][0]["message"]["content"]
    assert told.startswith("nodule, centre")
    assert "A radiologist must read the image" in told
    assert none == imaging.NO_IMAGE
