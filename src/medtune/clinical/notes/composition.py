"""A note as a FHIR R4 Composition: always preliminary, each sentence with its provenance.

Source: HL7 FHIR R4 (4.0.1), Composition; checked with fhir.resources, whose R4B model of
Composition has the same elements. The status is `preliminary` until a person attests.
"""

import html
from collections.abc import Sequence
from datetime import datetime

from fhir.resources.R4B.composition import Composition
from pydantic import ValidationError

from medtune.clinical.notes.note import Line, Note, Part
from medtune.clinical.notes.sections import DOCUMENTS
from medtune.errors import DataError
from medtune.records import Json

LOINC = "http://loinc.org"
EXTENSION = "urn:medtune:sentence-provenance"
XHTML = "http://www.w3.org/1999/xhtml"


def composition(note: Note, *, patient: str, author: str, written: datetime) -> dict[str, Json]:
    """The Composition as JSON.

    Args:
        note: What was checked.
        patient: Reference to the patient, such as "Patient/123".
        author: Reference to the device or person that wrote the draft.
        written: When, with a time zone.

    Raises:
        DataError: The time has no zone, or the resource is not valid FHIR.
    """
    if written.tzinfo is None:
        raise DataError("the time of a Composition needs a time zone")
    code, title = DOCUMENTS[note.document]
    resource: dict[str, Json] = {
        "resourceType": "Composition",
        "status": "preliminary",
        "type": {"coding": [{"system": LOINC, "code": code, "display": title}]},
        "subject": {"reference": patient},
        "date": written.isoformat(timespec="seconds"),
        "author": [{"reference": author}],
        "title": f"{title} (draft, not signed)",
        "section": [_section(part) for part in note.parts],
    }
    try:
        Composition.model_validate(resource)
    except ValidationError as error:
        places = "; ".join(".".join(str(p) for p in e["loc"]) for e in error.errors())
        raise DataError(f"the Composition is not valid FHIR at {places}") from None
    return resource


def _section(part: Part) -> Json:
    lines = "".join(f"<p>{html.escape(line.text)}</p>" for line in part.lines)
    return {
        "title": part.section.title,
        "code": {"coding": [{"system": LOINC, "code": part.section.loinc}]},
        "text": {"status": "generated", "div": f'<div xmlns="{XHTML}">{lines}</div>'},
        "extension": [
            _provenance(number, line) for number, line in enumerate(part.lines) if line.status
        ],
    }


def _provenance(number: int, line: Line) -> Json:
    parts: Sequence[Json] = [
        {"url": "sentence", "valueInteger": number},
        {"url": "status", "valueCode": str(line.status)},
        {"url": "score", "valueDecimal": line.score},
        *({"url": "support", "valueString": turn} for turn in line.turns),
        *({"url": "fault", "valueCode": f"{one.severity}.{one.kind}"} for one in line.faults),
    ]
    return {"url": EXTENSION, "extension": list(parts)}
