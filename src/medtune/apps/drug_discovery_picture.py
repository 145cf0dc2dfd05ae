"""The evidence graph around an entity: what articles state of it, its targets, gaps and sentences.

Every line of the graph and every row of the tables is made of claims, and each claim is shown with
its sentence and its article. Nothing is drawn from an article that the retraction list names.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from math import cos, pi, sin

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medtune.apps.drug_discovery_claims import curated, own, texts_of
from medtune.clinical.evidence import (
    Claim,
    Entity,
    Gap,
    Kept,
    Notice,
    Target,
    article_name,
    gaps,
    keep_sound,
    read_retractions,
    targets,
)
from medtune.clinical.evidence.gaps import Bridge
from medtune.clinical.evidence.targets import disagreement
from medtune.errors import DataError
from medtune.records import Example, View
from medtune.report.plots.canvas import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, VERMILION, draw

NEIGHBOURS = 14
MOST_ROWS = 12
MOST_CLAIMS = 80
KINDS = {
    "disease": (VERMILION, "s"),
    "target": (BLUE, "o"),
    "compound": (ORANGE, "D"),
    "process": (GREEN, "^"),
    "other": (GREY, "o"),
}
DIRECTIONS = {
    "with more": (BLUE, "solid"),
    "with less": (VERMILION, "solid"),
    "both stated": (PURPLE, "dashed"),
    "not directed": (GREY, "solid"),
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #1F2933; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem }}
svg {{ width: 100%; height: auto }} table {{ border-collapse: collapse; width: 100% }}
th, td {{ border: 1px solid #cbd2d9; padding: .3rem .5rem; text-align: left; vertical-align: top }}
th {{ background: #f3f4f6 }} td.n {{ text-align: right; font-variant-numeric: tabular-nums }}
.note {{ color: #52606D }} .warn {{ color: #a23b00; font-weight: 600 }}
</style></head><body><h1>{title}</h1>
<p class="note">{n} claims of {articles} articles, each a statement of one sentence. It may be on
cells or mice: nothing here shows efficacy in people. For a curator to read.</p>
<p class="{retracted_class}">{retracted}</p>{dropped}{graph}{targets}{gaps}
<h2>Sentences</h2>{claims}</body></html>
"""


def draw_record(view: View) -> str:
    """The page around the disease of the record's relation, or else around its second entity.

    Raises:
        DataError: The record has no claim that stands.
    """
    kept, is_checked = sound_claims(view)
    mine = next((one for one in kept.claims if one.id == view.record.id), None)
    if mine is None:
        raise DataError(
            f"record {view.record.id!r} has no claim to draw: it is not in the sources, its "
            "sentence is not in its article, or its article is retracted"
        )
    ends = (mine.object, mine.subject)
    focus = next((end for end in ends if end.kind == "disease"), mine.object)
    return page(kept, focus, is_checked=is_checked)


def sound_claims(view: View) -> tuple[Kept, bool]:
    """The claims that stand, and whether a retraction list was there to check them against."""
    files = list(view.sources())
    notices = [read_retractions(path) for path in files if path.suffix == ".csv"]
    if "subject" in view.record.fields:
        texts = [one for one in view.records if "text" in one.fields]
        claims = own(one for one in view.records if "text" not in one.fields)
        articles = _articles(texts)
    else:
        claims = [
            one for path in files if path.suffix == ".whl" for one in curated(path, view.answers)
        ]
        articles = texts_of(claims)
    merged: dict[str, Notice] = {
        article: notice for one in notices for article, notice in one.items()
    }
    return keep_sound(claims, articles, merged), bool(notices)


def _articles(records: Sequence[Example]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in records:
        found[article_name(one.fields.get("article", one.id))].append(one.fields["text"])
    return dict(found)


def page(kept: Kept, focus: Entity, *, is_checked: bool) -> str:
    """The page around an entity."""
    about = [one for one in kept.claims if focus in (one.subject, one.object)]
    is_disease = focus.kind == "disease"
    dropped = ", ".join(f"{n} with {reason}" for reason, n in sorted(kept.dropped.items()))
    return PAGE.format(
        title=escape(f"Evidence around {focus.name}"),
        n=len(about),
        articles=len({one.article for one in about}),
        retracted_class="note" if is_checked else "warn",
        retracted="Checked against the retraction list that the run names."
        if is_checked
        else "No retraction list was given: retracted articles may be among these.",
        dropped=f'<p class="note">Left out of all claims: {escape(dropped)}.</p>'
        if dropped
        else "",
        graph=draw_graph(about, kept.claims, focus),
        targets=_targets(targets(kept.claims, focus.name)) if is_disease else "",
        gaps=_gaps(gaps(kept.claims, focus.name, ("target", "compound"))) if is_disease else "",
        claims=_claims(about),
    )


def draw_graph(about: Sequence[Claim], every: Sequence[Claim], focus: Entity) -> Markup:
    """The entity with its neighbours of most articles; the width of a line grows with articles."""
    beside: dict[Entity, list[Claim]] = defaultdict(list)
    for one in about:
        beside[one.object if one.subject == focus else one.subject].append(one)
    beside.pop(focus, None)
    order = sorted(beside, key=lambda end: (-_n_articles(beside[end]), end.name))[:NEIGHBOURS]
    order.sort(key=lambda end: (list(KINDS).index(end.kind), end.name))
    angles = [2 * pi * (place + 0.5) / max(len(order), 1) for place in range(len(order))]
    at = {end: (cos(angle), sin(angle)) for end, angle in zip(order, angles, strict=True)}

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(-2.3, 2.3)
        axes.set_ylim(-1.35, 1.35)
        _paint_others(axes, every, at)
        for end in order:
            _paint_line(axes, beside[end], at[end], focus)
        _paint_nodes(axes, {**at, focus: (0.0, 0.0)}, focus)
        figure.legend(loc="outside lower center", ncols=5, handlelength=1.6)

    label = f"Graph of {focus.name} and {len(order)} entities that articles relate to it"
    return draw("evidence", (9.0, 5.6), label, paint)


def _n_articles(claims: Sequence[Claim]) -> int:
    return len({one.article for one in claims})


def _direction(claims: Sequence[Claim]) -> str:
    signs = {one.sign for one in claims} - {0}
    if len(signs) > 1:
        return "both stated"
    return {1: "with more", -1: "with less"}.get(signs.pop() if signs else 0, "not directed")


def _paint_others(
    axes: Axes, every: Sequence[Claim], at: Mapping[Entity, tuple[float, float]]
) -> None:
    pairs = {(one.subject, one.object) for one in every if one.subject in at and one.object in at}
    for first, second in pairs:
        axes.plot(*zip(at[first], at[second], strict=True), color="#E4E7EB", lw=0.8, zorder=1)


def _paint_line(
    axes: Axes, claims: Sequence[Claim], end: tuple[float, float], focus: Entity
) -> None:
    colour, style = DIRECTIONS[_direction(claims)]
    n = _n_articles(claims)
    axes.plot([0, end[0]], [0, end[1]], color=colour, ls=style, lw=min(1 + 0.5 * n, 7), zorder=2)
    causal = {one.subject == focus for one in claims if one.predicate in ("increases", "decreases")}
    if len(causal) == 1:
        tail, head = (0.3, 0.55) if causal.pop() else (0.7, 0.5)
        start, stop = ((end[0] * part, end[1] * part) for part in (tail, head))
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "mutation_scale": 14}
        axes.annotate("", stop, start, arrowprops=arrow, zorder=3)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none"}
    axes.text(end[0] * 0.8, end[1] * 0.8, str(n), fontsize=8, ha="center", va="center", bbox=box)


def _paint_nodes(axes: Axes, at: Mapping[Entity, tuple[float, float]], focus: Entity) -> None:
    for kind, (colour, marker) in KINDS.items():
        places = [place for end, place in at.items() if end.kind == kind]
        if places:
            axes.scatter(*zip(*places, strict=True), color=colour, marker=marker, s=130, zorder=5,
                         edgecolors="white", label=kind)  # fmt: skip
    for name, (colour, style) in DIRECTIONS.items():
        axes.plot([], [], color=colour, ls=style, lw=2, label=name)
    for end, (x, y) in at.items():
        if end == focus:
            axes.text(0, -0.14, end.name, ha="center", va="top", fontweight="bold", color=INK,
                      bbox={"boxstyle": "round,pad=0.2", "fc": SKY, "ec": "none", "alpha": 0.5},
                      zorder=6)  # fmt: skip
            continue
        name = end.name if len(end.name) <= 34 else f"{end.name[:33]}…"  # noqa: PLR2004  fits
        axes.text(x * 1.1, y * 1.1, name, ha="left" if x > 0 else "right", va="center", zorder=6)


def _targets(found: Sequence[Target]) -> str:
    if not found:
        return "<h2>Targets</h2><p>No article states a relation of a target to it.</p>"
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="n">{one.score:.2f}{_range(one)}</td>'
        f'<td class="n">{len(one.articles)}</td><td class="n">{one.up}</td>'
        f'<td class="n">{one.down}</td><td class="n">{one.against}</td>'
        f"<td>{escape(', '.join(one.compounds[:4]))}{_more(one.compounds, 4)}</td>"
        f'<td class="warn">{escape(disagreement(one))}</td></tr>'
        for one in found[:MOST_ROWS]
    )
    heads = (
        "Target", "Score (95 %)", "Articles", "With more", "With less", "No effect",
        "Compounds said to change it", "Articles disagree",
    )  # fmt: skip
    return (
        f"<h2>Targets, {min(len(found), MOST_ROWS)} of {len(found)}</h2>"
        '<p class="note">Ranked by the harmonic sum of what articles state; no interval for a '
        "single article. Genetics and safety are not in such statements, and not scored.</p>"
        f"{_table(heads, rows)}"
    )


def _range(one: Target) -> str:
    return "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"


def _more(listed: Sequence[str], shown: int) -> str:
    return f" and {len(listed) - shown} more" if len(listed) > shown else ""


def _gaps(found: Sequence[Gap]) -> str:
    if not found:
        return "<h2>Gaps</h2><p>None.</p>"
    rows = "".join(
        f"<tr><td>{escape(one.a.name)} ({one.a.kind})</td>"
        f'<td class="n">{len(one.bridges)}</td><td class="n">{one.weight:.1f}</td>'
        f"<td>{escape('; '.join(_bridge(b) for b in one.bridges[:3]))}"
        f"{_more([b.term.name for b in one.bridges], 3)}</td><td>{one.direction}</td></tr>"
        for one in found[:MOST_ROWS]
    )
    heads = ("No article links it", "Linking terms", "Articles, mean of the weaker side",
             "Through (articles before, after)", "Would go with the disease")  # fmt: skip
    return (
        f"<h2>Gaps in knowledge, {min(len(found), MOST_ROWS)} of {len(found)}</h2>"
        '<p class="note">Linked to the disease only through other terms (Swanson 1986). A gap is a '
        "question, not a result; these articles are not all articles. The order is by linking "
        "terms and no forecast: it did no better than how well known a candidate is "
        "(docs/drug_discovery.md).</p>"
        f"{_table(heads, rows)}"
    )


def _bridge(one: Bridge) -> str:
    return f"{one.term.name} ({_n_articles(one.first)}, {_n_articles(one.second)})"


def _claims(about: Sequence[Claim]) -> str:
    latest = sorted(about, key=lambda one: (one.date, one.id), reverse=True)[:MOST_CLAIMS]
    rows = "".join(
        f"<tr><td>{escape(one.subject.name)} <b>{escape(one.predicate)}</b> "
        f"{escape(one.object.name)}</td><td>{escape(one.sentence)}</td>"
        f"<td>{escape(one.article)}<br>{escape(one.date or 'undated')}</td><td>{one.by}"
        f"{'<br><span class=warn>expression of concern</span>' if one.notice else ''}</td></tr>"
        for one in latest
    )
    head = f'<p class="note">The latest {len(latest)} of {len(about)}.</p>'
    return head + _table(("Claim", "Sentence", "Article", "Read by"), rows)


def _table(heads: Sequence[str], rows: str) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
