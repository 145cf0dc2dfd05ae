"""What each arm costs in use, and which prompts the prompting arms ended with."""

from collections.abc import Mapping, Sequence

from medtune.artifacts import Arm, Decision
from medtune.report import words
from medtune.report.blocks import Cell, Table

HOUR_S = 3600


def costs_table(decision: Decision, arms: Sequence[Arm], colours: Mapping[str, str]) -> Table:
    """Money, latency, memory, and time to absorb a change."""
    costs = decision.costs
    rows = [
        (
            Cell(words.arm_name(arm.name), colour=colours[arm.name]),
            _price(costs[arm.name].per_1000, decision.currency),
            words.duration(costs[arm.name].latency_median_s),
            words.duration(costs[arm.name].latency_p95_s),
            f"{costs[arm.name].peak_memory_gb:.1f} GB",
            words.duration(costs[arm.name].hours_to_absorb * HOUR_S)
            if costs[arm.name].hours_to_absorb
            else "at once",
        )
        for arm in arms
        if arm.name in costs
    ]
    counts = sorted({cost.n_latency for cost in costs.values()})
    n = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return Table(
        head=("arm", "1,000 requests", "latency", "slowest 5 %", "memory", "absorbs a change in"),
        align="lrrrrr",
        rows=rows,
        caption="Measured on this machine. The price is of requests in batches, at the price of "
        f"the machine's hour that the run file states; latency is of {n} single requests; memory "
        "is the most that the process held. A change is absorbed by a prompt when it is rewritten, "
        "by retrieval when its index is made again, by a tune when it is trained again.",
    )


def _price(per_1000: float | None, currency: str) -> str:
    return "unknown" if per_1000 is None else f"{words.number(per_1000)} {currency}"


def prompts_table(decision: Decision) -> Table:
    """The prompt that each prompting arm ended with, and what it was chosen from."""
    rows: list[tuple[str, str, str]] = []
    for name, recipe in decision.recipes.items():
        added = [
            f"{len(recipe.shots)} worked examples" if recipe.shots else "",
            f"up to {recipe.passages} passages" if recipe.passages else "",
        ]
        chosen = ", ".join(["instruction " + recipe.wording, *(one for one in added if one)])
        tried = "; ".join(
            "no value" if value is None else words.number(value) for value in recipe.tried.values()
        )
        rows.append((words.arm_name(name), chosen, tried or "not compared"))
    n = max(recipe.n_search for recipe in decision.recipes.values())
    return Table(
        head=("arm", "its prompt", f"{words.metric_name(decision.primary)} of each prompt tried"),
        align="lll",
        rows=rows,
        caption=f"Each prompting arm tried the same number of prompts, on {n} training examples.",
    )
