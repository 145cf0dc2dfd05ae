"""A note with its provenance, as one HTML page: what a person looks at before signing.

The draft stands left, sentence by sentence, coloured by status; the source stands right, and each
sentence links to the turns or resources that bear it out. The page is self-contained: no script
from elsewhere, no font, no network. It holds the record's text and is to be kept like the record.
"""

import html

from medtune.clinical.faithful import RANK, TEXTS, Reading
from medtune.clinical.notes.note import Line, Note
from medtune.clinical.notes.sections import DOCUMENTS

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; color: #1c2430; background: #f4f5f7; }
header { padding: 1rem 1.5rem; background: #fff; border-bottom: 1px solid #d5d9e0; }
h1 { font-size: 1.2rem; margin: 0; } h2 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
main { display: grid; grid-template-columns: 3fr 2fr; gap: 1rem; padding: 1rem 1.5rem; }
section { background: #fff; border: 1px solid #d5d9e0; border-radius: 6px; }
section { padding: .4rem 1rem 1rem; }
.line { display: block; padding: .15rem .5rem; margin: .2rem 0; border-left: 4px solid #9aa3b0; }
.supported { border-color: #2b7a4b; } .inferred { border-color: #b98900; background: #fff9e6; }
.unsupported { border-color: #b3261e; background: #fdecea; }
.line small { color: #5b6675; } .line a { color: #1a56a8; margin-right: .3rem; }
.fault { display: block; font-size: .85rem; color: #8c1d18; } .fault.note { color: #5b6675; }
.turn { padding: .2rem .4rem; border-radius: 4px; } .turn:target { background: #dbe9ff; }
.turn b { color: #5b6675; font-weight: 600; }
.legend .line { display: inline-block; margin-right: .5rem; }
.verdict { font-weight: 600; } .block { color: #8c1d18; } .clear { color: #2b7a4b; }
@media (max-width: 800px) { main { grid-template-columns: 1fr; } }
"""


def picture(note: Note, source: Reading, by: str = "") -> str:
    """The page as HTML; `by` says who wrote the draft."""
    title = html.escape(DOCUMENTS[note.document][1])
    parts = "".join(
        f"<h2>{html.escape(part.section.title)} ({part.section.soap})</h2>"
        + "".join(_line(line) for line in part.lines)
        for part in note.parts
    )
    missing = "".join(
        f'<span class="fault">{one.severity}: {html.escape(TEXTS[one.kind].what)}'
        f" ({_link(_turn_at(source, one.source.start))})</span>"
        for one in note.missing
        if one.source is not None
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}, draft</title>'
        f"<style>{STYLE}</style><header><h1>{title}: a draft, not signed</h1>"
        f"<p>{_verdict(note)}</p>{f'<p>Written by {html.escape(by)}.</p>' if by else ''}"
        f"{LEGEND}</header><main>"
        f"<section aria-label='draft'>{parts}"
        f"{'<h2>Missing</h2>' + missing if missing else ''}</section>"
        f"<section aria-label='source'><h2>Source</h2>{_source(source)}</section></main></html>"
    )


LEGEND = (
    "<p class='legend'><span class='line supported'>supported: the source says so</span>"
    "<span class='line inferred'>inferred: partly in the source, or at fault</span>"
    "<span class='line unsupported'>unsupported: not in the source</span></p>"
)


def _verdict(note: Note) -> str:
    counts = {level: sum(1 for f in note.faults if f.severity == level) for level in RANK}
    told = ", ".join(f"{n} {level}" for level, n in counts.items())
    if note.may_be_signed:
        return f"<span class='verdict clear'>Nothing blocks signing</span> ({told})"
    return f"<span class='verdict block'>Not to be signed as it is</span> ({told})"


def _line(line: Line) -> str:
    links = "".join(_link(turn) for turn in line.turns)
    faults = "".join(
        f"<span class='fault {one.severity}'>{one.severity}: {one.kind}: "
        f"{html.escape(TEXTS[one.kind].what)}; {html.escape(TEXTS[one.kind].remedy)}</span>"
        for one in line.faults
    )
    status = f"<small>{line.status} {line.score:.2f} {links}</small>" if line.status else ""
    return (
        f"<span class='line {line.status or ''}'>{html.escape(line.text)} {status}{faults}</span>"
    )


def _link(turn: str) -> str:
    name = html.escape(turn, quote=True)
    return f"<a href='#turn-{name}'>{name}</a>"


def _turn_at(source: Reading, place: int) -> str:
    return source.ids[source.statements[source.statement_at(place)].turn]


def _source(source: Reading) -> str:
    return "".join(
        f"<p class='turn' id='turn-{html.escape(id, quote=True)}'>"
        f"<b>{html.escape(id)} {html.escape(turn.speaker)}</b> "
        f"{html.escape(source.text[turn.start : turn.end].strip())}</p>"
        for id, turn in zip(source.ids, source.turns, strict=True)
    )
