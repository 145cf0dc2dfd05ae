"""`python -m medtune` is the command `medtune`."""

from medtune.cli import main

main()
