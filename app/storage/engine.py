"""The SQLAlchemy engine: migrations and every read that is not on the hot path."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncpg
from pydantic import SecretStr
from sqlalchemy import Executable, Row, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.settings import Database
from app.storage.access import database_access
from app.storage.faults import DRIVER_ERRORS, reading
from app.storage.sessions import session_name

POOL_KEPT: Final = 5
POOL_MAX: Final = 15
"""Connections of an engine: kept open, and at most."""

_PLANNER: Final = {
    # what people ask must not take the lanes' cores, and is too short for machine code
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


def engine(database: Database | str, *, application_name: str = "funnel") -> AsyncEngine:
    """An engine for reads and migrations, on settings or a plain URL; dispose of it when done.
    Connects on first use."""
    settings = Database(url=SecretStr(database)) if isinstance(database, str) else database

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            **database_access(settings),
            server_settings={
                **_PLANNER,
                "application_name": session_name(application_name),
                "timezone": "UTC",
            },
        )

    made = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_KEPT,
        max_overflow=POOL_MAX - POOL_KEPT,
        pool_use_lifo=True,  # the one that was used last has most statements prepared
    )
    event.listen(made.sync_engine, "checkout", _refuse_lost)
    return made


def reads_of(engine: AsyncEngine) -> AsyncEngine:
    """On the same connections, for statements that are read one by one: without a transaction
    around each, which is two more ways to the server and back."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


async def rows_of(
    engine: AsyncEngine, doing: str, query: Executable, given: Mapping[str, Any] | None = None
) -> Sequence[Row[*tuple[Any, ...]]]:
    """What one statement reads; `given`: its parameters. Raises Unavailable, which says that it
    was `doing`."""
    with reaching(doing):
        async with reads_of(engine).connect() as connection:
            return (await connection.execute(query, given)).all()


def _refuse_lost(connection: Any, _record: object, _proxy: object) -> None:
    """The driver hears of it when the server goes: no need to ask it each time, which would be
    three ways to the server and back."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the server has closed a connection")


async def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection below, in the same transaction once that has begun."""
    below = (await connection.get_raw_connection()).driver_connection
    assert isinstance(below, asyncpg.Connection)
    return below


@contextmanager
def reaching(doing: str) -> Iterator[None]:
    """As `faults.reading`, for statements through SQLAlchemy, which wraps the driver's errors."""
    with reading(doing):
        try:
            yield
        except DBAPIError as failed:
            adapted = failed.orig
            if adapted is not None and isinstance(adapted.__cause__, DRIVER_ERRORS):
                raise adapted.__cause__ from failed
            raise
