"""What a person looks at: the image with the model's marks, the draft, and the DICOM objects.

    python -m medtune.apps.imaging_picture RUN.yaml IMAGE OUT [FRAME]

Reads one frame of a DICOM, NIfTI, PNG or JPEG file with the tuned model of a run and writes to OUT:
`overlay.png`, `draft.txt`, `page.html` with both, and for a DICOM file `report.dcm` (TID 1500),
`report.json` (FHIR R4 DiagnosticReport) and `segmentation.dcm` where something is marked. The heat
map is drawn only if the maps of the run's validation images pass the randomisation test; else the
page says why it is missing.
"""

import base64
import json
import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtune.apps.imaging_operating import SPECIFICITY
from medtune.apps.imaging_rows import check_kind, learnt_task
from medtune.apps.imaging_sanity import Sanity
from medtune.artifacts import read_examples, write_text
from medtune.clinical.imaging.dicom_out import segmentation, structured_report
from medtune.clinical.imaging.findings import Mark, draft
from medtune.clinical.imaging.overlay import overlay
from medtune.clinical.imaging.report_fhir import diagnostic_report
from medtune.config import Run, load_run
from medtune.errors import ConfigError, DataError
from medtune.images.dicom import dataset_of
from medtune.images.picture import LUNG, Picture
from medtune.images.read import is_dicom, read_image
from medtune.llm.numerics import apply_numerics, choose_numerics
from medtune.llm.source import find_model

if TYPE_CHECKING:  # torch may be imported only after the numerics are set
    from medtune.apps.imaging_read import Reading
    from medtune.llm.load import LanguageModel

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Draft reading</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 60rem }}
img {{ max-width: 100% }} pre {{ white-space: pre-wrap; font: inherit }}
</style></head><body><h1>Draft of a model: a radiologist must read the image</h1>
<img src="data:image/png;base64,{picture}" alt="{alt}">
<pre>{draft}</pre><p><small>{heat}</small></p></body></html>
"""


MODEL = "medtune imaging"
MARKED = (
    "Marked is what is more probable than {limit:.2f}: at least {share:.0%} of the validation "
    "images without a finding stay below."
)


class Drawn(NamedTuple):
    """The heat over a frame, if it may be shown, and what is said of it."""

    heat_RC: NDArray[np.float32] | None
    said: str


def picture_of(lm: "LanguageModel", run: Run, image: Path, out: Path, frame: int = 0) -> "Reading":
    """Read one frame and write everything to `out`.

    Raises:
        DataError: The image or the run's data cannot be used.
    """
    from medtune.apps.imaging_read import deployed_limit, heat_test, read_frame

    picture = read_image(image)
    validation = read_examples(run.out / "validation.jsonl")
    task = learnt_task(run.out)
    check_kind(picture.modality, picture.body_part, validation, image.name)
    limit = deployed_limit(lm, validation, run.evaluate)
    reading = read_frame(lm, picture, frame, task=task, limit=limit, settings=run.evaluate)
    tested = heat_test(lm, validation, seed=run.seed)
    drawn = _heat(lm, picture, frame, reading, tested)
    values_RC = picture.frame(frame)
    window = LUNG if len(reading.views) > 1 else picture.window
    shown = overlay(values_RC, window, reading.marks, drawn.heat_RC, was_read=bool(reading.views))
    text = draft(
        reading.marks,
        task["findings"].split("|"),
        picture.spacing_mm,
        laterality=picture.laterality,
        was_read=bool(reading.views),
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "overlay.png").write_bytes(shown)
    write_text(out / "draft.txt", text)
    write_text(
        out / "page.html",
        PAGE.format(
            picture=base64.b64encode(shown).decode(),
            alt=f"image with {len(reading.marks)} marks",
            draft=escape(text),
            heat=escape(f"{MARKED.format(limit=limit, share=SPECIFICITY)} {drawn.said}"),
        ),
    )
    if is_dicom(image) and reading.marks:
        _write_dicom(image, out, picture, reading, drawn)
        now = datetime.now(UTC)
        report = diagnostic_report(dataset_of(image), reading.marks, text, model=MODEL, written=now)
        write_text(out / "report.json", json.dumps(report, indent=1))
    return reading


def _heat(
    lm: "LanguageModel", picture: Picture, frame: int, reading: "Reading", tested: Sanity
) -> Drawn:
    """The heat of the views with a mark, laid over each other."""
    from medtune.apps.imaging_read import heat_of_view, spread

    found = tested.likeness
    numbers = f"{found.value:.2f} (95 % interval {found.low:.2f} to {found.high:.2f}, n {found.n})"
    if tested.verdict != "yes":
        return Drawn(
            None,
            "No heat map: with random weights the maps stay too much alike, or too few images were "
            f"tested (rank correlation {numbers}).",
        )
    shape = picture.frame(frame).shape
    heat_RC = np.zeros(shape, dtype=np.float32)
    for view in reading.views:
        if any(view.box.holds(*mark.box.centre) for mark in reading.marks):
            part = spread(heat_of_view(lm, view), view.box, (shape[0], shape[1]))
            heat_RC = np.maximum(heat_RC, part)
    return Drawn(heat_RC, f"The heat map passed: rank correlation with random weights {numbers}.")


def _write_dicom(
    image: Path, out: Path, picture: Picture, reading: "Reading", drawn: Drawn
) -> None:
    dataset = dataset_of(image)
    if len(picture.values_FRC) > 1:
        raise DataError(f"{image.name}: DICOM objects are written for images of one frame")
    marks = reading.marks
    structured_report(dataset, marks, picture.turn, model=MODEL).save_as(out / "report.dcm")
    masks = [(one.finding, _mask(one, picture.frame(0).shape, drawn)) for one in marks]
    segmentation(dataset, masks, picture.turn, model=MODEL).save_as(out / "segmentation.dcm")


def _mask(mark: Mark, shape: tuple[int, ...], drawn: Drawn) -> NDArray[np.bool_]:
    """The box of a mark; where heat may be shown, the part of it with half of its highest heat."""
    box, mask_RC = mark.box, np.zeros(shape, dtype=np.bool_)
    mask_RC[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = True
    if drawn.heat_RC is not None and (drawn.heat_RC * mask_RC).max() > 0:
        mask_RC &= drawn.heat_RC >= (drawn.heat_RC * mask_RC).max() / 2
    return mask_RC


def tuned_model(run: Run, *, offline: bool = False) -> "LanguageModel":
    """The tuned model of a run, with its eyes.

    Raises:
        ConfigError: The run's model has none.
    """
    if run.model.vision is None:
        raise ConfigError("model.vision: not set, so the model sees no images")
    folder = find_model(run.model, offline=offline)
    numerics = choose_numerics(run.model, folder)
    apply_numerics(numerics)
    # torch may be imported only now
    from medtune.llm.load import load_model
    from medtune.llm.vision.encoder import load_encoder
    from medtune.llm.vision.gallery import Gallery

    return load_model(
        folder,
        numerics,
        context_tokens=run.model.context_tokens,
        adapter=run.out / "adapter",
        gallery=Gallery(load_encoder(run.model.vision, offline=offline)),
        quantize=run.model.quantize,
    )


def main(run_file: str, image: str, out: str, frame: str = "0") -> None:
    """Read an image with the tuned model of a run."""
    run = load_run(Path(run_file), [])
    picture_of(tuned_model(run), run, Path(image), Path(out), int(frame))


if __name__ == "__main__":
    main(*sys.argv[1:])
