"""Read the server's journal: the table `requests`, as `serve` writes it, and only numbers of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, Table, create_engine, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from medtune.errors import ConfigError, DataError, MachineError
from medtune.features import FEATURES, NO_LABEL

TABLE = "requests"
OK = 200


@dataclass(frozen=True, slots=True)
class Use:
    """What the latest answered requests looked like."""

    n: int
    features: Mapping[str, Sequence[float]]
    answers: Mapping[str, int]
    """Replies by label; those that state none are counted under `NO_LABEL`."""


def read_use(url: str, release_id: str, *, latest: int) -> Use:
    """The latest answered requests of one release, `latest` at the most.

    A journal that does not exist yet has no requests, and is not created.

    Raises:
        ConfigError: `serve.journal` is not a database URL.
        MachineError: The database cannot be read.
        DataError: The table is of another version.
    """
    try:
        parsed = make_url(url)
        is_file = parsed.get_backend_name() == "sqlite" and bool(parsed.database)
        if is_file and not Path(str(parsed.database)).is_file():
            return _use([])
        engine = create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"serve.journal: not a database that can be used here ({type(error).__name__})"
        ) from None
    where = f"serve.journal: {parsed.render_as_string(hide_password=True)}"
    try:
        return _use(_rows(engine, release_id, latest))
    except NoSuchTableError:
        return _use([])
    except KeyError as error:
        raise DataError(
            f"{where}: table {TABLE!r} has no column {error}; it is of another version of medtune"
        ) from None
    except SQLAlchemyError as error:
        raise MachineError(
            f"{where}: cannot be read ({type(error).__name__}); check that it is there and is a "
            "journal of medtune"
        ) from None
    finally:
        engine.dispose()


def _rows(engine: Engine, release_id: str, latest: int) -> list[Mapping[str, object]]:
    table = Table(TABLE, MetaData(), autoload_with=engine)
    query = (
        select(table.c["answer"], *(table.c[name] for name in FEATURES))
        .where(
            table.c["release_id"] == release_id,
            table.c["status"] == OK,
            # a CDS Hooks call has no text, and no reply of the model
            *(table.c[name].is_not(None) for name in FEATURES),
        )
        .order_by(table.c["id"].desc())
        .limit(latest)
    )
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _use(rows: Sequence[Mapping[str, object]]) -> Use:
    return Use(
        n=len(rows),
        features={name: [float(str(row[name])) for row in rows] for name in FEATURES},
        answers=Counter(str(row["answer"] or NO_LABEL) for row in rows),
    )
