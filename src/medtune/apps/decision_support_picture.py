"""The evidence matrix of one case, as one HTML page without scripts or links to elsewhere.

Computed by rule; what the model wrote stands below it, each line with whether it was computed.
"""

from collections.abc import Mapping, Sequence
from html import escape

from medtune.clinical.hpo.card import LIMITS
from medtune.clinical.hpo.case import objects, strings
from medtune.records import Json

STRONG = 2.0
"""log10 ratio at which a cell has its full colour."""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evidence matrix</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 75rem }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #bbb; padding: .4rem .6rem; text-align: left; vertical-align: top }}
td.ratio {{ text-align: right; font-variant-numeric: tabular-nums }}
.red {{ font-weight: 700; color: #a31616 }}
.said {{ border-left: 4px solid #2b7a4b; padding: .1rem .6rem; margin: .2rem 0 }}
.strange {{ border-color: #b3261e; background: #fdecea }}
</style></head><body><h1>Evidence matrix</h1>
<p>Computed by rule; no model has written in the table. A cell is the decimal logarithm of the
likelihood ratio: above 0 (blue) the finding speaks for the disease, below 0 (orange) against
it.</p>
{red}{matrix}{open}{said}<p><small>{limits} Source: {version}.</small></p></body></html>
"""


def picture(
    facts: Mapping[str, Json], said: Sequence[str] = (), computed: Sequence[str] = ()
) -> str:
    """The page of a computed case.

    Args:
        facts: What was computed.
        said: The lines that a model wrote; empty if it was not asked.
        computed: The lines that it may write.
    """
    return PAGE.format(
        said=_said(said, computed),
        red="".join(f'<p class="red">{escape(one)}</p>' for one in strings(facts["red"])),
        matrix=_matrix(facts),
        open=_open(facts),
        limits=escape(LIMITS),
        version=escape(str(facts["version"])),
    )


def _matrix(facts: Mapping[str, Json]) -> str:
    ranked = objects(facts["differential"])
    if not ranked:
        return "<p>No ranking: data is lacking.</p>"
    heads = "".join(
        f"<th>{escape(str(one['disease']))}<br><small>{escape(str(one['code']))}, share "
        f"{one['share']}</small></th>"
        for one in ranked
    )
    columns = [objects(one["evidence"]) for one in ranked]
    rows = "".join(
        f"<tr><th>{'' if row[0]['present'] else 'no '}{escape(str(row[0]['finding']))}</th>"
        f"{''.join(_cell(float(str(one['log10_ratio']))) for one in row)}</tr>"
        for row in zip(*columns, strict=True)
    )
    return f"<table><thead><tr><th>Finding</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(ratio: float) -> str:
    strength = min(abs(ratio) / STRONG, 1.0)
    colour = "0, 114, 178" if ratio > 0 else "213, 94, 0"
    return (
        f'<td class="ratio" style="background:rgba({colour},{strength / 2:.2f})">{ratio:+.2f}</td>'
    )


def _open(facts: Mapping[str, Json]) -> str:
    told = (("Ask next", "ask"), ("Lacking", "lacking"), ("Results not judged", "not_judged"))
    return "".join(
        f"<p><b>{label}:</b> {escape('; '.join(strings(facts[name])))}</p>"
        for label, name in told
        if facts[name]
    )


def _said(said: Sequence[str], computed: Sequence[str]) -> str:
    """The model's lines, marked where they were not computed."""
    if not said:
        return ""
    lines = "".join(
        f'<p class="said">{escape(line)}</p>'
        if line in computed
        else f'<p class="said strange">{escape(line)} <b>not computed: not to be used</b></p>'
        for line in said
    )
    missing = [line for line in computed if line not in said]
    left_out = f"<p>Left out: {len(missing)} computed lines.</p>" if missing else ""
    return f"<h2>What the model wrote</h2>{lines}{left_out}"
