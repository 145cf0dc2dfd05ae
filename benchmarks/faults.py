"""Plant every fault of tests/faults and count what is found: `benchmarks/faults.py [FAMILY ...]`.

Prints one row for each fault: was it found, was its clean twin accused, and what the check said.
The last line is one JSON object. Families are named by their module, such as `data.splits`; a name
also stands for all that begin with it.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults import Fault, families

SHOWN = 90
"""Characters of what the check said."""


def judged(fault: Fault) -> tuple[str, str]:
    """What the check says of the planted fault, and of its clean twin."""
    with tempfile.TemporaryDirectory(prefix="medtune-fault-") as folder:
        planted, clean = Path(folder) / "planted", Path(folder) / "clean"
        planted.mkdir()
        clean.mkdir()
        said = fault.found(fault.plant(fault.clean(planted))).replace(f"{planted}/", "")
        return said, fault.found(fault.clean(clean))


def main() -> None:
    """Print the table and the counts."""
    wanted = sys.argv[1:]
    n_planted = n_found = n_accused = 0
    print("| family | fault | found | clean twin | what the check says |")
    print("|---|---|---|---|---|")
    for family, faults in families().items():
        if wanted and not any(f"{family}.".startswith(f"{name}.") for name in wanted):
            continue
        for fault in faults:
            said, accused = judged(fault)
            n_planted += 1
            n_found += bool(said)
            n_accused += bool(accused)
            outcome = "accused" if accused else "passes"
            words = " ".join(said.split()).replace("|", "\\|")[:SHOWN]
            print(f"| {family} | {fault.name} | {'yes' if said else 'NO'} | {outcome} | {words} |")
    counts = {"planted": n_planted, "found": n_found, "clean": n_planted, "accused": n_accused}
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
