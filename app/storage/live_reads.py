"""What the live view asks PostgreSQL: where a start may begin to count, and what was published
between two batches. Every function raises Unavailable when PostgreSQL is away.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.storage.engine import driver_of, reaching
from app.storage.stored import microseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_APPLIED: Final = "SELECT partition, batch_seq FROM lane_partition WHERE lane = $1"

_COUNTED: Final = """
SELECT tenant, kind, from_stage, to_stage, date_trunc('minute', decided_at) AS minute, count(*)
  FROM stage_change WHERE decided_at >= $1
 GROUP BY 1, 2, 3, 4, 5 LIMIT $2
"""

_PUBLISHED: Final = """
SELECT asked.lane, asked.partition, s.batch_seq, s.as_of
  FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[])
       AS asked(lane, partition, after, upto)
 CROSS JOIN LATERAL (
       SELECT batch_seq, as_of FROM segment
        WHERE lane = asked.lane AND partition = asked.partition
          AND batch_seq > asked.after AND batch_seq <= asked.upto
        ORDER BY batch_seq LIMIT $5) AS s
 ORDER BY 1, 2, 3
"""

_OUTPUTS: Final = """
SELECT s.outputs
  FROM unnest($1::text[], $2::integer[], $3::bigint[]) WITH ORDINALITY
       AS asked(lane, partition, batch_seq, n)
  LEFT JOIN LATERAL (
       SELECT outputs FROM segment
        WHERE lane = asked.lane AND partition = asked.partition
          AND batch_seq = asked.batch_seq
        LIMIT 1) AS s ON true
 ORDER BY asked.n
"""


class CountedMoves(msgspec.Struct, frozen=True):
    tenant: str
    kind: str
    from_stage: str
    to_stage: str
    minute: Microseconds
    n: int


class Range(NamedTuple):
    """Batches of a lane partition: those after one, up to another."""

    lane: str
    partition: int
    after: int
    upto: int


class PublishedBatch(NamedTuple):
    lane: str
    partition: int
    batch_seq: int
    as_of: Microseconds


async def applied(engine: AsyncEngine, lane: str) -> dict[int, int]:
    """D's batch_seq by partition."""
    with reaching("reading the lane's partitions"):
        async with engine.connect() as connection:
            rows = await (await driver_of(connection)).fetch(_APPLIED, lane)
    return {row["partition"]: row["batch_seq"] for row in rows}


async def moves_since(
    engine: AsyncEngine, lane: str, since: Microseconds, *, rows_max: int, timeout_seconds: float
) -> tuple[dict[int, int], list[CountedMoves]] | None:
    """How often who moved, minute by minute, and up to which batch of each partition that is: of
    one moment. None: it took too long, or there are too many."""
    limit = rows_max + 1
    with reaching("counting what was decided"):
        async with engine.connect() as connection:
            driver = await driver_of(connection)
            async with driver.transaction(isolation="repeatable_read", readonly=True):
                await driver.execute(
                    f"SET LOCAL statement_timeout = {round(timeout_seconds * 1000)}"
                )
                upto = await driver.fetch(_APPLIED, lane)
                rows = await driver.fetch(_COUNTED, _EPOCH + timedelta(microseconds=since), limit)
    if len(rows) == limit:
        return None
    counted = [
        CountedMoves(tenant, kind, from_stage, to_stage, microseconds(minute), n)
        for tenant, kind, from_stage, to_stage, minute, n in rows
    ]
    return {row["partition"]: row["batch_seq"] for row in upto}, counted


async def published(
    engine: AsyncEngine, ranges: Sequence[Range], *, limit: int
) -> list[PublishedBatch]:
    """By partition, in order; of each at most `limit`. Those that retention took are missing."""
    with reaching("reading what was published"):
        async with engine.connect() as connection:
            rows = await (await driver_of(connection)).fetch(_PUBLISHED, *_columns(ranges), limit)
    return [
        PublishedBatch(lane, partition, batch_seq, microseconds(as_of))
        for lane, partition, batch_seq, as_of in rows
    ]


async def outputs(engine: AsyncEngine, batches: Sequence[PublishedBatch]) -> list[bytes | None]:
    """Their output records, packed, in the order asked; None: retention took them meanwhile."""
    asked = [batch[:3] for batch in batches]
    with reaching("reading what was published"):
        async with engine.connect() as connection:
            rows = await (await driver_of(connection)).fetch(_OUTPUTS, *_columns(asked))
    return [row["outputs"] for row in rows]


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
