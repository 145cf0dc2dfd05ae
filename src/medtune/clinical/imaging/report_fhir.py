"""The draft of an image as a FHIR R4 DiagnosticReport, beside the DICOM structured report.

Always `preliminary`, with the marks as contained Observations and the draft's words as text. It
refers to the study and the patient by the identifiers of the image's header, as the DICOM objects
do. Source: HL7 FHIR R4 (4.0.1), DiagnosticReport; checked with fhir.resources, whose R4B model has
the same elements. Codes: LOINC 18748-4 (diagnostic imaging study), HL7 table 0074 (RAD).
"""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from pydantic import ValidationError
from pydicom.dataset import Dataset

from medtune.clinical.imaging.dicom_out import finding_code
from medtune.clinical.imaging.findings import Mark
from medtune.errors import DataError
from medtune.records import Json

SNOMED: Final = "http://snomed.info/sct"
OURS: Final = "urn:medtune:finding"
STUDY: Final = {
    "system": "http://loinc.org",
    "code": "18748-4",
    "display": "Diagnostic imaging study",
}
SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
PROBABILITY: Final = "Model probability of the finding"


def diagnostic_report(
    dataset: Dataset, marks: Sequence[Mark], draft: str, *, model: str, written: datetime
) -> dict[str, Json]:
    """The DiagnosticReport as JSON.

    Args:
        dataset: The image, as it was read.
        marks: What the model marked; empty is said in the draft, never as "normal".
        draft: The words of the draft.
        model: Name of the release that drew them.
        written: When, with a time zone.

    Raises:
        DataError: The time has no zone, or the resource is not valid FHIR.
    """
    if written.tzinfo is None:
        raise DataError("the time of a DiagnosticReport needs a time zone")
    subject: Json = {"identifier": {"value": str(dataset.get("PatientID") or "not stated")}}
    resource: dict[str, Json] = {
        "resourceType": "DiagnosticReport",
        "status": "preliminary",
        "category": [{"coding": [{"system": SECTION, "code": "RAD", "display": "Radiology"}]}],
        "code": {"coding": [{**STUDY}]},
        "subject": subject,
        "effectiveDateTime": written.isoformat(timespec="seconds"),
        "issued": written.isoformat(timespec="seconds"),
        "performer": [{"display": f"{model}: a model, not a person"}],
        "imagingStudy": [{"identifier": _study(dataset)}],
        "conclusion": draft,
        "presentedForm": [
            {"contentType": "text/plain", "data": base64.b64encode(draft.encode()).decode()}
        ],
    }
    if marks:
        resource["contained"] = [_mark(n, one, subject) for n, one in enumerate(marks, start=1)]
        resource["result"] = [{"reference": f"#mark-{n}"} for n in range(1, len(marks) + 1)]
    try:
        DiagnosticReport.model_validate(resource)
    except ValidationError as error:
        places = "; ".join(".".join(str(p) for p in e["loc"]) for e in error.errors())
        raise DataError(f"the DiagnosticReport is not valid FHIR at {places}") from None
    return resource


def _study(dataset: Dataset) -> Json:
    """The study's UID, as FHIR writes one."""
    return {"system": "urn:dicom:uid", "value": f"urn:oid:{dataset.StudyInstanceUID}"}


def _mark(number: int, mark: Mark, subject: Json) -> Json:
    """One mark as an Observation; its place is in pixels of the image as it is seen."""
    code = finding_code(mark.finding)
    system = SNOMED if code.scheme_designator == "SCT" else OURS
    box = mark.box
    found: dict[str, Json] = {
        "resourceType": "Observation",
        "id": f"mark-{number}",
        "status": "preliminary",
        "code": {
            "coding": [{"system": system, "code": code.value, "display": code.meaning}],
            "text": f"Area of concern: {mark.finding}",
        },
        "subject": subject,
        "note": [
            {
                "text": f"Box in the image as it is seen: rows {box.top:.0f} to {box.bottom:.0f}, "
                f"columns {box.left:.0f} to {box.right:.0f}."
            }
        ],
    }
    if mark.probability is not None:
        found["component"] = [
            {
                "code": {"text": PROBABILITY},
                "valueQuantity": {
                    "value": round(mark.probability, 4),
                    "system": "http://unitsofmeasure.org",
                    "code": "1",
                },
            }
        ]
    return found
