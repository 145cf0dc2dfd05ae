"""Where everything that was fetched or computed for reuse lies: one folder, safe to delete."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$MEDTUNE_CACHE`, else `medtune` in the user's cache folder (`$XDG_CACHE_HOME`)."""
    own = os.environ.get("MEDTUNE_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path must be ignored.
    base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "medtune"
