"""Findings as DICOM: a structured report (TID 1500, measurement report) and a segmentation.

Both refer to the image they were drawn on, carry its patient and study, name the algorithm, and are
marked as unverified and partial: a person completes and verifies them.

Sources: DICOM PS3.16 2024, TID 1500, TID 1410 (planar region), CID 7162; PS3.3 A.51 (segmentation).
Codes are those of pydicom's dictionary of DICOM's context groups.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from highdicom import UID, AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from medtune import __version__
from medtune.clinical.imaging.findings import Mark
from medtune.errors import DataError
from medtune.images.picture import Turn
from medtune.images.view import Box

MAKER: Final = "medtune"
FINDINGS: Final = {"nodule": codes.SCT.Nodule}
"""SNOMED CT of the findings that are known; others are coded as 99MEDTUNE with their name."""
PROCEDURES: Final = {
    "CT": codes.LN.CTUnspecifiedBodyRegion,
    "MR": codes.LN.MRIUnspecifiedBodyRegion,
}


def structured_report(
    dataset: Dataset, marks: Sequence[Mark], turn: Turn, *, model: str, frame: int | None = None
) -> ComprehensiveSR:
    """A TID 1500 report with a planar region and the model's probability for each mark.

    Args:
        dataset: The image, as it was read.
        marks: Their boxes are in the image as it is seen.
        turn: From the stored image to the seen one.
        model: Name of the release that drew them.
        frame: Of a multi-frame image, from 0.

    Raises:
        DataError: There is no mark: an empty report would read as "nothing found".
    """
    if not marks:
        raise DataError("a structured report needs a mark; without one there is nothing to report")
    device = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=UID(), name=model, manufacturer_name=MAKER, model_name=MAKER
        ),
    )
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=device),
        procedure_reported=PROCEDURES.get(str(dataset.Modality), codes.LN.XRUnspecifiedBodyRegion),
        imaging_measurements=[
            _group(dataset, mark, turn, number, model, frame)
            for number, mark in enumerate(marks, start=1)
        ],
    )
    return ComprehensiveSR(
        evidence=[dataset],
        content=content[0],
        series_instance_uid=UID(),
        series_number=901,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=False,
        is_final=False,
        is_verified=False,
        series_description="Draft of a model, not verified",
    )


def _group(
    dataset: Dataset, mark: Mark, turn: Turn, at: int, model: str, frame: int | None
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    box = stored_box(mark.box, turn, (int(dataset.Rows), int(dataset.Columns)))
    corners = [
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
        (box.left, box.top),
    ]
    region = ImageRegion(
        graphic_type=GraphicTypeValues.POLYLINE,
        graphic_data=np.array(corners, dtype=np.float64),
        source_image=SourceImageForRegion(
            referenced_sop_class_uid=dataset.SOPClassUID,
            referenced_sop_instance_uid=dataset.SOPInstanceUID,
            referenced_frame_numbers=None if frame is None else [frame + 1],
        ),
    )
    algorithm = AlgorithmIdentification(name=model, version=__version__)
    measurements: list[Measurement] | None = None
    if mark.probability is not None:
        name = CodedConcept("probability", "99MEDTUNE", "Model probability of the finding")
        number = Measurement(
            name=name,
            value=float(mark.probability),
            unit=codes.UCUM.NoUnits,
            algorithm_id=algorithm,
        )
        measurements = [number]
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(), identifier=f"area of concern {at}"),
        referenced_region=region,
        finding_type=finding_code(mark.finding),
        measurements=measurements,
        algorithm_id=algorithm,
    )


def segmentation(
    dataset: Dataset,
    masks: Sequence[tuple[str, NDArray[np.bool_]]],
    turn: Turn,
    *,
    model: str,
) -> Segmentation:
    """A binary segmentation of one single-frame image, with a segment for each finding.

    Args:
        dataset: The image, as it was read.
        masks: Each finding with its mask (RC) in the image as it is seen; they may overlap.
        turn: From the stored image to the seen one.
        model: Name of the release that drew them.

    Raises:
        DataError: There is no mask, or one is empty or not of the image's shape.
    """
    if not masks:
        raise DataError("a segmentation needs a mask")
    stored = [np.ascontiguousarray(turn.stored(mask)).astype(np.uint8) for _, mask in masks]
    for mask_RC in stored:
        if mask_RC.shape != (dataset.Rows, dataset.Columns):
            raise DataError(f"a mask of {mask_RC.shape} does not fit the image")
        if not mask_RC.any():
            raise DataError("an empty mask is no segmentation")
    algorithm = AlgorithmIdentificationSequence(
        name=model, version=__version__, family=codes.cid7162.ArtificialIntelligence
    )
    return Segmentation(
        source_images=[dataset],
        pixel_array=np.stack(stored, axis=-1)[None],
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[
            SegmentDescription(
                segment_number=number,
                segment_label=f"{finding} {number}",
                segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
                segmented_property_type=finding_code(finding),
                algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm,
            )
            for number, (finding, _) in enumerate(masks, start=1)
        ],
        series_instance_uid=UID(),
        series_number=902,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=__version__,
        device_serial_number="none",
        series_description="Draft of a model, not verified",
    )


def finding_code(finding: str) -> CodedConcept:
    """The code of a finding."""
    own = CodedConcept(finding.replace(" ", "-")[:16], "99MEDTUNE", finding[:64])
    return FINDINGS.get(finding, own)


def stored_box(box: Box, turn: Turn, shape: tuple[int, int]) -> Box:
    """A box of the seen image in the stored one, which has this shape."""
    rows, columns = (shape[1], shape[0]) if turn.transposed else shape
    top, bottom, left, right = box.top, box.bottom, box.left, box.right
    if turn.columns_flipped:
        left, right = columns - right, columns - left
    if turn.rows_flipped:
        top, bottom = rows - bottom, rows - top
    return Box(left, top, right, bottom) if turn.transposed else Box(top, left, bottom, right)
