"""Annotated notes: text with the place and kind of each identifier, from brat files or JSONL."""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, get_args

from medtune.deid.kinds import KINDS, Kind
from medtune.deid.span import Span
from medtune.errors import DataError, did_you_mean

MEDDOCAN: Mapping[str, Kind] = {
    "NOMBRE_SUJETO_ASISTENCIA": "patient",
    "NOMBRE_PERSONAL_SANITARIO": "clinician",
    "FAMILIARES_SUJETO_ASISTENCIA": "kinship",
    "SEXO_SUJETO_ASISTENCIA": "sex",
    "EDAD_SUJETO_ASISTENCIA": "age",
    "FECHAS": "date",
    "PROFESION": "profession",
    "CALLE": "street",
    "TERRITORIO": "city",
    "PAIS": "country",
    "HOSPITAL": "hospital",
    "CENTRO_SALUD": "hospital",
    "INSTITUCION": "organization",
    "NUMERO_TELEFONO": "phone",
    "NUMERO_FAX": "fax",
    "CORREO_ELECTRONICO": "email",
    "URL_WEB": "url",
    "DIREC_PROT_INTERNET": "ip",
    "ID_SUJETO_ASISTENCIA": "mrn",
    "ID_ASEGURAMIENTO": "insurance",
    "ID_TITULACION_PERSONAL_SANITARIO": "licence",
    "ID_EMPLEO_PERSONAL_SANITARIO": "licence",
    "ID_CONTACTO_ASISTENCIAL": "id",
    "OTROS_SUJETO_ASISTENCIA": "id",
    "NUMERO_BENEF_PLAN_SALUD": "insurance",
    "IDENTIF_VEHICULOS_NRSERIE_PLACAS": "vehicle",
    "IDENTIF_DISPOSITIVOS_NRSERIE": "device",
    "IDENTIF_BIOMETRICOS": "biometric",
    "OTRO_NUMERO_IDENTIF": "id",
}
"""Labels of the MEDDOCAN corpus (Marimon 2019, IberLEF) and the kinds they become."""


YEAR = re.compile(r"(?:a[ñn]o )?(?:19|20)\d\d")


class Note(NamedTuple):
    """One annotated text.

    Its spans are in order of place, do not overlap, and keep as their rule the label they had.
    """

    id: str
    text: str
    spans: list[Span]


def read_notes(path: Path) -> list[Note]:
    """Read annotated notes.

    Args:
        path: A folder or a zip of brat files (`NAME.txt` beside `NAME.ann`), or a JSONL file of
            `{"id": ..., "text": ..., "spans": [{"start": ..., "end": ..., "kind": ...}]}`.
            Kinds are medtune's, or the labels of MEDDOCAN.

    Raises:
        DataError: There is nothing to read, or a span does not fit its text or has no known kind.
    """
    if path.suffix == ".jsonl":
        notes = list(_jsonl(path))
    else:
        notes = [_brat(name, text, ann) for name, text, ann in _files(path)]
    if not notes:
        raise DataError(f"{path}: no annotated note; give NAME.txt with NAME.ann, or a JSONL file")
    return notes


def _jsonl(path: Path) -> Iterator[Note]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
            text, spans = row["text"], row["spans"]
            found = [(one["start"], one["end"], one["kind"]) for one in spans]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise DataError(f"{where}: needs an object with `text` and `spans`") from None
        yield _note(str(row.get("id", number)), text, found, where)


def _files(path: Path) -> Iterator[tuple[str, str, str]]:
    """Name, text and annotation of each brat note, by name."""
    if path.is_dir():
        for file in sorted(path.rglob("*.txt")):
            ann = file.with_suffix(".ann")
            if ann.exists():
                # Offsets count every character, so line ends stay as they are.
                yield file.stem, _decoded(file.read_bytes(), file), _decoded(ann.read_bytes(), ann)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            for name in sorted(names):
                ann = name.removesuffix(".txt") + ".ann"
                if name.endswith(".txt") and ann in names:
                    text, marks = (_decoded(archive.read(one), path) for one in (name, ann))
                    yield Path(name).stem, text, marks
    except (FileNotFoundError, zipfile.BadZipFile):
        raise DataError(f"{path}: no folder, zip or .jsonl file of annotated notes") from None


def _decoded(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def _brat(name: str, text: str, ann: str) -> Note:
    found: list[tuple[int, int, str]] = []
    for line in ann.splitlines():
        if line.startswith("T"):
            label, *offsets = line.split("\t")[1].replace(";", " ").split(" ")
            found.append((int(offsets[0]), int(offsets[-1]), label))
    return _note(name, text, found, f"note {name}")


def _note(name: str, text: str, found: list[tuple[int, int, str]], where: str) -> Note:
    spans: list[Span] = []
    for start, end, label in sorted(found):
        if not 0 <= start < end <= len(text):
            raise DataError(f"{where}: span {start} to {end} is not within the text")
        if not spans or start >= spans[-1].end:
            kind = _kind(label, text[start:end], where)
            spans.append(Span(start, end, kind, label))
    return Note(name, text, spans)


def _kind(label: str, text: str, where: str) -> Kind:
    if label in KINDS:
        return label  # type: ignore[return-value]
    if label not in MEDDOCAN:
        known = (*get_args(Kind), *MEDDOCAN)
        raise DataError(f"{where}: kind {label!r} is unknown{did_you_mean(label, known)}")
    kind = MEDDOCAN[label]
    if kind == "city" and any(c.isdigit() for c in text):
        return "zip"
    return "year" if kind == "date" and YEAR.fullmatch(text.lower()) else kind
