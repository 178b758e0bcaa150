"""The schema's revision: every role but `funnel migrate` refuses one it can't work with.

Asked over the driver alone: what migrates (Alembic and SQLAlchemy) costs a process 25 MB.
"""

from typing import Final

import asyncpg

from app.errors import RevisionError
from app.storage.faults import reading
from app.storage.migrations import known, needed

POSTGRES_MIN: Final = 17

_IS_THERE: Final = "SELECT to_regclass($1) IS NOT NULL"
_REVISION: Final = "SELECT version_num FROM alembic_version"
_FLOOR: Final = "SELECT floor FROM revision_floor"


async def check_revision(connection: asyncpg.Connection) -> None:
    """RevisionError unless server and schema are such that this release works with them.

    The schema may be of a newer release: what that can't go along with any more is said by the
    floor, in the database, for an older release does not know newer migrations.
    """
    with reading("checking the schema's revision"):
        check_server(connection)
        revision, floor = await read_revision(connection)
    migrations = known()
    own, least = migrations[-1].revision, needed(migrations)
    if revision is None or revision < least:
        raise RevisionError(
            f"the database is at revision {revision or 'none (empty)'}, this release needs "
            f"{least}: run `funnel migrate` with the release that is to run"
        )
    if own < (floor or revision):
        raise RevisionError(
            f"the database is at revision {revision}, which only releases of revision"
            f" {floor or revision} or newer work with, and this release is of {own}: an upgrade was"
            " finished. Run the newer release; going back is restoring a backup"
        )


async def read_revision(connection: asyncpg.Connection) -> tuple[str | None, str | None]:
    """Revision and floor of the database. None: empty, or from before there were floors."""
    revision, floor = [
        await connection.fetchval(question) if await connection.fetchval(_IS_THERE, table) else None
        for table, question in (("alembic_version", _REVISION), ("revision_floor", _FLOOR))
    ]
    return revision, floor


def check_server(connection: asyncpg.Connection) -> None:
    """RevisionError: it is too old."""
    major = connection.get_server_version().major
    if major < POSTGRES_MIN:
        raise RevisionError(
            f"PostgreSQL is version {major}, this release needs {POSTGRES_MIN} or newer: upgrade"
            " the server"
        )
