"""Own tasks, described by a run file alone: `benchmarks/custom.py [NAME ...]`.

Runs the run files of `benchmarks/custom` and `configs/chemprot.yaml` on the published data of
`shared/data` (or MEDTUNE_SHARED), which is first brought into JSON lines where it is not; what is
done already is not done again. For each it prints every arm on the sealed test with its interval
and the verdict. The last line is one JSON object.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("MEDTUNE_SHARED", ROOT.parent / "shared")) / "data"
MADE = ROOT / "runs" / "custom" / "data"
RUNS = {"chemprot": ROOT / "configs" / "chemprot.yaml"} | {
    path.stem: path for path in sorted((ROOT / "benchmarks" / "custom").glob("*.yaml"))
}
Row = dict[str, str]


def posts(path: Path) -> Iterator[Row]:
    """The posts of a file of IMHI; the label is the first word of the response."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield {
                "post": row["post"].removeprefix("Post: ").strip(),
                "label": "yes" if row["response"].strip().lower().startswith("yes") else "no",
            }


def questions(*, test: bool) -> Iterator[Row]:
    """The questions of PubMedQA that are, or are not, of its published test."""
    folder = SHARED / "pubmedqa" / "data"
    sealed = json.loads((folder / "test_ground_truth.json").read_text(encoding="utf-8"))
    every = json.loads((folder / "ori_pqal.json").read_text(encoding="utf-8"))
    for pmid, one in every.items():
        if (pmid in sealed) == test:
            yield {
                "pmid": pmid,
                "abstract": "\n".join(one["CONTEXTS"]),
                "question": one["QUESTION"],
                "label": one["final_decision"],
            }


def vignettes() -> Iterator[dict[str, object]]:
    """The questions of MedQA's development part, with their options as a list."""
    path = SHARED / "medqa-us" / "data_clean" / "questions" / "US" / "dev.jsonl"
    for line in path.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        options = list(one["options"].values())
        yield {"question": one["question"], "options": options, "answer": one["answer"]}


def make() -> None:
    """Write the published data as JSON lines."""
    MADE.mkdir(parents=True, exist_ok=True)
    imhi = SHARED / "ihmi-mentallama" / "train_data" / "complete_data"
    _write("dreaddit-train", posts(imhi / "dreaddit" / "dreaddit-train.csv"))
    _write("dreaddit-test", posts(imhi / "dreaddit" / "val.csv"))
    _write("dr-train", posts(imhi / "DR" / "reddit_train.csv"))
    _write("dr-test", posts(imhi / "DR" / "reddit_valid.csv"))
    _write("pubmedqa-train", questions(test=False))
    _write("pubmedqa-test", questions(test=True))
    _write("medqa", vignettes())


def _write(name: str, rows: Iterable[Mapping[str, object]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    (MADE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Run the tasks that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*RUNS, []], help="all, if none is named")
    names = parser.parse_args().names or list(RUNS)
    make()
    found: dict[str, object] = {}
    for name in names:
        table = ROOT / "benchmarks" / "run_table.py"
        done = subprocess.run(
            [sys.executable, table, RUNS[name]], stdout=subprocess.PIPE, text=True, check=True
        )
        *shown, last = done.stdout.strip().splitlines()
        print(f"### {name}\n", *shown, "", sep="\n", flush=True)
        found[name] = json.loads(last)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
