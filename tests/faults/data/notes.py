"""Clean notes: 300 records of 200 patients at two sites, each fit to learn from."""

import random
from datetime import date, timedelta
from pathlib import Path

from medtune.artifacts import Check
from medtune.records import Example, Split

LABELS = ("cardiac", "renal")
SIGNS = {
    "cardiac": [
        "chest pressure",
        "palpitations",
        "orthopnea",
        "ankle swelling",
        "an irregular rhythm",
    ],
    "renal": ["flank pain", "dark urine", "less urine than usual", "foamy urine", "itching"],
}
TALK = (
    "The patient has slept badly for {n} nights and eats little.",
    "There is no fever and no cough, and the family is at home.",
    "Symptoms began {n} days ago after a long walk with the dog.",
    "A walk of {n} minutes is possible without a rest on the way.",
    "The appetite is fair, and the weight has been stable for {n} months.",
    "The pain is {n} of 20 at rest and worse in the evening.",
    "He or she takes all of the tablets as written {n} times a week.",
    "The neighbour brought the patient in at {n} in the morning.",
)
N = 300
SPLITS: tuple[Split, ...] = ("train", "train", "train", "validation", "test")


def clean(folder: Path) -> list[Example]:
    """The notes; nothing is written."""
    del folder
    rng = random.Random(3)
    return [_note(rng, number) for number in range(N)]


def _note(rng: random.Random, number: int) -> Example:
    label = LABELS[number % 2]
    patient = number * 2 // 3
    day = date(2023, 1, 2) + timedelta(days=number)
    talk = [line.format(n=rng.randint(2, 19)) for line in rng.sample(TALK, 5)]
    signs = rng.sample(SIGNS[label], 2)
    text = (
        f"{talk[0]} The {rng.randint(20, 89)}-year-old patient reports {signs[0]} and {signs[1]}. "
        f"{talk[1]} {talk[2]} Blood pressure {rng.randint(105, 160)}/{rng.randint(60, 90)}, heart "
        f"rate {rng.randint(55, 110)} bpm, temperature {rng.randint(361, 379) / 10} C. Creatinine "
        f"{rng.randint(6, 19) / 10} mg/dL, glucose {rng.randint(75, 160)} mg/dL. {talk[3]} "
        f"{talk[4]}"
    )
    return Example(
        id=f"r{number}",
        group=f"p{patient}",
        fields={
            "note": text,
            "albumin_g_dl": f"{rng.randint(30, 50) / 10}",
            "ward": rng.choice(("east", "west", "day clinic")),
            "admission_date": day.isoformat(),
            "discharge_date": (day + timedelta(days=rng.randint(1, 9))).isoformat(),
        },
        target=label,
        split=SPLITS[patient % 5],
        subgroups={"sex": rng.choice(("female", "male")), "site": rng.choice(("north", "south"))},
        time=day.isoformat(),
        source=rng.choice(("a.csv", "b.csv")),
        licence="CC0",
    )


def says(check: Check) -> str:
    """What a check has against the data."""
    return f"{check.outcome}: {check.found}" if check.outcome in ("warn", "fail") else ""
