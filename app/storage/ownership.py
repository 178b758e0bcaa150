"""Who owns a lane partition: the statements of takeover and release, each on its own.

All need a connection from `connect`. Unavailable: nothing is known to have changed; where a change
was asked for, read the row again: finding oneself as owner unawares means a new incarnation.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import Halted
from app.storage.faults import reading
from app.storage.rows import LaneRow, Offsets, PartitionRow, SegmentRow

_PARTITION: Final = (
    "lane, partition, epoch, owner, batch_seq, next_offsets, as_of,"
    " published_seq, published_offsets"
)


async def read_lane(connection: asyncpg.Connection, lane: str) -> LaneRow | None:
    with reading("reading the lane"):
        row = await connection.fetchrow(
            "SELECT lane, partitions, topics, topic_ids FROM lane WHERE lane = $1", lane
        )
    if row is None:
        return None
    return LaneRow(row["lane"], row["partitions"], tuple(row["topics"]), tuple(row["topic_ids"]))


async def record_lane(
    connection: asyncpg.Connection,
    lane: str,
    partitions: int,
    topics: Sequence[str],
    topic_ids: Sequence[str],
) -> LaneRow:
    """Record a lane seen for the first time; returns what stands now, whoever wrote it first."""
    with reading("recording the lane"):
        await connection.execute(
            "INSERT INTO lane (lane, partitions, topics, topic_ids) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (lane) DO NOTHING",
            lane,
            partitions,
            list(topics),
            list(topic_ids),
        )
    stands = await read_lane(connection, lane)
    if stands is None:
        raise Halted(f"lane {lane}: its row vanished while it was recorded")
    return stands


async def read_partition(
    connection: asyncpg.Connection, lane: str, partition: int
) -> PartitionRow | None:
    with reading("reading a lane partition"):
        row = await connection.fetchrow(
            f"SELECT {_PARTITION} FROM lane_partition WHERE lane = $1 AND partition = $2",  # noqa: S608
            lane,
            partition,
        )
    return None if row is None else _partition(row)


async def create_partition(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    *,
    next_offsets: Offsets,
    as_of: Microseconds,
) -> bool:
    """The row of a partition seen for the first time: nobody's, D = K = batch 0 at these offsets.

    False: another worker was first.
    """
    with reading("creating a lane partition"):
        status = await connection.execute(
            f"INSERT INTO lane_partition ({_PARTITION})"  # noqa: S608
            " VALUES ($1, $2, 0, NULL, 0, $3, $4, 0, $3) ON CONFLICT (lane, partition) DO NOTHING",
            lane,
            partition,
            next_offsets,
            as_of,
        )
    return bool(status == "INSERT 0 1")


async def take_partition(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    *,
    epoch: int,
    previous_owner: str | None,
    owner: str,
    published_seq: int,
    published_offsets: Offsets,
    lock_timeout_seconds: float,
) -> PartitionRow | None:
    """Compare-and-set: epoch + 1 and mine, where epoch and owner are still as read.

    Returns the row with D as it is from now on (applies of the previous owner match no row any
    more), or None: somebody else took it. Records K as given. Raises Unavailable, also when a
    predecessor's open apply keeps the row locked for longer than `lock_timeout_seconds`.
    """
    with reading("taking a lane partition"):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_seconds * 1000)}")
            row = await connection.fetchrow(
                "UPDATE lane_partition SET epoch = epoch + 1, owner = $5,"  # noqa: S608
                " published_seq = $6, published_offsets = $7"
                " WHERE lane = $1 AND partition = $2 AND epoch = $3"
                f" AND owner IS NOT DISTINCT FROM $4 RETURNING {_PARTITION}",
                lane,
                partition,
                epoch,
                previous_owner,
                owner,
                published_seq,
                published_offsets,
            )
    return None if row is None else _partition(row)


async def segments_after(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    batch_seq: int,
    *,
    until: int,
    limit: int,
) -> list[SegmentRow]:
    """At most `limit` segments of the batches in (batch_seq, until], in order.

    Ask after `take_partition` has returned, as a statement of its own, and go on from the last
    one's batch_seq while the answer is full.
    """
    with reading("reading segments"):
        rows = await connection.fetch(
            "SELECT day, partition, batch_seq, next_offsets, as_of, n, events, outputs"
            " FROM segment WHERE lane = $1 AND partition = $2"
            " AND batch_seq > $3 AND batch_seq <= $4 ORDER BY batch_seq LIMIT $5",
            lane,
            partition,
            batch_seq,
            until,
            limit,
        )
    return [
        SegmentRow(
            day=row["day"],
            partition=row["partition"],
            batch_seq=row["batch_seq"],
            next_offsets=tuple(row["next_offsets"]),
            as_of=row["as_of"],
            n=row["n"],
            events=row["events"],
            outputs=row["outputs"],
        )
        for row in rows
    ]


async def release_partition(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    *,
    epoch: int,
    owner: str,
    published_seq: int,
    published_offsets: Offsets,
) -> bool:
    """Give it up cleanly, with K. False: it was not mine any more.

    K must be D: only then may the next owner come without a fence.
    """
    with reading("releasing a lane partition"):
        status = await connection.execute(
            "UPDATE lane_partition SET owner = NULL, published_seq = $5, published_offsets = $6"
            " WHERE lane = $1 AND partition = $2 AND epoch = $3 AND owner = $4",
            lane,
            partition,
            epoch,
            owner,
            published_seq,
            published_offsets,
        )
    return bool(status == "UPDATE 1")


async def terminate_sessions(connection: asyncpg.Connection, owner: str) -> int:
    """End the database sessions of an incarnation that was fenced; how many there were."""
    with reading("ending a predecessor's sessions"):
        ended = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = $1 AND pid <> pg_backend_pid()",
            owner,
        )
    return int(ended)


def _partition(row: asyncpg.Record) -> PartitionRow:
    return PartitionRow(
        lane=row["lane"],
        partition=row["partition"],
        epoch=row["epoch"],
        owner=row["owner"],
        batch_seq=row["batch_seq"],
        next_offsets=tuple(row["next_offsets"]),
        as_of=row["as_of"],
        published_seq=row["published_seq"],
        published_offsets=tuple(row["published_offsets"]),
    )
