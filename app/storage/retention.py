"""How long segments are kept: a day at a time, and never what is still needed.

A day goes when it is older than the setting, older than what a replay may ask for, and when every
batch of it is published for certain. Sealed evidence, history and dead letters stay.
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import asyncpg
import structlog

from app.storage.faults import reading

log = structlog.get_logger(__name__)

DAYS_AT_ONCE: Final = 4
"""Each locks the lanes' inserts for a moment."""
LOCK_MS: Final = 500
_DAY: Final = re.compile(r"segment_(\d{4})(\d{2})(\d{2})")

_DAYS: Final = """
SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = 'segment'::regclass ORDER BY c.relname
"""
_NEEDED: Final = """
SELECT p.lane, p.partition FROM lane_partition AS p
 WHERE EXISTS (SELECT 1 FROM {table} AS s WHERE s.lane = p.lane AND s.partition = p.partition
                  AND s.batch_seq > p.published_seq)
    OR EXISTS (SELECT 1 FROM catch_up AS u WHERE u.lane = p.lane AND u.partition = p.partition
                  AND u.ended_at IS NULL)
 ORDER BY p.lane, p.partition LIMIT 1
"""


class Dropped(NamedTuple):
    days: list[date]
    kept: dict[date, str]
    """Days that are old enough, and why they are still there."""


def oldest_kept(segment_days: int, replay_days: int, today: date | None = None) -> date:
    """The first day that stays."""
    today = today or datetime.now(UTC).date()
    return today - timedelta(days=max(segment_days, replay_days))


async def days(connection: asyncpg.Connection) -> list[date]:
    """Days that have a table, oldest first."""
    with reading("reading the segments' days"):
        rows = await connection.fetch(_DAYS)
    found = (_DAY.fullmatch(row["relname"]) for row in rows)
    return [date(*map(int, match.groups())) for match in found if match is not None]


async def why_needed(connection: asyncpg.Connection, day: date) -> str | None:
    """None: nothing of it is needed any more."""
    with reading("looking for what is not published"):
        row = await connection.fetchrow(_NEEDED.format(table=f"segment_{day:%Y%m%d}"))
    if row is None:
        return None
    return f"lane {row['lane']}, partition {row['partition']}: not published for certain"


async def drop_old_days(
    connection: asyncpg.Connection, before: date, *, limit: int = DAYS_AT_ONCE
) -> Dropped:
    """Days before `before`, oldest first, at most `limit`. Never waits long for a lock: another
    time will do. Raises Unavailable."""
    dropped = Dropped([], {})
    for day in [day for day in await days(connection) if day < before]:
        if len(dropped.days) >= limit:
            break
        why = await why_needed(connection, day)
        if why is None:
            why = await _drop(connection, day)
        if why is None:
            dropped.days.append(day)
            log.info("segment_day_dropped", day=day.isoformat())
        else:
            dropped.kept[day] = why
            log.warning("segment_day_kept", day=day.isoformat(), why=why)
    return dropped


async def _drop(connection: asyncpg.Connection, day: date) -> str | None:
    """None: it is gone."""
    with reading("dropping a segments' day"):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                await connection.execute(f"DROP TABLE segment_{day:%Y%m%d}")
        except asyncpg.LockNotAvailableError:
            return "the table is in use; the next time will do"
        except asyncpg.InsufficientPrivilegeError:
            return "this role may not drop it: run `funnel storage --drop` as the owner"
        except asyncpg.UndefinedTableError:
            return None  # another worker was faster
    return None
