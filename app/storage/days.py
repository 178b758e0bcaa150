"""The days of `segment`: one table each, so that retention drops a day and rewrites nothing."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

import asyncpg

DAYS_AHEAD: Final = 7
_LOCK: Final = 4_915_306_813

_EXISTING: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'segment'::regclass
"""


_IS_OWNER: Final = """
SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'segment'::regclass
"""


async def ensure_segment_days(
    connection: asyncpg.Connection, today: date | None = None, ahead: int = DAYS_AHEAD
) -> list[str]:
    """Create the tables from yesterday to `ahead` days from today; returns the new ones.

    Runs in the caller's transaction, any number at once. Segments of a day that had no table yet
    went to segment_default and move to theirs.
    """
    today = today or datetime.now(UTC).date()
    days = [today + timedelta(days=n) for n in range(-1, ahead + 1)]
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    existing = {row["relname"] for row in await connection.fetch(_EXISTING)}
    missing = [day for day in days if _table(day) not in existing]
    if missing:
        is_owner = await connection.fetchval(_IS_OWNER)
        for day in missing:
            await (_create if is_owner else _ask_for)(connection, day)
    return [_table(day) for day in missing]


def _table(day: date) -> str:
    return f"segment_{day:%Y%m%d}"


async def _ask_for(connection: asyncpg.Connection, day: date) -> None:
    """Of the owner's function (app/storage/grants.py): this role may not change the schema."""
    await connection.execute("SELECT funnel_segment_day($1)", day)


async def _create(connection: asyncpg.Connection, day: date) -> None:
    """Attach, not PARTITION OF: that would lock out the lanes' inserts."""
    name, after = _table(day), day + timedelta(days=1)
    for statement in (
        f"CREATE TABLE {name} (LIKE segment INCLUDING ALL)",
        f"WITH moved AS (DELETE FROM segment_default WHERE day = '{day}' RETURNING *)"  # noqa: S608
        f" INSERT INTO {name} SELECT * FROM moved",
        f"ALTER TABLE segment ATTACH PARTITION {name} FOR VALUES FROM ('{day}') TO ('{after}')",
    ):
        await connection.execute(statement)
