"""More lane partitions: every contact and account gets its new home, in one transaction.

Nobody may own a partition meanwhile, and everything must be published: the rows are locked, and a
worker that waits for one finds another N afterwards and ends. N is multiplied, so a contact stays
where it is or goes to a new partition; numbers of batches go on above all there were, so that no
address of evidence means another batch.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import asyncpg

from app.domain.routing import home_partition, routing_key
from app.errors import FunnelError
from app.storage.faults import reading

PAGE: Final = 10_000
TIMEOUT_SECONDS: Final = 6 * 3600.0


class Resized(NamedTuple):
    moved: dict[str, int]
    """Rows by table."""


_TABLES: Final = """
SELECT c.relname AS name, array_agg(a.attname::text) AS columns
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = current_schema()
 GROUP BY c.relname ORDER BY c.relname
"""
_LOCK: Final = """
SELECT lane, partition, owner, batch_seq, published_seq FROM lane_partition
 ORDER BY lane, partition FOR UPDATE
"""
_UNSWEPT: Final = "SELECT count(*) FROM model_timeline WHERE swept_at IS NULL"
_BEHIND: Final = "SELECT count(*) FROM catch_up WHERE ended_at IS NULL"
_ROWS: Final = """
INSERT INTO lane_partition (lane, partition, epoch, owner, batch_seq, next_offsets, as_of,
                            published_seq, published_offsets)
SELECT l.lane, n.partition, 0, NULL, s.batch_seq, z.offsets, s.as_of, s.batch_seq, z.offsets
  FROM lane AS l
 CROSS JOIN generate_series(l.partitions, $1::integer - 1) AS n (partition)
 CROSS JOIN LATERAL (SELECT array_fill(0::bigint, ARRAY[cardinality(l.topics)])) AS z (offsets)
 CROSS JOIN LATERAL (SELECT max(p.batch_seq) AS batch_seq, max(p.as_of) AS as_of
                       FROM lane_partition AS p WHERE p.lane = l.lane) AS s
    ON CONFLICT (lane, partition) DO UPDATE SET
       as_of = greatest(lane_partition.as_of, excluded.as_of)
"""
_TIMELINES: Final = """
INSERT INTO model_timeline (partition, tenant, generation, content_hash, mode, active_from,
                            activated_by, actor, decided_at, cursor, swept, swept_at)
SELECT n.partition, t.tenant, t.generation, t.content_hash, t.mode, t.active_from,
       t.activated_by, t.actor, t.decided_at, t.cursor, 0, t.swept_at
  FROM model_timeline AS t CROSS JOIN generate_series($1::integer, $2::integer) AS n (partition)
 WHERE t.partition = 0
"""
_RECOUNT: Final = """
INSERT INTO counter (partition, tenant, stage, n)
SELECT partition, tenant, stage, count(*) FROM contact
 WHERE stage <> 'none' GROUP BY partition, tenant, stage
"""


async def resize(connection: asyncpg.Connection, lanes: Sequence[str], partitions: int) -> Resized:
    """All or nothing. FunnelError says what is in the way; Unavailable."""
    with reading("giving contacts new homes"):
        async with connection.transaction():
            before = await _may_begin(connection, lanes, partitions)
            if before == partitions:
                return Resized({})  # said again after it was done
            moved = await _move_all(connection, partitions)
            await connection.execute("UPDATE lane_partition SET epoch = epoch + 1")
            await connection.execute(_ROWS, partitions)
            await connection.execute(_TIMELINES, before, partitions - 1)
            await connection.execute("DELETE FROM counter")
            await connection.execute(_RECOUNT, timeout=TIMEOUT_SECONDS)
            await connection.execute("UPDATE lane SET partitions = $1", partitions)
    return Resized(moved)


async def _may_begin(connection: asyncpg.Connection, lanes: Sequence[str], partitions: int) -> int:
    """N as it is."""
    recorded = {
        row["lane"]: row["partitions"]
        for row in await connection.fetch("SELECT lane, partitions FROM lane FOR UPDATE")
    }
    if set(recorded) != set(lanes) or len(set(recorded.values())) != 1:
        raise FunnelError(
            f"the lanes have {recorded} partitions: they must be {list(lanes)}, alike"
        )
    before: int = next(iter(recorded.values()))
    if before == partitions:
        return before
    if partitions < before or partitions % before:
        raise FunnelError(
            f"{partitions} is no multiple of the {before} partitions there are: say"
            f" {2 * before} or {3 * before}. Partitions can't become fewer."
        )
    await connection.execute("SET LOCAL lock_timeout = 2000")
    busy = [
        f"{row['lane']} {row['partition']}"
        for row in await connection.fetch(_LOCK)
        if row["owner"] is not None or row["batch_seq"] != row["published_seq"]
    ]
    if busy:
        raise FunnelError(f"partitions {', '.join(busy[:5])} are at work: stop every worker")
    if await connection.fetchval(_UNSWEPT):
        raise FunnelError("a model is still being activated: wait until `funnel model timeline`"
                          " says that every partition is done")  # fmt: skip
    if await connection.fetchval(_BEHIND):
        raise FunnelError("partitions still catch up after a restore: start workers and wait")
    return before


async def _move_all(connection: asyncpg.Connection, partitions: int) -> dict[str, int]:
    """Every table whose rows are known by partition, tenant, and account or contact."""
    moved = {}
    for row in await connection.fetch(_TABLES):
        columns = set(row["columns"])
        if not {"partition", "tenant"} <= columns or "lane" in columns:
            continue
        key = next((name for name in ("account_id", "contact_id") if name in columns), None)
        if key is not None:
            moved[row["name"]] = await _move(connection, row["name"], key, partitions)
    return moved


async def _move(connection: asyncpg.Connection, table: str, key: str, partitions: int) -> int:
    """Homes are murmur2, which PostgreSQL does not know: they are told to it."""
    await connection.execute(
        "CREATE TEMPORARY TABLE new_home (partition integer, tenant text, key text, home integer)"
        " ON COMMIT DROP"
    )
    places = f"SELECT DISTINCT partition, tenant, {key} AS key FROM {table}"  # noqa: S608
    page: list[tuple[int, str, str, int]] = []
    async for row in connection.cursor(places, prefetch=PAGE, timeout=TIMEOUT_SECONDS):
        home = home_partition(routing_key(row["tenant"], row["key"]), partitions)
        if home != row["partition"]:
            page.append((row["partition"], row["tenant"], row["key"], home))
        if len(page) == PAGE:
            await _tell(connection, page)
            page = []
    await _tell(connection, page)
    await connection.execute("ANALYZE new_home")
    status = await connection.execute(
        f"UPDATE {table} AS t SET partition = n.home FROM new_home AS n"  # noqa: S608
        f" WHERE t.partition = n.partition AND t.tenant = n.tenant AND t.{key} = n.key",
        timeout=TIMEOUT_SECONDS,
    )
    await connection.execute("DROP TABLE new_home")
    return int(status.removeprefix("UPDATE "))


async def _tell(connection: asyncpg.Connection, page: Iterable[tuple[int, str, str, int]]) -> None:
    await connection.copy_records_to_table("new_home", records=page)
