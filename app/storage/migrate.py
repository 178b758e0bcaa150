"""`funnel migrate`: brings the schema up to this release's revision, and grants its rights."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from app.settings import Database
from app.storage.days import ensure_segment_days
from app.storage.engine import driver_of, engine, reaching
from app.storage.grants import grant
from app.storage.revision import MIGRATIONS, check_server, newest

_LOCK: Final = 4_915_306_812  # any number, the same in every release


async def migrate(at: Database | str) -> str:
    """Bring the database (settings, or a plain URL) to this release's revision and return that.

    One transaction under an advisory lock: of two at once the second waits, then finds it done.
    Raises RevisionError (server too old), Unavailable.
    """
    database = engine(at, application_name="funnel migrate")
    try:
        with reaching("migrating"):
            async with database.begin() as connection:
                driver = await driver_of(connection)
                check_server(driver)
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                await connection.run_sync(_upgrade)
                await ensure_segment_days(driver)
                await grant(driver)
    finally:
        await database.dispose()
    return newest()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
