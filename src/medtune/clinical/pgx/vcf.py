"""A strict reader of what star-allele calling needs from a VCF file: genotypes at given places.

Only what the file says counts: a place without a record, with a missing genotype or a failed filter
has no call. Libraries such as vcfpy mend an incomplete header by guessing, with a warning; here the
genome build must be stated, and every reference base must be GRCh38's. Indels must be left-aligned
and parsimonious, as VCF asks for; blocks of a gVCF must be expanded before.

Source: VCF 4.2 and 4.3 (github.com/samtools/hts-specs). Contig lengths: NCBI, GRCh38.p14 and
GRCh37.p13.
"""

import gzip
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import NamedTuple, TextIO

from medtune.errors import DataError

BUILDS = {
    "GRCh38": re.compile(r"GRCh38|hg38|GCA_000001405\.(1[5-9]|2\d)", re.IGNORECASE),
    "GRCh37": re.compile(r"GRCh37|hg19|\bb37|hs37|human_g1k_v37", re.IGNORECASE),
}
LENGTHS = {
    ("chr1", 248956422): "GRCh38",
    ("chr10", 133797422): "GRCh38",
    ("chr22", 50818468): "GRCh38",
    ("chr1", 249250621): "GRCh37",
    ("chr10", 135534747): "GRCh37",
    ("chr22", 51304566): "GRCh37",
}
CONTIG = re.compile(r"##contig=<.*?ID=(?P<id>[^,>]+)(?:.*?length=(?P<length>\d+))?")
FIXED = 9
GENOTYPE = re.compile(r"(?:\.|\d+)(?:[/|](?:\.|\d+))*")

Place = tuple[str, int]
"""Chromosome, as "chr10", and position from 1."""


class Variant(NamedTuple):
    """A change at a place, with nothing shared left at its ends."""

    chromosome: str
    position: int
    ref: str
    alt: str

    def __str__(self) -> str:
        return f"{self.chromosome}:{self.position}:{self.ref}>{self.alt}"

    @property
    def place(self) -> Place:
        """Where it is."""
        return self.chromosome, self.position


class Record(NamedTuple):
    """One line of the file, for one sample."""

    ref: str
    alts: tuple[Variant | None, ...]
    """In the order of the file; None for symbolic alleles, or one that lies elsewhere."""
    genotype: tuple[int | None, ...]
    phased: bool
    phase_set: str


def trimmed(chromosome: str, position: int, ref: str, alt: str) -> Variant:
    """The variant with the bases taken off that both sides share."""
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, position = ref[1:], alt[1:], position + 1
    return Variant(chromosome, position, ref, alt)


def read_records(
    path: Path, bases: Mapping[Place, str], *, sample: str | None = None, build: str | None = None
) -> dict[Place, list[Record]]:
    """The records at the places of `bases`, of one sample, that passed every filter.

    Args:
        path: A .vcf or .vcf.gz file.
        bases: First reference base of each place, on GRCh38.
        sample: Its name; needed if the file has several.
        build: The genome build, if the file does not state it.

    Raises:
        DataError: The file is no VCF, of another genome build, or a line cannot be read.
    """
    with _opened(path) as file:
        lines = ((number, line.rstrip("\r\n")) for number, line in enumerate(file, start=1))
        column = _header(path, lines, sample, build)
        found: dict[Place, list[Record]] = {}
        for number, line in lines:
            where = f"{path.name}, line {number}"
            fields = line.split("\t")
            if len(fields) <= column or not fields[1].isdecimal():
                raise DataError(f"{where}: {len(fields)} fields; the file is cut off or no VCF")
            place = (_chromosome(fields[0]), int(fields[1]))
            if place in bases:
                _check_base(where, place, fields[3], bases[place])
                if fields[6] in ("PASS", "."):
                    found.setdefault(place, []).append(_record(where, place, fields, column))
        return found


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _header(
    path: Path, lines: Iterator[tuple[int, str]], sample: str | None, build: str | None
) -> int:
    """Check the header; return the column of the sample."""
    builds: set[str] = {build} if build else set()
    for number, line in lines:
        if number == 1 and not line.startswith("##fileformat=VCFv4"):
            raise DataError(f"{path.name}: not a VCF 4 file; its first line must say so")
        if line.startswith("##"):
            builds |= set(_builds(line))
            continue
        if not line.startswith("#CHROM"):
            break
        _check_build(path, builds)
        return _column(path, line.split("\t"), sample)
    raise DataError(f"{path.name}: no #CHROM line; the file is cut off or no VCF")


def _builds(line: str) -> Iterator[str]:
    if line.startswith(("##reference", "##contig", "##assembly")):
        yield from (name for name, pattern in BUILDS.items() if pattern.search(line))
    match = CONTIG.match(line)
    if match and match["length"]:
        known = LENGTHS.get((_chromosome(match["id"]), int(match["length"])))
        if known:
            yield known


def _check_build(path: Path, builds: Set[str]) -> None:
    if builds == {"GRCh38"}:
        return
    if not builds:
        raise DataError(
            f"{path.name}: the genome build is not stated; add ##reference to the header, or say "
            "build='GRCh38' if you know it"
        )
    raise DataError(
        f"{path.name}: genome build {' and '.join(sorted(builds))}; GRCh38 is needed. Align the "
        "reads again: a lift-over can flip strands"
    )


def _column(path: Path, names: list[str], sample: str | None) -> int:
    samples = names[FIXED:]
    if sample is None and len(samples) == 1:
        return FIXED
    if sample not in samples:
        raise DataError(
            f"{path.name}: {len(samples)} samples"
            + (", and not the one asked for" if sample else "; say which one")
        )
    return FIXED + samples.index(sample)


def _chromosome(name: str) -> str:
    return name if name.startswith("chr") else f"chr{name}"


def _check_base(where: str, place: Place, ref: str, expected: str) -> None:
    if ref[:1].upper() != expected:
        raise DataError(
            f"{where}: the reference base at {place[0]}:{place[1]} is {ref[:1]}, GRCh38 has "
            f"{expected}: another genome build, or the other strand; nothing of it is used"
        )


def _record(where: str, place: Place, fields: list[str], column: int) -> Record:
    keys, values = fields[8].split(":"), fields[column].split(":")
    data = dict(zip(keys, values, strict=False))  # trailing values may be left out
    text = data.get("GT", ".")
    if not GENOTYPE.fullmatch(text):
        raise DataError(f"{where}: the genotype is not written as in 0/1")
    ref = fields[3].upper()
    alts = [alt for alt in fields[4].upper().split(",") if alt != "."]
    genotype = tuple(None if one == "." else int(one) for one in re.split(r"[/|]", text))
    if any(one is not None and one > len(alts) for one in genotype):
        raise DataError(f"{where}: the genotype names an allele that is not listed")
    return Record(
        ref=ref,
        alts=tuple(_alt(place, ref, alt) for alt in alts),
        genotype=genotype,
        phased="|" in text and "/" not in text,
        phase_set=data.get("PS", "."),
    )


def _alt(place: Place, ref: str, alt: str) -> Variant | None:
    if not re.fullmatch(r"[ACGT]+", alt):
        return None
    variant = trimmed(*place, ref, alt)
    return variant if variant.place == place else None
