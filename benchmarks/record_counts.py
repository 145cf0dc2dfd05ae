"""How many records, groups and targets each application's own data hold, before any are left out.

`torn` are the records whose prompt another record has too, with another target.

    python benchmarks/record_counts.py [APPLICATION ...]

What the run file leaves out (long records, duplicates, a limit) is told by `medtune data RUN.yaml`.
The last line is one JSON object.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from medtune.apps import APPS, find_app
from medtune.config import load_run
from medtune.fetch import resolve_source

CONFIGS = Path(__file__).parents[1] / "configs"


def counts(name: str) -> dict[str, object]:
    """The counts of one application."""
    run = load_run(CONFIGS / f"{name}.yaml", [])
    paths = [resolve_source(one, offline=False) for one in run.data.sources]
    app = find_app(run)
    records = list(app.load(paths))
    targets = Counter(str(one.target) for one in records)
    by_prompt: dict[str, Counter[str]] = {}
    for one in records:
        text = "\n".join(message.content for message in app.prompt(one))
        by_prompt.setdefault(text, Counter())[str(one.target)] += 1
    return {
        "records": len(records),
        "groups": len({one.group for one in records}),
        "torn": sum(one.total() for one in by_prompt.values() if len(one) > 1),
        "placed": dict(Counter(one.split or "by the split" for one in records)),
        "targets": dict(targets) if len(targets) <= 20 else len(targets),
    }


def main() -> None:
    """Print the counts of the applications that are named, or of all."""
    names = sys.argv[1:] or sorted(APPS)
    report = {name: counts(name) for name in names}
    for name, found in report.items():
        print(f"{name}: {found}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
