"""The pharmacogenomic tables, from their source: `benchmarks/pgx_tables.py [--write]`.

Reads the pinned pypgx wheel (an archive; none of its code is run), applies the revisions that lie
beside the tables, written by hand, and compares the result with the tables that are shipped.
With `--write` it replaces them. The last line is one JSON object; exit code 1 if they differ.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from medtune.clinical.pgx.definitions import NOT_FROM_VCF
from medtune.clinical.pgx.phenotype import PAIRS, SCORED
from medtune.clinical.pgx.tables import FOLDER, read_table
from medtune.fetch import PINS, fetch_wheel, read_member

WHEEL = "pypgx==0.27.0"
GENES = {*PAIRS, *SCORED, "RYR1"}
FROM_VCF = GENES - set(NOT_FROM_VCF)
CPIC_NAMES = {
    ("ABCG2", "Reference"): "rs2231142 reference (G)",
    ("ABCG2", "rs2231142"): "rs2231142 variant (T)",
    ("IFNL3", "Reference"): "rs12979860 reference (C)",
    ("IFNL3", "rs12979860"): "rs12979860 variant (T)",
    ("VKORC1", "Reference"): "rs9923231 reference (C)",
    ("VKORC1", "rs9923231"): "rs9923231 variant (T)",
}
NOT_CPIC = {"hormonal contraceptives for systemic use"}
NO_ADVICE = {"peginterferon alfa-2a", "peginterferon alfa-2b", "ribavirin"}
"""CPIC gives implications for these, no recommendation."""
ACTIONS = (
    ("avoid", r"^avoid (?!moderate and strong)"),
    ("alternative", r"^(choose|select|recommend|prescribe) (an )?alternative"),
    ("alternative", r"^consider (an )?alternative|^consider hormonal therapy"),
    ("reduce", r"reduction of recommended|reduced|decreased dose|prescribe ?<=|reduce starting"),
    ("reduce", r"initiate dose at 10 mg/m2"),
    ("increase", r"^increase"),
    ("none", r"^no recommendation|^(tpmt|nudt15|neither tpmt).* could (not )?be assigned"),
    ("monitor", r"prescribe desired starting dose.*possible increased risk"),
    ("standard", r"prescribe desired starting dose|start with normal starting dose"),
    ("standard", r"^(initiate|use|there is no need|avoid moderate and strong|insufficient)"),
)
"""What a recommendation comes to, by the words of its text; the first that occurs counts."""
CRITICAL = (
    ("codeine", "Ultrarapid Metabolizer"),
    ("tramadol", "Ultrarapid Metabolizer"),
    ("azathioprine", "Poor Metabolizer"),
    ("mercaptopurine", "Poor Metabolizer"),
    ("thioguanine", "Poor Metabolizer"),
)
"""Toxicity that can be fatal; those of advice.tsv are marked there."""
SOURCE = f"""# made by benchmarks/pgx_tables.py; do not edit
# source: CPIC content in {WHEEL} (sha256 {PINS[WHEEL].sha256}), with the revisions beside this file
# licence: CPIC content is CC0 1.0; pypgx is MIT, Copyright (c) 2020 Seung-been "Steven" Lee
# version: CPIC to 2026-01
# later: what CPIC has revised since is in later.tsv, as far as it is known
"""

Row = Mapping[str, str]


def table(wheel: Path, name: str) -> list[Row]:
    """A CSV file of the wheel."""
    text = read_member(wheel, f"pypgx/api/data/{name}").decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def alleles(rows: Iterable[Row]) -> list[list[str]]:
    """Gene, allele, function, activity value and date of the last revision."""
    found = {
        (row["Gene"], row["StarAllele"]): [function(row), value(row["ActivityScore"]), ""]
        for row in rows
        if row["Gene"] in GENES
    }
    for row in read_table("allele_revisions.tsv").rows:
        for name in row["alleles"].split(";"):
            if row["function"] == "withdrawn":
                del found[row["gene"], name]
            else:
                found[row["gene"], name] = [row["function"], row["value"], row["date"]]
    return sorted([gene, name, *rest] for (gene, name), rest in found.items())


def function(row: Row) -> str:
    """CPIC's words for a function."""
    said = row["Function"]
    g6pd = re.fullmatch(r"Class (\w+) \((.+)\)", said)
    if g6pd:
        return f"{g6pd[1]}/{g6pd[2]}"
    return said.capitalize().replace("hyperthermia", "Hyperthermia")


def value(score: str) -> str:
    """An activity value with a decimal point, or nothing."""
    return "" if score == "N/A" else str(float(score))


def definitions(rows: Iterable[Row]) -> list[list[str]]:
    """Gene, allele, its variants, and those that it may have."""
    found: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for row in rows:
        gene, name = row["Gene"], row["StarAllele"]
        if gene in FROM_VCF and row["SV"] == "FALSE":
            name = CPIC_NAMES.get((gene, name), name)
            core = row["GRCh38Core"].split(",") if row["GRCh38Core"] != "N/A" else []
            found[gene, name] = ([variant(text) for text in core], [])
    for row in read_table("definition_revisions.tsv").rows:
        revise(found, row)
    gone = {
        (row["gene"], name)
        for row in read_table("allele_revisions.tsv").rows
        if row["function"] == "withdrawn"
        for name in row["alleles"].split(";")
    }
    return sorted(
        [gene, name, ";".join(sorted(core)), ";".join(optional)]
        for (gene, name), (core, optional) in found.items()
        if (gene, name) not in gone
    )


def revise(found: dict[tuple[str, str], tuple[list[str], list[str]]], row: Row) -> None:
    """Apply one line of definition_revisions.tsv."""
    gene, variants = row["gene"], row["variants"].split(";")
    if row["alleles"].startswith("all but "):
        left = row["alleles"].removeprefix("all but ").split(";")
        names = [name for g, name in found if g == gene and name not in left]
    else:
        names = row["alleles"].split(";")
    for name in names:
        core, optional = found.get((gene, name), ([], []))
        if row["change"] == "set":
            found[gene, name] = (variants, [])
        elif row["change"] == "add":
            found[gene, name] = (sorted({*core, *variants}), optional)
        else:
            found[gene, name] = (core, variants)


def variant(text: str) -> str:
    """From "10-94775367-A-G" to "chr10:94775367:A>G", with nothing shared left at the ends."""
    chromosome, place, ref, alt = text.split("-")
    position = int(place)
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt, position = ref[1:], alt[1:], position + 1
    return f"chr{chromosome}:{position}:{ref}>{alt}"


def advice(rows: Sequence[Row], pairs: Iterable[Row]) -> tuple[list[list[str]], list[list[str]]]:
    """The recommendations of drugs that advice.tsv does not cover, and their texts by number."""
    covered = {d for row in read_table("advice.tsv").rows for d in row["drugs"].split(";")}
    pmids = {(row["Drug"], row["Gene"]): row["PMID"].split(";")[-1] for row in pairs}
    numbers: dict[str, str] = {}
    found: list[list[str]] = []
    for row in rows:
        drug, text = row["Drug"], " ".join(row["Recommendation"].split())
        if text in ("None", "n/a") or drug in covered | NOT_CPIC | NO_ADVICE:
            continue
        results = [(row["Gene1"], row["Phenotype1"]), (row["Gene2"], row["Phenotype2"])]
        when = " & ".join(
            f"{gene}={result.replace('None', 'No Result')}"
            for gene, result in results
            if gene != "None"
        )
        number = numbers.setdefault(text, f"T{len(numbers) + 1:03}")
        critical = any(drug == d and p in when for d, p in CRITICAL)
        found.append(
            [
                *(drug, when, action(text), "critical" if critical else ""),
                *(number, pmids[drug, row["Gene1"]]),
            ]
        )
    return found, [[number, text] for text, number in numbers.items()]


def action(text: str) -> str:
    """What a recommendation comes to."""
    return next(name for name, pattern in ACTIONS if re.search(pattern, text, re.IGNORECASE))


def written(columns: str, rows: Iterable[Sequence[str]]) -> str:
    """A table as text."""
    return SOURCE + "".join("\t".join(row) + "\n" for row in [columns.split(), *rows])


def main() -> None:
    """Compare or write the tables."""
    wheel = fetch_wheel(WHEEL, None, offline="--offline" in sys.argv)
    pairs = table(wheel, "cpic-table.csv")
    base, texts = advice(table(wheel, "recommendation-table.csv"), pairs)
    allele_rows = table(wheel, "allele-table.csv")
    made = {
        "alleles.tsv": written("gene allele function value since", alleles(allele_rows)),
        "definitions.tsv": written("gene allele variants optional", definitions(allele_rows)),
        "recommendations.tsv": written("drug when action critical text pmid", base),
        "texts.tsv": written("number text", texts),
    }
    different = [name for name in made if not write(name, made)]
    print(
        json.dumps({"tables": {n: t.count("\n") - 6 for n, t in made.items()}, "differ": different})
    )
    raise SystemExit(1 if different else 0)


def write(name: str, made: Mapping[str, str]) -> bool:
    """Write a table if asked to; return whether the shipped one is the same."""
    path = FOLDER / name
    if "--write" in sys.argv:
        path.write_text(made[name], encoding="utf-8")
    return path.is_file() and path.read_text(encoding="utf-8") == made[name]


if __name__ == "__main__":
    main()
