"""What every test gets: no network, and an empty cache unless it asks for the shared one.

Property tests draw the same examples each time, so that what was green stays green;
`HYPOTHESIS_PROFILE=search` draws new ones, in greater number.
"""

import os

# Before torch is imported: the tests' matrices are too small to be shared between threads.
os.environ["OMP_NUM_THREADS"] = "1"

import socket
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("search", max_examples=500, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """Let tests connect to loopback only."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address):
        host = address[0] if isinstance(address, tuple) else ""
        if self.family == socket.AF_UNIX or host in ("127.0.0.1", "::1", "localhost"):
            return connect(self, address)
        raise OSError(f"the tests have no network (connect to {address!r})")

    if "e2e" not in request.keywords:
        monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run's folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    return folder
