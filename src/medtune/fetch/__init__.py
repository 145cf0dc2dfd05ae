"""Files from elsewhere: fetched once, checked, kept in one cache. Nothing else uses the network."""

from medtune.fetch.cache import cache_dir
from medtune.fetch.hub import fetch_hub_file, fetch_hub_model
from medtune.fetch.pins import PINS, Pin
from medtune.fetch.source import resolve_source
from medtune.fetch.wheel import extract_member, fetch_wheel, read_member

__all__ = [
    "PINS",
    "Pin",
    "cache_dir",
    "extract_member",
    "fetch_hub_file",
    "fetch_hub_model",
    "fetch_wheel",
    "read_member",
    "resolve_source",
]
