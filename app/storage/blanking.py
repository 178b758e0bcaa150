"""The jobs of an erasure: segments and dead letters of one lane partition that may hold a record.

A job's row goes when its work is done, so it is resumed where it stopped, by whoever owns the
partition then. Segments up to K are rewritten in short transactions that lock their rows: nobody
else writes segments that are published.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

import asyncpg

from app.failpoints import Failpoint, hit
from app.storage import command_results
from app.storage.faults import reading

TIMEOUTS: Final = (
    "SET LOCAL transaction_timeout = {0}; SET LOCAL idle_in_transaction_session_timeout = {0}"
)


class Job(NamedTuple):
    """Blank what the lane partition has of a contact in its batches up to `until_seq`."""

    lane: str
    partition: int
    tenant: str
    contact_id: str
    next_seq: int
    """Batches below are done."""
    until_seq: int | None
    """None: nobody has looked yet how far it must go."""


class Blobs(NamedTuple):
    """A segment's records, encoded."""

    events: bytes
    outputs: bytes


class StoredDeadLetter(NamedTuple):
    """What may name a contact."""

    id: int
    key: bytes | None
    value: bytes | None
    headers: bytes


Rewrite = Callable[[Blobs], Blobs | None]
"""None: nothing in it is to be blanked."""

_JOBS: Final = """
SELECT lane, partition, tenant, contact_id, next_seq, until_seq FROM erasure_job
 WHERE lane = $1 AND partition = ANY ($2::integer[])
"""

_UNTIL: Final = """
UPDATE erasure_job AS j SET until_seq = $3
  FROM lane_partition AS p
 WHERE j.lane = $1 AND j.partition = $2 AND j.until_seq IS NULL
   AND p.lane = j.lane AND p.partition = j.partition AND p.owner = $4 AND p.epoch = $5
"""

_SEGMENTS: Final = """
SELECT day, batch_seq, events, outputs FROM segment
 WHERE lane = $1 AND partition = $2 AND batch_seq >= $3 AND batch_seq <= $4
 ORDER BY batch_seq LIMIT $5 FOR UPDATE
"""

_BLANK: Final = """
UPDATE segment SET events = $5, outputs = $6
 WHERE lane = $1 AND partition = $2 AND batch_seq = $3 AND day = $4
"""

_MOVE: Final = """
UPDATE erasure_job SET next_seq = $5
 WHERE lane = $1 AND partition = $2 AND tenant = $3 AND contact_id = $4 AND next_seq < $5
"""

_DEAD_LETTERS: Final = """
SELECT id, key, value, headers FROM dead_letter
 WHERE partition = $1 AND lane = $2 AND id > $3 ORDER BY id LIMIT $4
"""

_FINISHED: Final = """
DELETE FROM erasure_job
 WHERE lane = $1 AND partition = $2 AND tenant = $3 AND contact_id = $4 AND until_seq = $5
"""


async def read_jobs(
    connection: asyncpg.Connection, lane: str, partitions: Sequence[int]
) -> list[Job]:
    """Of these partitions. Raises Unavailable, as all of this module."""
    with reading("looking for erasures"):
        rows = await connection.fetch(_JOBS, lane, partitions)
    return [Job(*row) for row in rows]


async def set_until(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    until_seq: int,
    *,
    owner: str,
    epoch: int,
) -> None:
    """How far the partition's new jobs go. Only its owner knows; a woken zombie changes nothing."""
    with reading("bounding erasures"):
        await connection.execute(_UNTIL, lane, partition, until_seq, owner, epoch)


async def blank_segments(
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    until_seq: int,
    rewrite: Rewrite,
    *,
    limit: int,
    timeout_seconds: float,
) -> int:
    """Blank at most `limit` segments from the jobs' common `next_seq` on, no further than
    `until_seq`; their next `next_seq`."""
    lane, partition, _, _, next_seq, _ = jobs[0]
    timeouts = TIMEOUTS.format(int(timeout_seconds * 1000))
    with reading("blanking segments"):
        async with connection.transaction():
            await connection.execute(timeouts)
            rows = await connection.fetch(_SEGMENTS, lane, partition, next_seq, until_seq, limit)
            blanked: list[tuple[str, int, int, date, bytes, bytes]] = []
            for row in rows:
                found = rewrite(Blobs(row["events"], row["outputs"]))
                if found is not None:
                    blanked.append((lane, partition, row["batch_seq"], row["day"], *found))
            hit(Failpoint.ERASE_BEFORE_BLANK)
            await connection.executemany(_BLANK, blanked)
            following = rows[-1]["batch_seq"] + 1 if len(rows) == limit else until_seq + 1
            await connection.executemany(_MOVE, [(*job[:4], following) for job in jobs])
            hit(Failpoint.ERASE_BEFORE_COMMIT)
    return following


async def read_dead_letters(
    connection: asyncpg.Connection, lane: str, partition: int, after: int, limit: int
) -> list[StoredDeadLetter]:
    """In the order of their ids, after one of them."""
    with reading("reading dead letters"):
        rows = await connection.fetch(_DEAD_LETTERS, partition, lane, after, limit)
    return [StoredDeadLetter(*row) for row in rows]


async def delete_dead_letters(
    connection: asyncpg.Connection, partition: int, ids: Sequence[int]
) -> None:
    with reading("deleting dead letters"):
        await connection.execute(
            "DELETE FROM dead_letter WHERE partition = $1 AND id = ANY ($2::bigint[])",
            partition,
            ids,
        )


async def forget_commands(connection: asyncpg.Connection, jobs: Sequence[Job]) -> None:
    """What batches of this partition have decided about commands, unaware of the erasure."""
    with reading("blanking results of commands"):
        for job in jobs:
            await command_results.forget(connection, job.tenant, job.contact_id)


async def finish(connection: asyncpg.Connection, jobs: Sequence[Job]) -> None:
    """These are done, unless one was told meanwhile to go further."""
    with reading("finishing erasures"):
        await connection.executemany(_FINISHED, [(*job[:4], job.until_seq) for job in jobs])
