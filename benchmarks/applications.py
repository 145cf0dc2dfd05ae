"""The table of the eight applications: `benchmarks/applications.py [--write] [NAME ...]`.

Takes each application's run file up to its evaluation, in a process of its own. What is done and
unchanged is only read, so an interrupted benchmark goes on where it stopped, and a second one takes
seconds. Prints every arm of the same model, and the classical baseline, on the sealed test with
95 % intervals, and the paired differences; `--write` puts both into docs/applications.md. An
application that fails is named, and the others go on. The last line is one JSON object.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from medtune.apps import APPS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "applications.md"
START, END = "<!-- table -->", "<!-- end of table -->"
ARMS = ("zero_shot", "few_shot", "retrieval", "classical", "tuned")
SAME_MODEL = ("zero_shot", "few_shot", "retrieval")
"""The arms that tuning is to beat: the same weights, only asked in another way."""
MORE: Mapping[str, tuple[str, ...]] = {
    name: (f"out=runs/applications/{name}", "decide.passages=2")
    for name in ("documentation", "drug_discovery")
}
"""Settings for the table alone: these run files leave retrieval out for time."""
Summary = Mapping[str, object]


def cell(found: object) -> str:
    """A value with its interval, or that the arm was not run."""
    if not isinstance(found, list):
        return "not run"
    value, low, high = (float(one) for one in found)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def part(summary: Summary, name: str) -> Mapping[str, object]:
    """An object inside of a summary."""
    found = summary[name]
    assert isinstance(found, dict), name
    return found


def not_beaten(summary: Summary) -> list[str]:
    """The other arms that the tuned model is not shown to be better than."""
    against = part(summary, "tuned_against")
    return [name for name in against if part(against, name)["better"] != "yes"]


def wins(summary: Summary) -> bool:
    """Whether the tuned model is shown to be better than every other arm of the same model."""
    asked = set(SAME_MODEL) & part(summary, "tuned_against").keys()
    return bool(asked) and not asked & set(not_beaten(summary))


def table(found: Mapping[str, Summary]) -> list[str]:
    """Both tables, in Markdown."""
    lines = [
        f"| application | measure | n | {' | '.join(ARMS)} | decided before tuning |",
        "|---" * (len(ARMS) + 4) + "|",
    ]
    for name, one in found.items():
        arms = part(one, "arms")
        cells = [cell(arms.get(arm)) for arm in ARMS]
        decided = str(one["recommendation"]).replace("_", " ")
        head = [f"[{name}]({name}.md)", str(one["metric"]), str(one["n_test"])]
        lines.append(f"| {' | '.join([*head, *cells, decided])} |")
    lines += ["", "| application | tuned against | difference | p, adjusted | better? |"]
    lines.append("|---|---|---|---|---|")
    for name, one in found.items():
        for arm, test in part(one, "tuned_against").items():
            assert isinstance(test, dict)
            shown = [cell(test["difference"]), f"{test['p_adjusted']:.2g}"]
            better = str(test["better"]).replace("_", " ")
            lines.append(f"| {' | '.join([name, arm, *shown, better])} |")
    n = sum(map(wins, found.values()))
    n_all = sum(not not_beaten(one) for one in found.values())
    lines += [
        "",
        f"Tuned is shown to be better than every other arm of the same model in {n} of "
        f"{len(found)} applications; than every arm, the constant answer (majority) and the "
        f"classical one among them, in {n_all}.",
    ]
    for name, one in found.items():
        if behind := not_beaten(one):
            lines.append(f"Not in {name}: not shown against {', '.join(behind)}.")
    return lines


def put(page: str, lines: list[str]) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(START)
    _, end, after = rest.partition(END)
    assert end, f"the page has no {START} with {END} after it"
    return "\n".join([before + START, "", *lines, "", END]) + after


def measured(name: str, overrides: list[str]) -> Summary | None:
    """What came of one application; None if it failed, which was told on stderr."""
    command = [ROOT / "benchmarks" / "run_table.py", ROOT / "configs" / f"{name}.yaml"]
    done = subprocess.run(
        [sys.executable, *command, *MORE.get(name, ()), *overrides],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure the applications that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*APPS, []], help="all, if none is named")
    parser.add_argument("--write", action="store_true", help="put the tables into the page")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    asked = parser.parse_args()
    found: dict[str, Summary] = {}
    failed: list[str] = []
    for name in asked.names or APPS:
        print(f"applications: {name}", file=sys.stderr, flush=True)
        one = measured(name, asked.settings)
        if one is None:
            failed.append(name)
        else:
            found[name] = one
    lines = table(found)
    print(*lines, sep="\n")
    if asked.write:
        PAGE.write_text(put(PAGE.read_text(encoding="utf-8"), lines), encoding="utf-8")
    won = [name for name, one in found.items() if wins(one)]
    print(json.dumps({"applications": found, "tuned_wins": won, "failed": failed}))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
