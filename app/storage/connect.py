"""Connections for the lane, through asyncpg; everything else reads through `engine`."""

from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import SettingsError, Unavailable
from app.settings import Database
from app.storage.access import database_access
from app.storage.faults import DRIVER_ERRORS, described
from app.storage.sessions import session_name

POSTGRES_EPOCH: Final[Microseconds] = 946_684_800_000_000
"""2000-01-01T00:00:00Z, from which PostgreSQL counts its microseconds."""

_PLANNER: Final = {
    # a staged batch against a big table: always look up by key, whatever the statistics say
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "timezone": "UTC",
}


async def connect(database: Database, *, application_name: str) -> asyncpg.Connection:
    """A connection for the lane. On it a timestamptz is an int, microseconds since 1970.

    `application_name` is the incarnation id, so that a successor can end these sessions.
    Raises Unavailable.
    """
    name = session_name(application_name)
    assert len(name.encode()) < 64, "PostgreSQL cuts an application_name at 63 bytes"
    try:
        connection: asyncpg.Connection = await asyncpg.connect(
            **database_access(database),
            # the server gives up first; this is for a server that no longer answers
            command_timeout=database.transaction_timeout_seconds + database.connect_timeout_seconds,
            max_cached_statement_lifetime=0,
            server_settings={**_PLANNER, "application_name": name},
        )
    except asyncpg.ClientConfigurationError as wrong:
        raise SettingsError(f"FUNNEL_DATABASE__URL: {wrong}") from None
    except DRIVER_ERRORS as failed:
        raise Unavailable(f"PostgreSQL can't be reached: {described(failed)}") from failed
    try:
        await connection.set_type_codec(
            "timestamptz",
            schema="pg_catalog",
            format="tuple",
            encoder=lambda at: (at - POSTGRES_EPOCH,),
            decoder=lambda wire: wire[0] + POSTGRES_EPOCH,
        )
    except DRIVER_ERRORS as failed:
        connection.terminate()
        raise Unavailable(f"PostgreSQL can't be reached: {described(failed)}") from failed
    return connection
