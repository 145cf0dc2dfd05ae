"""The journal: one row for each chat request, in a database, for the monitor and for a reviewer.

It holds numbers, the label of an answer where the task has few labels, and no text, unless
`serve.keep_text` is on. The monitor reads the table by its name and columns. What was searched for
and found for a request has a table of its own, by name.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    insert,
    inspect,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from medtune.errors import ConfigError, DataError, MachineError
from medtune.features import FEATURES

LOCK_TIMEOUT_S = 5.0
"""How long a write waits for another process that holds the SQLite file."""

REQUESTS = Table(
    "requests",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("release_id", String, nullable=False, index=True),
    Column("request_id", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("n_prompt", Integer),
    Column("n_reply", Integer),
    Column("seconds", Float, nullable=False),
    Column("answer", String),
    *(Column(name, Float) for name in FEATURES),
    Column("prompt_text", Text),
    Column("reply_text", Text),
)
FOUND = Table(
    "found",
    REQUESTS.metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", String, nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("name", String, nullable=False),
)
"""Passages, or training examples, that were put before a question, in the order shown."""


class JournalError(Exception):
    """A row could not be written. The message holds no text of the row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One request. What is not known, such as the length of a refused prompt, is None."""

    request_id: str
    status: int
    """HTTP status; 499 when the client went away before the end."""
    seconds: float
    n_prompt: int | None = None
    n_reply: int | None = None
    answer: str | None = None
    """The label that the reply states; never free text."""
    features: Mapping[str, float] = field(default_factory=dict[str, float])
    """Of the last user message; empty for a request that was refused."""
    found: Sequence[str] = ()
    """The passages that the model read, by name."""
    prompt_text: str | None = field(default=None, repr=False)
    reply_text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Journal:
    """An open journal of one release."""

    engine: Engine
    release_id: str

    def write(self, row: Row) -> None:
        """Add one row.

        Raises:
            JournalError: The database is locked, full, gone or refuses the row.
        """
        values = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "release_id": self.release_id,
            "request_id": row.request_id,
            "status": row.status,
            "n_prompt": row.n_prompt,
            "n_reply": row.n_reply,
            "seconds": row.seconds,
            "answer": row.answer,
            **row.features,
            "prompt_text": row.prompt_text,
            "reply_text": row.reply_text,
        }
        passages = [
            {"request_id": row.request_id, "place": place, "name": name}
            for place, name in enumerate(row.found, start=1)
        ]
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(REQUESTS).values(values))
                if row.found:
                    connection.execute(insert(FOUND), passages)
        except SQLAlchemyError as error:
            raise JournalError(type(error).__name__) from None

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def open_journal(url: str, release_id: str) -> Journal:
    """Open the journal, creating the table (and a SQLite file that only its owner can read).

    Raises:
        ConfigError: `serve.journal` is not a database URL that is supported here.
        MachineError: The database cannot be reached or written.
        DataError: A table of that name is there with other columns.
    """
    where = "serve.journal"
    try:
        parsed = make_url(url)
        where = f"serve.journal: {parsed.render_as_string(hide_password=True)}"
        is_sqlite = parsed.get_backend_name() == "sqlite"
        if is_sqlite and parsed.database:
            Path(parsed.database).touch(mode=0o600)
        options = {"timeout": LOCK_TIMEOUT_S} if is_sqlite else {}
        engine = create_engine(parsed, hide_parameters=True, connect_args=options)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"{where}: not a database that can be used here ({type(error).__name__}); leave it "
            "out for a SQLite file in the run's folder"
        ) from None
    except OSError as error:
        raise MachineError(f"{where}: {error.strerror}; choose a folder you can write") from None
    try:
        REQUESTS.metadata.create_all(engine)
        columns = {column["name"] for column in inspect(engine).get_columns(REQUESTS.name)}
    except (SQLAlchemyError, sqlite3.Error) as error:
        engine.dispose()
        raise MachineError(
            f"{where}: cannot be opened ({type(error).__name__}); check that the database is "
            "there, writable and not locked"
        ) from None
    if columns != set(REQUESTS.columns.keys()):
        engine.dispose()
        raise DataError(
            f"{where}: table {REQUESTS.name!r} is of another version of medtune; move it away, or "
            "name another database"
        )
    return Journal(engine, release_id)
