"""The secret behind the surrogates, and what is drawn from it for one patient.

Every surrogate is drawn by HMAC-SHA256 (RFC 2104) from a secret key, the patient and the value. The
same key, patient and value give the same surrogate in every file and on every day; without the key
neither the value nor the key can be had from the surrogate.
"""

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from medtune.errors import ConfigError

KEY_BYTES = 32
GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Key:
    """A secret. Its `repr` does not show it."""

    secret: bytes = field(repr=False)

    def patient(self, name: str) -> "Key":
        """The key of one patient, from which nothing follows about another patient's."""
        return Key(self.draw("patient", name))

    def draw(self, purpose: str, value: str) -> bytes:
        """32 bytes that depend on the key, the purpose and the value."""
        message = f"{len(purpose)}:{purpose}{value}"
        return hmac.new(self.secret, message.encode(), hashlib.sha256).digest()

    def number(self, purpose: str, value: str, n: int) -> int:
        """An integer from 0 to n - 1."""
        return int.from_bytes(self.draw(purpose, value)[:8], "big") % n

    def stream(self, purpose: str, value: str) -> Iterator[int]:
        """Endless integers from 0 to 255."""
        block = 0
        while True:
            yield from self.draw(purpose, f"{block}:{value}")
            block += 1


def new_key() -> Key:
    """A key that nobody has: surrogates made with it agree within this run only."""
    return Key(secrets.token_bytes(KEY_BYTES))


def key_file(path: Path) -> Key:
    """Read a key, or make one and write it where only its owner may read.

    Raises:
        ConfigError: The file is no key, or others may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
    if path.stat().st_mode & GROUP_AND_OTHERS:
        raise ConfigError(f"{path}: others may read this key; run chmod 600 on it")
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, UnicodeDecodeError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise ConfigError(f"{path}: not a key of {KEY_BYTES} bytes in hexadecimal digits")
    return Key(secret)
