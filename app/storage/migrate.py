"""`funnel migrate`: brings the schema to what this release needs, and grants its rights.

What a migration expands is done at once, beside processes of the release before. What one contracts
waits to be asked for (`finish`), and until no process runs that would miss it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import RevisionError, Unavailable
from app.settings import Database
from app.storage.days import ensure_segment_days
from app.storage.engine import driver_of, engine, reaching
from app.storage.grants import grant
from app.storage.migrations import MIGRATIONS, Migration, known, needed
from app.storage.revision import check_server, read_revision
from app.storage.sessions import MIGRATING, older_than

_LOCK: Final = 4_915_306_812  # any number, the same in every release

LOCK_TIMEOUT_MS: Final = 500
"""Whoever comes to a table after a migration that waits for it, waits for both."""
_HOLD_LANES: Final = "LOCK TABLE lane_partition IN EXCLUSIVE MODE"
"""An apply writes there first. Held up here it holds no other table, so the two can't dead-lock."""
TRIES_MAX: Final = 40
PAUSE_SECONDS: Final = 0.5


class Migrated(NamedTuple):
    revision: str
    floor: str
    """The oldest revision whose release may run."""
    waiting: list[str]
    """Revisions that contract, and were not asked for."""


async def migrate(at: Database | str, *, finish: bool = False) -> Migrated:
    """Bring the database (settings, or a plain URL) to this release's revision; with `finish` take
    away what no release needs any more. An empty one gets everything.

    One transaction under an advisory lock: of two at once the second waits, then finds it done.
    Raises RevisionError (server too old; older processes run), Unavailable.
    """
    database = engine(at, application_name=MIGRATING)
    try:
        for _ in range(TRIES_MAX):
            try:
                return await _migrate(database, finish)
            except Unavailable as away:
                if not isinstance(away.__cause__, asyncpg.LockNotAvailableError):
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await database.dispose()
    raise Unavailable(
        f"PostgreSQL, migrating: other transactions kept a table through {TRIES_MAX} tries. See in"
        " pg_stat_activity which have lasted long (xact_start), end them, then migrate again"
    )


async def _migrate(database: AsyncEngine, finish: bool) -> Migrated:
    with reaching("migrating"):
        async with database.begin() as connection:
            driver = await driver_of(connection)
            check_server(driver)
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
            found, _ = await read_revision(driver)
            migrations = known()
            ahead = [each for each in migrations if each.revision > (found or "")]
            if found is not None:
                ahead = await _allowed(driver, ahead, needed(migrations), finish)
            if ahead:
                if found is not None:
                    await connection.execute(text(_HOLD_LANES))
                await connection.run_sync(_upgrade, ahead[-1].revision)
            done = await _noted(connection, migrations)
            await ensure_segment_days(driver)
            await grant(driver)
            return done


async def _allowed(
    connection: asyncpg.Connection, ahead: Sequence[Migration], least: str, finish: bool
) -> list[Migration]:
    """Those of `ahead` that may be done now. RevisionError: they are not enough, or not all that
    were asked for."""
    for n, each in enumerate(ahead):
        if not each.is_contract:
            continue
        if not finish:
            if each.revision < least:
                raise RevisionError(
                    f"migration {each.revision} takes away what releases before {each.floor} need,"
                    f" and this release needs one that follows it: finish the last upgrade first,"
                    " with `funnel migrate --finish` of the release that runs"
                )
            return list(ahead[:n])
        older = await older_than(connection, each.floor)
        if older:
            raise RevisionError(_still_running(each, older))
    return list(ahead)


def _still_running(each: Migration, older: Mapping[str, int]) -> str:
    names = ", ".join(f"{name} ({n})" for name, n in sorted(older.items()))
    return (
        f"migration {each.revision} takes away what releases before {each.floor} need, and such"
        f" ones are connected (sessions): {names}. Replace them first; nothing was changed"
    )


async def _noted(connection: AsyncConnection, migrations: Sequence[Migration]) -> Migrated:
    """Write the floor: that of the last migration that was done and is known. A database that is
    ahead of this release keeps the one it has."""
    driver = await driver_of(connection)
    revision, floor = await read_revision(driver)
    assert revision is not None, "it was migrated just now"
    done = [each.floor for each in migrations if each.revision <= revision]
    floor = max([*done, floor or ""])
    await driver.execute("DELETE FROM revision_floor")
    await driver.execute("INSERT INTO revision_floor (floor) VALUES ($1)", floor)
    waiting = [each.revision for each in migrations if each.revision > revision]
    return Migrated(revision, floor, waiting)


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
