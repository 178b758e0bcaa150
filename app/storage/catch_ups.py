"""Catching up after a restore, as PostgreSQL knows it: what K was, and how far it has come.

A database that was restored to an earlier point has D < K. What was published up to K is decided
again and not published; the row says so from when that is found to when the partition works again,
so that a crash on the way changes nothing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import Fenced
from app.storage.faults import reading
from app.storage.rows import Offsets


class CatchUp(NamedTuple):
    """K as it was when the database was found to be behind it."""

    partition: int
    since_seq: int
    until_seq: int
    until_offsets: Offsets
    until_as_of: Microseconds
    begun_at: Microseconds
    """By the clock of the worker that found it: what is decided since is decided again."""
    reached_seq: int | None
    """D once all records up to K were decided again; None: they are not."""


_COLUMNS: Final = (
    "partition, since_seq, until_seq, until_offsets, until_as_of, begun_at, reached_seq"
)
_OPEN: Final = f"""
SELECT {_COLUMNS} FROM catch_up
 WHERE lane = $1 AND partition = $2 AND ended_at IS NULL ORDER BY until_seq DESC LIMIT 1
"""  # noqa: S608
_BEGIN: Final = """
INSERT INTO catch_up
       (lane, partition, since_seq, until_seq, until_offsets, until_as_of, begun_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (lane, partition, until_seq) DO UPDATE SET
       since_seq = least(catch_up.since_seq, excluded.since_seq),
       reached_seq = NULL, ended_at = NULL
"""
_MINE: Final = """
SELECT 1 FROM lane_partition WHERE lane = $1 AND partition = $2 AND epoch = $3 FOR UPDATE
"""
_RAISE: Final = """
UPDATE contact SET version = version + $2 WHERE partition = $1
"""
_REACHED: Final = """
UPDATE catch_up SET reached_seq = $4
 WHERE lane = $1 AND partition = $2 AND until_seq = $3 AND reached_seq IS NULL
"""
_END: Final = """
UPDATE catch_up SET ended_at = now()
 WHERE lane = $1 AND partition = $2 AND ended_at IS NULL
"""
_SKIPPED: Final = """
SELECT reached_seq, until_seq FROM catch_up
 WHERE lane = $1 AND partition = $2 AND reached_seq < until_seq
"""
RAISE_TIMEOUT_SECONDS: Final = 3600.0
"""It writes every contact of a partition, once after a restore."""


async def read_open(connection: asyncpg.Connection, lane: str, partition: int) -> CatchUp | None:
    """The one under way; None: there is none."""
    with reading("looking for a catch-up"):
        row = await connection.fetchrow(_OPEN, lane, partition)
    if row is None:
        return None
    return CatchUp(
        row["partition"],
        row["since_seq"],
        row["until_seq"],
        tuple(row["until_offsets"]),
        row["until_as_of"],
        row["begun_at"],
        row["reached_seq"],
    )


async def begin(connection: asyncpg.Connection, lane: str, found: CatchUp) -> None:
    """Remember K. Any number of times."""
    with reading("beginning a catch-up"):
        await connection.execute(
            _BEGIN, lane, found.partition, found.since_seq, found.until_seq,
            found.until_offsets, found.until_as_of, found.begun_at,
        )  # fmt: skip


async def reached(
    connection: asyncpg.Connection, lane: str, found: CatchUp, *, epoch: int, batch_seq: int
) -> None:
    """All records up to K are decided again, in batches up to `batch_seq`; once.

    Versions of contacts go up by the batches that were lost: others were told of versions up to
    there, and a lower one would look old to them. For the contact lane that is every contact of
    the partition; it takes as long as rewriting their rows does. Raises Fenced.
    """
    lost = found.until_seq - found.since_seq
    with reading("ending a catch-up"):
        async with connection.transaction():
            if await connection.fetchval(_MINE, lane, found.partition, epoch) is None:
                raise Fenced(f"partition {found.partition} has another owner")
            status = await connection.execute(
                _REACHED, lane, found.partition, found.until_seq, batch_seq
            )
            if status == "UPDATE 1" and lane == "contacts":
                await connection.execute(
                    _RAISE, found.partition, lost, timeout=RAISE_TIMEOUT_SECONDS
                )


async def end(connection: asyncpg.Connection, lane: str, partition: int) -> None:
    with reading("ending a catch-up"):
        await connection.execute(_END, lane, partition)


async def skipped(
    connection: asyncpg.Connection, lane: str, partition: int
) -> Sequence[tuple[int, int]]:
    """(after, until): batch numbers that no segment has, rightly."""
    with reading("looking for catch-ups"):
        rows = await connection.fetch(_SKIPPED, lane, partition)
    return [(row["reached_seq"], row["until_seq"]) for row in rows]
