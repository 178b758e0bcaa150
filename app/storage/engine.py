"""The SQLAlchemy engine: migrations and every read that is not on the hot path."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.settings import Database
from app.storage.access import database_access
from app.storage.faults import DRIVER_ERRORS, reading
from app.storage.sessions import session_name

POOL_KEPT: Final = 5
POOL_MAX: Final = 15
"""Connections of an engine: kept open, and at most."""


def engine(database: Database | str, *, application_name: str = "funnel") -> AsyncEngine:
    """An engine for reads and migrations, on settings or a plain URL; dispose of it when done.
    Connects on first use."""
    settings = Database(url=SecretStr(database)) if isinstance(database, str) else database

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            **database_access(settings),
            server_settings={
                "application_name": session_name(application_name),
                "timezone": "UTC",
            },
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_pre_ping=True,
        pool_size=POOL_KEPT,
        max_overflow=POOL_MAX - POOL_KEPT,
    )


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
