"""The part of the sealed test that asks what broke: abilities, robustness, secrets, domains."""

from collections.abc import Sequence

from medtune.artifacts import Dated, Domain, Evaluation, LeftOut, Memorisation, Perturbed, Retained
from medtune.records import Estimate
from medtune.report import words
from medtune.report.blocks import Block, Bullets, Cell, Heading, Picture, Table, Text, Tone
from medtune.report.plots.arms import Line, Row, dots
from medtune.report.plots.canvas import BLUE, GREY

NAMED = 12
KEPT: dict[str, tuple[str, Tone]] = {
    "yes": ("kept", "good"),
    "no": ("lost", "bad"),
    "not_enough_data": ("cannot tell", "unsure"),
}
HARMED: dict[str, tuple[str, Tone]] = {
    "yes": ("worse", "bad"),
    "no": ("not worse", "good"),
    "not_enough_data": ("cannot tell", "unsure"),
}


def broke_blocks(evaluation: Evaluation) -> list[Block]:
    """Everything beside the test, and what was not measured."""
    blocks: list[Block] = []
    if evaluation.retention:
        blocks += _retention(evaluation.retention)
    if evaluation.robustness:
        blocks.append(_robustness(evaluation.robustness))
    if evaluation.memorisation is not None:
        blocks.append(_memorisation(evaluation.memorisation))
    if evaluation.transfer:
        blocks.append(_transfer(evaluation.transfer, evaluation.primary))
    if evaluation.left_out:
        blocks.append(_left_out(evaluation.left_out))
    blocks += [_dated(dated) for dated in evaluation.dated]
    blocks += _texts(evaluation)
    found: list[Block] = [Heading("What broke"), *blocks] if blocks else []
    if evaluation.not_measured:
        missing = [
            words.sentence(f"{words.plain(name)}: {words.readable(why)}")
            for name, why in evaluation.not_measured.items()
        ]
        found.append(Bullets("Not measured", missing))
    return found


def _retention(rows: Sequence[Retained]) -> list[Block]:
    pairs = [
        row
        for one in rows
        for row in (
            Row(f"{_area(one)}, before", one.before, GREY),
            Row(f"{_area(one)}, after", one.after, BLUE, strong=True),
        )
    ]
    lost = [f"“{_area(one)}”" for one in rows if one.kept == "no"]
    says = f"Shown to be lost: {words.listed(lost)}." if lost else "No area was shown to be lost."
    picture = Picture(
        svg=dots(
            "retention",
            pairs,
            axis="share of items answered rightly",
            label="; ".join(f"{row.label}: {words.estimate(row.found)}" for row in pairs),
        ),
        title="What it could do before and after tuning",
        shows="Short questions with options, put to the base model (grey) and to the tuned model.",
        read="Where the second line of a pair lies to the left of the first, something was "
        "forgotten. The items find large losses, not every lost fact.",
        says=says,
    )
    table = Table(
        head=("area", "items", "change", "p, corrected", "chance", "ability", "now wrong"),
        align="lrrrrll",
        rows=[
            (
                _area(one),
                f"{one.after.n:,}",
                words.estimate(one.change, signed=True),
                words.p_value(one.p_adjusted),
                words.percent(one.chance),
                Cell(KEPT[one.kept][0], tone=KEPT[one.kept][1]),
                Cell(_ids(one.right_to_wrong), code=True),
            )
            for one in rows
        ],
        caption="“Now wrong” names the items that the base model answered rightly.",
    )
    return [picture, table]


def _area(row: Retained) -> str:
    area = words.plain(row.area)
    return area if row.source == "medtune" else f"{area} ({row.source})"


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return (", ".join(ids[:NAMED]) + more) or "none"


def _robustness(rows: Sequence[Perturbed]) -> Picture:
    drawn = [Row(_rule(row), row.same, BLUE) for row in rows]
    same = [row for row in rows if row.expect == "same"]
    least = min(same, key=lambda row: row.same.value) if same else None
    says = (
        "Only rules after which the answer must change were tried."
        if least is None
        else f"The answers depend most on {words.plain(least.name)}: a share of "
        f"{words.estimate(least.same)} stayed the same."
    )
    return Picture(
        svg=dots(
            "robustness",
            drawn,
            axis="share of answers that stayed the same",
            label="; ".join(f"{row.label}: {words.estimate(row.found)}" for row in drawn),
            line=Line(1.0, "steady"),
        ),
        title="Does changed wording change the answers?",
        shows="Test examples changed by a rule that should not matter, and, for a negation, by one "
        "that should.",
        read="On the dashed line no answer changed. Further to the left, the model depends on the "
        "wording; for a negation, further to the left is better.",
        says=says,
    )


def _rule(row: Perturbed) -> str:
    must = ", must change" if row.expect == "differ" else ""
    return f"{words.plain(row.name)} (n = {row.n}{must})"


def _memorisation(found: Memorisation) -> Text:
    parts: list[str] = []
    if found.membership is not None:
        parts.append(
            f"By their loss, {found.n_train} training examples are told from {found.n_held_out} "
            f"test examples with an AUROC of {words.estimate(found.membership)}; 0.5 means not at "
            "all."
        )
    if found.canaries:
        exposure = "" if found.exposure is None else words.estimate(found.exposure)
        parts.append(
            f"Of {found.canaries} made-up secrets in the training data it writes out "
            f"{found.extracted}; their mean exposure is {exposure} bits, where 1.44 is that of an "
            f"unseen one and {words.number(found.most_exposure or 0)} the most."
        )
    return Text("What it gives away of its training data. " + " ".join(parts))


def _transfer(rows: Sequence[Domain], primary: str) -> Table:
    return Table(
        head=("domain", "in train", "base model", "here", "change", "than the base model"),
        align="lrrrrl",
        rows=[
            (
                f"{words.plain(row.attribute)}: {row.value} (n = {row.after.n:,})",
                f"{row.n_train:,}",
                words.estimate(row.before),
                words.estimate(row.after),
                words.estimate(row.change, signed=True),
                Cell(HARMED[row.harmed][0], tone=HARMED[row.harmed][1]),
            )
            for row in rows
        ],
        caption=f"The {words.metric_name(primary)} in each part of the test and each extra set. "
        "“In train” counts the training examples of the same kind.",
    )


def _left_out(rows: Sequence[LeftOut]) -> Table:
    return Table(
        head=("left out", "trained with it", "trained without it", "change"),
        align="lrrr",
        rows=[
            (
                f"{words.plain(row.attribute)}: {row.value}",
                words.estimate(row.with_it),
                words.estimate(row.without_it),
                words.estimate(row.change, signed=True),
            )
            for row in rows
        ],
        caption="Small tunes of equal size, with and without one value, on validation examples of "
        "that value: what to expect where nothing was learnt from.",
    )


def _dated(found: Dated) -> Table:
    rows = (
        ("changed facts, answered as today", found.current_before, found.current),
        ("changed facts, answered as before", found.stale_before, found.stale),
        ("facts that did not change", found.unchanged_before, found.unchanged),
    )
    return Table(
        head=(f"facts of {found.source}", "base model", "here"),
        align="lrr",
        rows=[(name, _number(before), _number(after)) for name, before, after in rows],
        caption=f"{found.n_changed} facts changed and {found.n_unchanged} did not.",
        narrow=True,
    )


def _number(found: Estimate | None) -> str:
    return "none" if found is None else words.estimate(found)


def _texts(evaluation: Evaluation) -> list[Block]:
    blocks: list[Block] = []
    judged = evaluation.judged
    if judged is not None:
        score = "no score" if judged.score is None else words.estimate(judged.score)
        agreement = "not measured" if judged.agreement is None else words.estimate(judged.agreement)
        blocks.append(
            Text(
                f"A judge ({judged.judge}) scored the replies by {judged.criteria} criteria: "
                f"{score}; {words.count(len(judged.missing), 'reply', 'replies')} without a "
                f"judgement. Its agreement with people, beyond chance, is {agreement} on "
                f"{judged.labels} labels: it {'may' if judged.may_gate else 'may not'} gate."
            )
        )
    if evaluation.likeness is not None:
        blocks.append(
            Text(
                "Mean cosine of the mean hidden states of answer and target: "
                f"{words.estimate(evaluation.likeness)}. It says how alike the texts look to the "
                "base model, not whether they agree, and gates nothing."
            )
        )
    return blocks
