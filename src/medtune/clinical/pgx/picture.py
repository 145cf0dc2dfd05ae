"""The gene-drug table of one person, as one HTML page without scripts or links to elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape

from medtune.clinical.pgx.facts import objects, strings
from medtune.records import Json

COLOURS = {
    "avoid": "#f8d0cc",
    "alternative": "#fbe3c4",
    "measure": "#fbe3c4",
    "reduce": "#fdf3c7",
    "monitor": "#eef3c9",
    "increase": "#dce9f7",
    "standard": "#d8efdb",
    "none": "#e6e6e6",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Gene-drug table</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 75rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ border: 1px solid #bbb; padding: .45rem .6rem; text-align: left; vertical-align: top }}
th {{ background: #f3f3f3 }} small {{ color: #555 }}
.critical {{ font-weight: 700; color: #a31616 }}
</style></head><body><h1>Gene-drug table</h1>
<p>Computed by rule from the genotypes and the tables named below; no model has written here. A drug
that is not listed is not cleared. For a clinician to review.</p>
<table><thead><tr><th>Drug</th><th>Genes</th><th>Action</th><th>Recommendation</th>
<th>Open points</th></tr></thead><tbody>
{rows}
</tbody></table><p><small>Tables: {version}.</small></p></body></html>
"""


def gene_drug_table(facts: Sequence[Mapping[str, Json]]) -> str:
    """The page for some drugs, the most careful first."""
    order = list(COLOURS)
    ranked = sorted(facts, key=lambda one: (order.index(str(one["action"])), str(one["drug"])))
    versions = sorted({str(one["table_version"]) for one in facts})
    return PAGE.format(
        rows="\n".join(_row(one) for one in ranked), version=escape(", ".join(versions))
    )


def _row(facts: Mapping[str, Json]) -> str:
    action = str(facts["action"])
    mark = '<br><span class="critical">critical</span>' if facts["critical"] else ""
    cells = [
        f"<td>{escape(str(facts['drug']))}</td>",
        f"<td>{'<br>'.join(_gene(gene) for gene in objects(facts['genes']))}</td>",
        f'<td style="background:{COLOURS[action]}">{action}{mark}</td>',
        f"<td>{'<br>'.join(_advice(one) for one in objects(facts['recommendations']))}</td>",
        f"<td><small>{'<br>'.join(escape(point) for point in _open(facts))}</small></td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _gene(gene: Mapping[str, Json]) -> str:
    score = f", activity score {gene['activity_score']}" if gene["activity_score"] else ""
    by = strings(gene["converted_by"])
    taken = f"; with {', '.join(by)}; by genes alone {gene['result_by_genes']}" if by else ""
    words = f"{gene['gene']} {gene['diplotype'] or ''}: {gene['result']}{score}{taken}"
    return escape(words)


def _advice(one: Mapping[str, Json]) -> str:
    group = f"<b>{escape(str(one['population']))}:</b> " if one["population"] else ""
    tail = ", ".join(
        str(part)
        for part in (one["source"], one["strength"], one["date"], f"PMID {one['pmid']}")
        if part
    )
    return f"{group}{escape(str(one['text']))} <small>({escape(tail)})</small>"


def _open(facts: Mapping[str, Json]) -> list[str]:
    """What is missing, refused, uncertain or out of date."""
    points = [f"{gene}: no result, which is not a normal one" for gene in strings(facts["missing"])]
    for gene in objects(facts["genes"]):
        points += [str(gene["refused"])] if gene["refused"] else []
        uncalled = strings(gene["uncalled"])
        points += [f"{gene['gene']}: {len(uncalled)} positions without a call"] if uncalled else []
        points += strings(gene["warnings"])
    if not facts["certain"] and objects(facts["recommendations"]):
        points.append("the data fit more than one result")
    return [*points, *strings(facts["warnings"])]
