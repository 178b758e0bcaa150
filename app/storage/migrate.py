"""The schema's revision: `funnel migrate` brings it up, every other role refuses a wrong one."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import RevisionError
from app.storage.days import ensure_segment_days
from app.storage.engine import engine, reaching

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"
POSTGRES_MIN: Final = 170_000
_LOCK: Final = 4_915_306_812  # any number, the same in every release


async def migrate(url: str) -> str:
    """Bring the database at `url` to this release's revision and return that.

    One transaction under an advisory lock: of two at once the second waits, then finds it done.
    Raises RevisionError (server too old), Unavailable.
    """
    database = engine(url, application_name="funnel migrate")
    try:
        with reaching("migrating"):
            async with database.begin() as connection:
                await _check_server(connection)
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                await connection.run_sync(_upgrade)
                await ensure_segment_days(connection)
    finally:
        await database.dispose()
    return newest()


async def check_revision(database: AsyncEngine) -> None:
    """RevisionError unless server and schema are what this release works with."""
    with reaching("checking the schema's revision"):
        async with database.connect() as connection:
            await _check_server(connection)
            found = await connection.run_sync(_current)
    if found != newest():
        raise RevisionError(
            f"the database is at revision {found or 'none (empty)'}, this release needs "
            f"{newest()}: run `funnel migrate` with the release that is to run"
        )


def newest() -> str:
    """The revision this release needs."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    assert head is not None, f"no migrations in {MIGRATIONS}"
    return head


async def _check_server(connection: AsyncConnection) -> None:
    found = await connection.execute(text("SELECT current_setting('server_version_num')::int"))
    version = found.scalar_one()
    if version < POSTGRES_MIN:
        raise RevisionError(
            f"PostgreSQL is version {version // 10_000}, this release needs "
            f"{POSTGRES_MIN // 10_000} or newer: upgrade the server"
        )


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
