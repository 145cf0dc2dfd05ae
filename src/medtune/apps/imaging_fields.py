"""The fields of `imaging_lidc` as examples."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from medtune.apps.imaging_lidc import FIELD, Field, fields, read_nodules, read_scan
from medtune.clinical.imaging.places import place_of
from medtune.images.picture import LUNG
from medtune.images.store import keep_image
from medtune.images.view import square
from medtune.records import Example

FINDING, NEGATIVE = "nodule", "no nodule"
TASK: Mapping[str, str] = {"negative": NEGATIVE, "findings": FINDING, "placed": "yes"}
SMALL_MM, LARGE_MM = 8.0, 15.0
KIND: Mapping[str, str] = {"modality": "CT", "body_part": "CHEST"}
LICENCE = "CC BY 3.0 (LIDC-IDRI)"


def read_fields(scan: Path, outlines: Path) -> Iterator[Example]:
    """The fields of the two wheels; their images go to the store.

    Raises:
        DataError: A wheel is another one.
    """
    nodules = read_nodules(outlines)
    for one in fields(read_scan(scan), nodules):
        yield example_of(one, outlines.name)


def example_of(found: Field, source: str) -> Example:
    """A field as an example; its image goes to the store."""
    target, size = NEGATIVE, dict[str, str]()
    if found.nodule is not None and found.box is not None:
        target = f"{FINDING}, {place_of(*found.box.centre, FIELD, FIELD)}"
        size = {"size": size_of(found.nodule.diameter_mm)}
    return Example(
        id=found.name,
        group=found.block,
        fields={
            "image": keep_image(square(found.values_RC, LUNG)),
            **TASK,
        },
        target=target,
        subgroups={"lung": found.lobe.split()[0], "view": "axial", **KIND, **size},
        source=source,
        licence=LICENCE,
    )


def size_of(diameter_mm: float) -> str:
    """A class of size to report by."""
    if diameter_mm < SMALL_MM:
        return f"under {SMALL_MM:g} mm"
    return (
        f"{SMALL_MM:g} to {LARGE_MM:g} mm" if diameter_mm <= LARGE_MM else f"over {LARGE_MM:g} mm"
    )
