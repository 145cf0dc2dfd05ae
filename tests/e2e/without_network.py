"""Run medtune in a process whose sockets reach this machine only: `without_network.py VERB ...`."""

import socket
import sys

from medtune.cli import main

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: object) -> None:
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):  # type: ignore[index]
        raise OSError(f"no socket may leave this machine (connect to {address!r})")
    _connect(self, address)


def _no_names(*address: object, **_: object) -> list[object]:
    if address[0] in ("127.0.0.1", "localhost", None):
        return _lookup(*address, **_)
    raise OSError(f"no name may be looked up ({address[0]!r})")


_lookup = socket.getaddrinfo
socket.socket.connect = _loopback_only  # type: ignore[method-assign]
socket.getaddrinfo = _no_names  # type: ignore[assignment]
sys.argv[0] = "medtune"
main()
