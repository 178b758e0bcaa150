"""Partitions that let nothing in until a person has looked, and why: seen and resumed from
anywhere, by `funnel lane` and over HTTP.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import asyncpg
import msgspec

from app.domain.interaction import Microseconds
from app.failpoints import Failpoint, hit
from app.storage.faults import reading


class HaltReason(StrEnum):
    DEAD_LETTERS = "dead_letters"
    """Too many of them: a bad deploy. Halted until it is resumed, wherever the partition goes."""
    FAULT = "fault"
    """Anything else. Whoever takes the partition over next looks anew."""


class HaltRow(msgspec.Struct, frozen=True):
    partition: int
    reason: HaltReason
    message: str
    """For people: what happened, and what to do."""
    halted_at: Microseconds

    @property
    def until_resumed(self) -> bool:
        return self.reason is HaltReason.DEAD_LETTERS


_HALT: Final = """
INSERT INTO lane_halt (lane, partition, reason, message, until_resumed, halted_at)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (lane, partition) DO UPDATE SET reason = excluded.reason,
       message = excluded.message, until_resumed = excluded.until_resumed,
       halted_at = excluded.halted_at
"""

_HALT_OF: Final = """
SELECT partition, reason, message, halted_at FROM lane_halt WHERE lane = $1 AND partition = $2
"""


async def write(connection: asyncpg.Connection, lane: str, rows: Sequence[HaltRow]) -> None:
    """In the apply's transaction: with the batch after which the partition stops."""
    hit(Failpoint.APPLY_BEFORE_HALTS)
    await connection.executemany(_HALT, [_values(lane, row) for row in rows])


async def record(connection: asyncpg.Connection, lane: str, row: HaltRow) -> None:
    """One that no batch tells of. Raises Unavailable, as all that follow."""
    with reading("recording a halt"):
        await connection.execute(_HALT, *_values(lane, row))


async def of_partition(connection: asyncpg.Connection, lane: str, partition: int) -> HaltRow | None:
    with reading("looking whether a partition is halted"):
        row = await connection.fetchrow(_HALT_OF, lane, partition)
    return None if row is None else HaltRow(row[0], HaltReason(row[1]), row[2], row[3])


async def halted(connection: asyncpg.Connection, lane: str) -> set[int]:
    """The partitions that are."""
    with reading("looking for halted partitions"):
        rows = await connection.fetch("SELECT partition FROM lane_halt WHERE lane = $1", lane)
    return {row["partition"] for row in rows}


async def clear(connection: asyncpg.Connection, lane: str, partition: int) -> bool:
    """It goes on: by a person's word, or because its new owner could take it. False: it was not
    halted."""
    with reading("clearing a halt"):
        status = await connection.execute(
            "DELETE FROM lane_halt WHERE lane = $1 AND partition = $2", lane, partition
        )
    return bool(status == "DELETE 1")


def _values(lane: str, row: HaltRow) -> tuple[object, ...]:
    return lane, row.partition, row.reason, row.message, row.until_resumed, row.halted_at
