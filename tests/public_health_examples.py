"""Examples of public_health for the promises that every application keeps."""

from medtune.apps import public_health
from medtune.clinical.surveillance.report import claims, write_report
from medtune.records import Example

CELLS = [
    {
        "topic": "dengue",
        "place": "Tainan City",
        "period": "2015-W36",
        "status": "signal",
        "reported": "512",
        "expected": "34",
        "threshold": "88",
        "complete": "35%",
        "nowcast": "1402 (980 to 2010)",
        "trend": "+64% (+31 to +105)",
        "forecast": "2100 (900 to 4800)",
    },
    {
        "topic": "dengue",
        "place": "Piura",
        "period": "2022-W20",
        "status": "no signal",
        "reported": "40",
        "expected": "44",
        "threshold": "70",
        "trend": "-20% (-33 to -5)",
        "forecast": "36 (20 to 61)",
    },
    {
        "topic": "dengue",
        "place": "Loreto",
        "period": "2021-W02",
        "status": "watch",
        "reported": "<11",
    },
    {
        "topic": "child vaccination",
        "place": "Garissa county",
        "period": "2022",
        "status": "coverage",
        "children": "95",
        "target": "90%",
        "bcg": "63% (49 to 76)",
        "dtp3": "36% (24 to 51)",
        "none": "35% (23 to 49)",
        "dropout": "32% (18 to 51)",
    },
]


def examples() -> list[Example]:
    """Three of each kind of report."""
    return [
        Example(
            id=f"{number}-{n}",
            group=f"g{n}",
            fields={"cells": public_health.cells_text(cells)},
            target=[*claims(cells, write_report(cells))],
        )
        for number, cells in enumerate(CELLS)
        for n in range(3)
    ]
