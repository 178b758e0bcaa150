"""Flows of times gone by, summed over the lane's partitions: who reads them reads a fraction.

Each partition counts for itself, so that no worker waits for another (`app.storage.flows`); of a
day that is over nobody counts any more, but for what comes late. Rows are added up whenever they
are read, so it makes no difference where they stand, and what comes late is counted in its
partition and summed the next time.

Lanes go first: rows they hold are passed over, and this gives up before it waits for long.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import asyncpg
import structlog

from app.storage.faults import reading

log = structlog.get_logger(__name__)

SUMMED: Final = -1
"""In the place of the partition: of all of them."""
SETTLED_DAYS: Final = 7
"""After so many days little comes late."""
AT_ONCE: Final = 1_000
"""Rows in a transaction; a lane may wait for them, if it counts what comes late."""
ROUNDS: Final = 1_000
LOCK_MS: Final = 100
"""Less than after what PostgreSQL looks for lanes and this waiting for each other."""
_LOCK: Final = 4_915_306_813  # any number, the same in every release


class _Flow(NamedTuple):
    table: str
    time: str
    key: str
    """Without the partition."""


_FLOWS: Final = (
    _Flow("stage_flow", "day", "tenant, day, from_stage, to_stage"),
    _Flow("touch_flow", "month", "tenant, month, channel, campaign, from_stage, to_stage"),
)

_SUM: Final = """
WITH settled AS (
  SELECT partition, {key} FROM {table} WHERE partition = $1 AND {time} < $2 LIMIT $3
     FOR UPDATE SKIP LOCKED),
gone AS (
  DELETE FROM {table} WHERE (partition, {key}) IN (SELECT partition, {key} FROM settled)
  RETURNING *),
summed AS (
  INSERT INTO {table} AS f (partition, {key}, n, stayed_seconds)
  SELECT {summed}, {key}, sum(n), sum(stayed_seconds) FROM gone GROUP BY {key} ORDER BY {key}
      ON CONFLICT (partition, {key}) DO UPDATE SET
         n = f.n + excluded.n, stayed_seconds = f.stayed_seconds + excluded.stayed_seconds)
SELECT count(*) FROM gone
"""


async def sum_settled_flows(
    connection: asyncpg.Connection,
    today: date | None = None,
    *,
    at_once: int = AT_ONCE,
    rounds: int = ROUNDS,
) -> int:
    """Of days and whole months that ended a while before `today`; how many rows were summed, at
    most `at_once * rounds`. Raises Unavailable."""
    until = (today or datetime.now(UTC).date()) - timedelta(days=SETTLED_DAYS)
    before = {"day": until, "month": until.replace(day=1)}
    with reading("looking for flows to sum"):
        rows = await connection.fetch("SELECT DISTINCT partition FROM lane_partition ORDER BY 1")
    count = 0
    for flow in _FLOWS:
        statement = _SUM.format(**flow._asdict(), summed=SUMMED)
        for row in rows:
            found = at_once
            while found == at_once and rounds > 0:
                given = (row["partition"], before[flow.time], at_once)
                found = await _sum(connection, statement, given)
                count, rounds = count + found, rounds - 1
    return count


async def _sum(connection: asyncpg.Connection, statement: str, given: tuple[int, date, int]) -> int:
    with reading("summing flows"):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                    return 0  # another worker does it
                return int(await connection.fetchval(statement, *given))
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return 0  # the next time will do
        except asyncpg.InsufficientPrivilegeError:
            log.warning("flows are not summed: the role may not: run `funnel migrate`")
            return 0
