"""Read a diplotype as laboratories write it, and find its alleles in the table.

Copies of CYP2D6 are written `*1x2` (two copies on one chromosome), `*2xN` (number not known),
`*1x≥3`, and different copies in tandem `*36+*10` (PharmVar, Structural variation for CYP2D6).
"""

import re
from typing import NamedTuple

from medtune.clinical.pgx.tables import Allele, alleles
from medtune.errors import DataError, did_you_mean

MONOPLOID = frozenset({"MT-RNR1"})
ONE_OR_TWO = frozenset({"G6PD"})
"""On the X chromosome: a man has one allele."""
HLA = frozenset({"HLA-A", "HLA-B"})
COPIES_DEFINED = frozenset({"CYP2D6"})
REFERENCE = frozenset({"DPYD", "CACNA1S", "RYR1", "MT-RNR1"})
"""Genes whose reference allele is called Reference; `*1` is read as that."""

COPY = re.compile(r"(?P<name>.+?)x?(?P<at_least>[≥>]=?)?(?<=[x≥>=])(?P<n>\d+|N)")
SUBALLELE = re.compile(r"(\*\d+)\.\d+")
HLA_ALLELE = re.compile(r"\*?(\d{2,3}):(\d{2,3})(?::\d{2,3}){0,2}[A-Z]?")
STARRED = re.compile(r"\((\*\w+)\)")
UNKNOWN = "N"


class Refused(DataError):
    """The kernel will not say: the input is unknown, incomplete, or contradicts itself."""


class Unit(NamedTuple):
    """One gene copy, or several like it on one chromosome."""

    allele: Allele
    copies: int | None
    """None if the number is not known."""
    at_least: bool = False
    """Whether there may be more copies."""


def read_diplotype(gene: str, text: str) -> tuple[tuple[Unit, ...], ...]:
    """The gene copies of each chromosome.

    Raises:
        Refused: The gene or an allele is not in the table, or their number cannot be.
    """
    if gene not in alleles():
        raise Refused(f"{gene}: not in the table of alleles{did_you_mean(gene, alleles())}")
    sides = [side.strip() for side in _split(gene, text)]
    allowed = (1,) if gene in MONOPLOID else (1, 2) if gene in ONE_OR_TWO else (2,)
    if len(sides) not in allowed:
        wanted = " or ".join(str(n) for n in allowed)
        raise Refused(f"{gene} {text!r}: {len(sides)} alleles, {wanted} needed, written A/B")
    return tuple(tuple(_unit(gene, part) for part in _parts(gene, side)) for side in sides)


def hla_statuses(gene: str, text: str, asked: frozenset[str]) -> dict[str, bool]:
    """Whether each of the alleles `asked` is present, from both alleles to two fields or more.

    Raises:
        Refused: An allele is missing or has one field only, which does not tell.
    """
    sides = [side.strip().removeprefix(gene) for side in text.split("/")]
    matches = [HLA_ALLELE.fullmatch(side) for side in sides]
    if len(sides) != 2 or None in matches:  # noqa: PLR2004  two chromosomes
        raise Refused(f"{gene} {text!r}: two alleles to two fields are needed, as *15:02/*57:01")
    found = {f"*{match[1]}:{match[2]}" for match in matches if match is not None}
    return {name: name in found for name in asked}


def shown(side: tuple[Unit, ...]) -> str:
    """The alleles of one chromosome, in the writing of the field."""
    return "+".join(_shown(unit) for unit in side)


def _shown(unit: Unit) -> str:
    if unit.copies == 1 and not unit.at_least:
        return unit.allele.name
    n = UNKNOWN if unit.copies is None else str(unit.copies)
    return f"{unit.allele.name}x{'≥' if unit.at_least else ''}{n}"


def _split(gene: str, text: str) -> list[str]:
    plain = text.replace("Telti/Kobe", "Telti, Kobe")  # its name in CPIC's table since 2023-09-22
    return re.split(rf"/(?={re.escape(gene)})|/", plain)


def _parts(gene: str, side: str) -> list[str]:
    """The gene copies of one chromosome; of a gene without copies, the variants found together."""
    side = side.removeprefix(gene).strip()
    if side.startswith("[") and side.endswith("]"):
        return [part.strip() for part in side[1:-1].split(" + ")]
    if gene in COPIES_DEFINED:
        return [part.strip().removeprefix(gene) for part in side.split("+")]
    return [side]


def _unit(gene: str, text: str) -> Unit:
    table = alleles()[gene]
    match = COPY.fullmatch(text) if gene in COPIES_DEFINED else None
    name = match["name"] if match else text
    allele = table.get(_known(gene, name))
    if allele is None:
        raise Refused(
            f"{gene}: allele {name!r} is not in the table{did_you_mean(name, table)}; an allele "
            "without a function is never taken for a normal one"
        )
    if match is None:
        return Unit(allele, 1)
    copies = None if match["n"] == UNKNOWN else int(match["n"])
    if copies == 0:
        raise Refused(f"{gene}: {text!r} has no copy; a deleted gene is *5")
    return Unit(allele, copies, match["at_least"] is not None)


def _known(gene: str, name: str) -> str:
    """The table's name of an allele, from the other names that laboratories use for it."""
    table = alleles()[gene]
    suballele = SUBALLELE.fullmatch(name)
    other = {f"m.{name}", "Reference" if name == "*1" and gene in REFERENCE else name}
    if gene == "DPYD":
        other |= {full for full in table if (match := STARRED.search(full)) and match[1] == name}
    if suballele:
        other.add(suballele[1])
    found = [name] if name in table else [one for one in other if one in table]
    return found[0] if len(found) == 1 else name
