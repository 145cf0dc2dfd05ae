"""How the pharmacogenomic kernel agrees with CPIC's published content: `benchmarks/pgx.py`.

Compares with data/cpic-pharmcat in ../shared (or MEDTUNE_SHARED), which the tables were not made
from: the function of every allele, the phenotype and activity score of every diplotype, the call of
every pair of defined alleles from their genotypes, and every recommendation of CPIC 1.20 (September
2022). Each item is agreed; refused, where the kernel does not say; open, where the right answer is
one of several given; revised, where a dated revision by CPIC explains the difference; or disagreed.
The last line is one JSON object; exit code 1 if anything is disagreed.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any, NamedTuple

from medtune.clinical.pgx import GeneResult, Outcome, Score, advise, gene_result
from medtune.clinical.pgx.advice import Recommendation
from medtune.clinical.pgx.alleles import HLA
from medtune.clinical.pgx.caller import call_gene
from medtune.clinical.pgx.definitions import callable_genes
from medtune.clinical.pgx.phenotype import INDETERMINATE, SCORED, phenotype_of_score
from medtune.clinical.pgx.tables import alleles as allele_table
from medtune.clinical.pgx.vcf import Place, Record, trimmed
from medtune.errors import DataError

SHARED = Path(os.environ.get("MEDTUNE_SHARED", Path(__file__).parents[2] / "shared"))
FOLDER = SHARED / "data" / "cpic-pharmcat"
THEIR_DATE = "2022-09-15"
SHOWN = 25
IUPAC = frozenset("RYSWKMBDHVN")
POPULATIONS = {
    "pediatrics": "children",
    "CVI ACS PCI": "acute coronary syndrome or PCI",
    "CVI non-ACS non-PCI": "cardiovascular, neither acute coronary syndrome nor PCI",
    "NVI": "neurovascular",
    "CBZ naive": "never taken before",
    "CBZ-no alternatives": "never taken before, no alternative",
    "CBZ use >3mos": "taken for over three months without skin reaction",
    "OXC naive": "never taken before",
    "OXC use >3 mos": "taken for over three months without skin reaction",
    "<= 1g per day": "up to 1 g a day",
    "PHT naive": "never taken before",
    "PHT use >3mos": "taken for over three months without skin reaction",
    "general": "",
    "population general": "",
}
THEIR_WORDS = (
    ("measure", r"must be measured"),
    ("avoid", r"^avoid(?! moderate and strong)|contraindicated|not recommended|do not use (?!d)"),
    ("monitor", r"increased frequency|latency period|cautiously|with caution and with close"),
    ("standard", r"no adjustments needed"),
    ("alternative", r"^(choose|select|recommend|prescribe) (an )?(alternative|clinically)"),
    ("alternative", r"^consider (an |a clinically appropriate )?(alternative|antidepressant)"),
    ("alternative", r"^consider hormonal therapy"),
    ("reduce", r"reduction of|reduced|decreased dose|prescribe ?<=|% less|^reduce starting"),
    ("reduce", r"lowest recommended starting dose\. titrate|25-50%|50% of|at 10 mg/m2|lower"),
    ("reduce", r"if no clinical response .* increase dose to 80"),
    ("reduce", r"^initiate with a dose of 0\.5 mg/kg/day and if"),
    ("increase", r"^increase"),
    ("none", r"^no recommendation|^n/a$|could (not )?be assigned based on genotyping performed"),
    ("none", r"^clinical findings"),
    ("monitor", r"prescribe desired starting dose.*possible increased risk"),
)
"""Reads the action out of CPIC's own text, apart from how the tables were made."""


NOT_NUMBERS = r"PMID:? [\d, ]+|\b(CYP|HLA|G6|P2Y)[\w-]*(\*\d+:\d+)?"


class Item(NamedTuple):
    """One comparison."""

    group: str
    what: str
    verdict: str
    here: str
    there: str


def phenotype_files() -> Iterator[Mapping[str, Any]]:
    """CPIC's tables of alleles and diplotypes, one per gene."""
    for path in sorted(FOLDER.glob("phenotype/**/*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def alleles() -> Iterator[Item]:
    """Function and activity value of every allele."""
    for table in phenotype_files():
        gene = table["gene"]
        values = table.get("activityValues") or {}
        for name, function in table["haplotypes"].items():
            ours = allele_table()[gene].get(name.replace("Telti/Kobe", "Telti, Kobe"))
            if ours is None:
                yield Item(gene, f"{gene} {name}", "refused", "", function)
                continue
            here = str(ours.value) if gene in SCORED else same_words(ours.function)
            there = values.get(name, "") if gene in SCORED else same_words(function)
            there = there.replace("n/a", "None")
            yield Item(gene, f"{gene} {name}", verdict(here == there), here, there)


def same_words(function: str) -> str:
    """Unknown and uncertain mean the same to every rule."""
    return function.lower().replace("unknown function", "uncertain function")


def diplotypes() -> Iterator[Item]:
    """Phenotype and activity score of every diplotype."""
    for table in phenotype_files():
        gene = table["gene"]
        for row in table["diplotypes"]:
            found = gene_result(gene, row["diplotype"])
            score = row.get("activityScore")
            there = f"{row.get('phenotype') or row['generesult']} {score or ''}".strip()
            if found.refused:
                yield Item(gene, f"{gene} {row['diplotype']}", "refused", found.refused, there)
                continue
            known = found.score if found.score else "n/a" if gene in SCORED else ""
            here = f"{found.phenotype} {known}".strip()
            yield Item(gene, f"{gene} {row['diplotype']}", verdict(here == there), here, there)


def calls() -> Iterator[Item]:
    """The call of every pair of CPIC's defined alleles, phased and not."""
    for gene in callable_genes():
        path = FOLDER / "definition" / "alleles" / f"{gene}_translation.json"
        if path.is_file():
            yield from calls_of(gene, json.loads(path.read_text(encoding="utf-8")))


def calls_of(gene: str, table: Mapping[str, Any]) -> Iterator[Item]:
    """The same, of one gene."""
    named = [one for one in table["namedAlleles"] if not one["structuralVariant"]]
    for first, second in combinations_with_replacement(named, 2):
        names = sorted(one["name"].split(".00")[0] for one in (first, second))
        for mark in "|/":
            what = f"{gene} {mark.join((first['name'], second['name']))}"
            found = call_gene(gene, records(table, first, second, mark == "|"))
            if found.refused:
                yield Item(gene, what, "refused", found.refused, "")
            elif gene == "DPYD":
                there = gene_result(gene, "/".join(names))
                same = (found.phenotype, found.score) == (there.phenotype, there.score)
                yield Item(gene, what, verdict(same), found.phenotype, there.phenotype)
            else:
                fit = [sorted(outcome.diplotype.split("/")) for outcome in found.outcomes]
                right = "open" if len(fit) > 1 else "agreed"
                said = right if names in fit else "disagreed"
                yield Item(gene, what, said, found.diplotype, "/".join(names))


def records(
    table: Mapping[str, Any], first: Mapping[str, Any], second: Mapping[str, Any], phased: bool
) -> dict[Place, list[Record]]:
    """A genotype at every place of a gene, as a VCF would give it."""
    found: dict[Place, list[Record]] = {}
    for n, place in enumerate(table["variants"]):
        bases = [place["ref"], *place["alts"]]
        at = (place["chromosome"], place["position"])
        genotype = tuple(
            bases.index(base) if base in bases else 0
            for one in (first, second)
            for base in [one["alleles"][n] if one["cpicAlleles"][n] not in IUPAC else None]
        )
        alts = tuple(trimmed(*at, place["ref"], alt) for alt in place["alts"])
        found[at] = [Record(place["ref"], alts, genotype, phased, ".")]
    return found


def recommendations() -> Iterator[Item]:
    """Every recommendation: the same text, or the same action without another number."""
    tables = json.loads((FOLDER / "reporter" / "drugs.json").read_text(encoding="utf-8"))
    for drug in tables:
        for row in drug.get("recommendations") or []:
            key = row["lookupkey"]
            what = f"{drug['drugname']} {key} {row['population']}"
            there = row["drugrecommendation"] or ""
            try:
                found = advise(drug["drugname"], [state(g, v) for g, v in key.items() if no(v)])
            except DataError:
                yield Item(drug["drugname"], what, "refused", "", there)
                continue
            yield compared(drug["drugname"], what, row["population"], found.recommendations, there)


def no(result: str) -> bool:
    """Whether there is a result."""
    return result != "No Result"


def compared(
    drug: str, what: str, population: str, found: tuple[Recommendation, ...], there: str
) -> Item:
    """What the tables say for the same patients, beside CPIC's text."""
    group = POPULATIONS.get(population.strip(), population.strip())
    fit = [one for one in found if one.population in ("", group)]
    action = their_action(there)
    if not fit:
        return Item(drug, what, verdict(action == "none", "refused"), "nothing", there)
    (one,) = fit
    same_text = plain(one.text) == plain(there)
    no_new_number = numbers(one.text) <= numbers(there)
    if same_text or (one.action == action and (no_new_number or action == "none")):
        return Item(drug, what, "agreed", one.action, action)
    said = "revised" if one.date > THEIR_DATE else "disagreed"
    return Item(drug, what, said, f"{one.action}: {one.text[:90]}", f"{action}: {there[:90]}")


def their_action(text: str) -> str:
    """What CPIC's text comes to."""
    words = plain(text)
    return next((name for name, pattern in THEIR_WORDS if re.search(pattern, words)), "standard")


def plain(text: str) -> str:
    """A text without the marks that the two files write differently."""
    for theirs, ours in (("≤", "<="), ("≥", ">="), ("–", "-"), ("’", "'"), ("ï", "i")):
        text = text.replace(theirs, ours)
    return re.sub(r"\s*([<>]=?)\s*", r"\1", " ".join(text.split())).rstrip(".").lower()


def numbers(text: str) -> set[str]:
    """The numbers of a text, but for those of articles and in names of genes and alleles."""
    return set(re.findall(r"\d+(?:\.\d+)?", re.sub(NOT_NUMBERS, "", text)))


def state(gene: str, result: str) -> GeneResult:
    """A gene result from CPIC's key."""
    if gene in HLA:
        name, status = result.split()
        return GeneResult(gene, "diplotype", statuses={name: status == "positive"})
    if gene in SCORED:
        match = re.fullmatch(r"(≥)?([\d.]+)", result)
        score = Score(float(match[2]), match[1] is not None) if match else None
        phenotype = phenotype_of_score(gene, score) if score else INDETERMINATE
        return GeneResult(gene, "diplotype", (Outcome("", (), phenotype, score),))
    return GeneResult(gene, "diplotype", (Outcome("", (), result),))


def verdict(same: bool, otherwise: str = "disagreed") -> str:
    """The word for it."""
    return "agreed" if same else otherwise


PARTS: Mapping[str, Callable[[], Iterator[Item]]] = {
    "alleles": alleles,
    "diplotypes": diplotypes,
    "calls": calls,
    "recommendations": recommendations,
}


def show(items: Iterator[Item]) -> dict[str, int]:
    """Print the counts by gene or drug, and what differs; return the sums."""
    counts: dict[str, Counter[str]] = {}
    listed: list[Item] = []
    for item in items:
        counts.setdefault(item.group, Counter())[item.verdict] += 1
        if item.verdict in ("disagreed", "revised"):
            listed.append(item)
    for group, found in sorted(counts.items()):
        print(f"  {group:<32}", "  ".join(f"{name} {n}" for name, n in sorted(found.items())))
    for item in listed[:SHOWN]:
        print(f"  {item.verdict}: {item.what}: here {item.here!r}, there {item.there!r}")
    if len(listed) > SHOWN:
        print(f"  ... and {len(listed) - SHOWN} more")
    return dict(sum(counts.values(), Counter()))


def main() -> None:
    """Compare everything."""
    if not FOLDER.is_dir():
        print(f"{FOLDER} is not there; set MEDTUNE_SHARED to the folder that holds data/")
        raise SystemExit(2)
    summary: dict[str, dict[str, int]] = {}
    for name, part in PARTS.items():
        print(name)
        summary[name] = show(part())
    print(json.dumps(summary))
    raise SystemExit(any(found.get("disagreed") for found in summary.values()))


if __name__ == "__main__":
    main()
