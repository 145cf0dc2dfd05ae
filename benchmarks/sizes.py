"""Measures something at several sizes, each in a process of its own for a peak of its own."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

Row = dict[str, float]


def rows(script: str, measure: Callable[[int, Path], Row], sizes: Sequence[int]) -> Iterator[Row]:
    """What `measure(size, scratch folder)` found, for the sizes of the command line or these.

    `script` is the caller's own file, which is started again as `script --one SIZE`; in that
    process this prints the row and ends.

    Raises:
        subprocess.CalledProcessError: if a size failed; its reason is on stderr.
    """
    if sys.argv[1:2] == ["--one"]:
        with tempfile.TemporaryDirectory(prefix="medtune-sizes-") as folder:
            print(json.dumps(measure(int(sys.argv[2]), Path(folder))))
        raise SystemExit
    for size in [int(text) for text in sys.argv[1:]] or sizes:
        command = [sys.executable, script, "--one", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        yield json.loads(done.stdout.splitlines()[-1])
