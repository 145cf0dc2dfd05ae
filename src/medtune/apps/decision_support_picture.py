"""The evidence matrix of one case as one HTML page without scripts or links to elsewhere.

    python -m medtune.apps.decision_support_picture case.json page.html

The file holds one JSON object with any of `clinical.hpo.case.FIELDS`.
"""

import json
import sys
from collections.abc import Mapping
from html import escape
from pathlib import Path

from medtune.apps.decision_support import facts
from medtune.artifacts import write_text
from medtune.clinical.hpo.card import LIMITS
from medtune.clinical.hpo.case import FIELDS, objects, strings
from medtune.errors import DataError
from medtune.records import Example, Json

STRONG = 2.0
"""log10 ratio at which a cell has its full colour."""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evidence matrix</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222; max-width: 75rem }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #bbb; padding: .4rem .6rem; text-align: left; vertical-align: top }}
td.ratio {{ text-align: right; font-variant-numeric: tabular-nums }}
.red {{ font-weight: 700; color: #a31616 }}
</style></head><body><h1>Evidence matrix</h1>
<p>Computed by rule; no model has written here. A cell is the decimal logarithm of the likelihood
ratio: above 0 (blue) the finding speaks for the disease, below 0 (orange) against it.</p>
{red}{matrix}{open}<p><small>{limits} Source: {version}.</small></p></body></html>
"""


def picture(facts: Mapping[str, Json]) -> str:
    """The page of a computed case."""
    return PAGE.format(
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


def main(source: str, out: str) -> None:
    """Write the page of the case in a file.

    Raises:
        DataError: The file is not one JSON object of fields that are known.
    """
    try:
        told = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(f"{source}: not a file with one JSON object") from None
    if not isinstance(told, dict) or not told.keys() <= FIELDS:
        raise DataError(f"{source}: the fields are {', '.join(sorted(FIELDS))}")
    fields = {name: str(value) for name, value in told.items()}
    write_text(Path(out), picture(facts(Example(id="0", group="0", fields=fields, target=None))))


if __name__ == "__main__":
    main(*sys.argv[1:])
