"""The schema's revision: every role but `funnel migrate` refuses a wrong one.

Asked over the driver alone: what migrates (Alembic and SQLAlchemy) costs a process 25 MB.
"""

from pathlib import Path
from typing import Final

import asyncpg

from app.errors import RevisionError
from app.storage.faults import reading

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"
POSTGRES_MIN: Final = 17

_IS_MIGRATED: Final = "SELECT to_regclass('alembic_version') IS NOT NULL"


async def check_revision(connection: asyncpg.Connection) -> None:
    """RevisionError unless server and schema are what this release works with."""
    with reading("checking the schema's revision"):
        check_server(connection)
        found = None
        if await connection.fetchval(_IS_MIGRATED):
            found = await connection.fetchval("SELECT version_num FROM alembic_version")
    if found != newest():
        raise RevisionError(
            f"the database is at revision {found or 'none (empty)'}, this release needs "
            f"{newest()}: run `funnel migrate` with the release that is to run"
        )


def newest() -> str:
    """The revision this release needs: the last file's, they are numbered."""
    files = sorted((MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    assert files, f"no migrations in {MIGRATIONS}"
    return files[-1].name.partition("_")[0]


def check_server(connection: asyncpg.Connection) -> None:
    """RevisionError: it is too old."""
    major = connection.get_server_version().major
    if major < POSTGRES_MIN:
        raise RevisionError(
            f"PostgreSQL is version {major}, this release needs {POSTGRES_MIN} or newer: upgrade"
            " the server"
        )
