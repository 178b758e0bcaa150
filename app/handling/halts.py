"""Partitions that let nothing in until a person has looked, in this process and in PostgreSQL.

A halt is written down where everybody can see it. One for too many dead letters holds until a
person resumes it: after a restart, and wherever the partition goes. Any other is this process's
finding, and whoever takes the partition over next looks anew. Whoever resumes it takes the row
away, which the owner sees at its next look.
"""

from collections.abc import Collection
from typing import Final

import asyncpg
import structlog

from app.failpoints import Failpoint, hit
from app.storage import halts
from app.storage.halts import HaltRow
from app.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""Between two looks at PostgreSQL while a partition is halted; else nobody looks."""


class Halts:
    """Outlives incarnations, as long as the process and the assignment."""

    def __init__(self, lane: str, metrics: Metrics) -> None:
        self._lane = lane
        self._gauge = metrics.partitions_halted.labels(lane)
        self._rows: dict[int, HaltRow] = {}
        self._seen: set[int] = set()
        """Those whose row stands, or stood, in PostgreSQL."""

    def __bool__(self) -> bool:
        return bool(self._rows)

    def __contains__(self, partition: int) -> bool:
        return partition in self._rows

    @property
    def partitions(self) -> set[int]:
        return set(self._rows)

    @property
    def messages(self) -> list[str]:
        return [row.message for _, row in sorted(self._rows.items())]

    def add(self, row: HaltRow) -> None:
        """The alarm: logged, counted, and readiness says it."""
        log.error("partition_halted", partition=row.partition, reason=row.reason, why=row.message)
        self._rows[row.partition] = row
        self._seen.discard(row.partition)
        self._gauge.set(len(self._rows))

    def stands(self, row: HaltRow) -> bool:
        """A look has written it already: written again it would undo that a person resumes it."""
        return self._rows.get(row.partition) is row and row.partition in self._seen

    def written(self, row: HaltRow) -> None:
        """With the batch that was too much: whoever takes it away now resumes the partition."""
        if self._rows.get(row.partition) is row:
            self._seen.add(row.partition)

    def keep(self, partitions: Collection[int]) -> None:
        """Forget those that went elsewhere."""
        for gone in self._rows.keys() - set(partitions):
            self._drop(gone)

    async def check(self, connection: asyncpg.Connection, partition: int) -> None:
        """Right after it was taken over, when nobody else can halt it any more: what its owners
        before had found. Raises Unavailable, as `look`."""
        hit(Failpoint.HALTS_BEFORE_LOOK)
        row = await halts.of_partition(connection, self._lane, partition)
        if row is None:
            return
        if row.until_resumed:
            self.add(row)
            self._seen.add(partition)
        else:
            hit(Failpoint.HALTS_BEFORE_LOOK)
            await halts.clear(connection, self._lane, partition)

    async def look(self, connection: asyncpg.Connection, wanted: Collection[int]) -> list[int]:
        """Write down what nobody else can see yet, of the partitions that are this process's; those
        that a person has resumed. After a crash in between, what was written may be written again:
        a person who was that fast resumes it once more."""
        hit(Failpoint.HALTS_BEFORE_LOOK)
        there = await halts.halted(connection, self._lane)
        for partition, row in list(self._rows.items()):
            if partition in there:
                self._seen.add(partition)
            elif partition in wanted and partition not in self._seen:
                hit(Failpoint.HALTS_BEFORE_LOOK)
                await halts.record(connection, self._lane, row)
                self._seen.add(partition)
                there.add(partition)
        return sorted(self._rows.keys() & self._seen - there)

    def resume(self, partition: int) -> None:
        log.info("partition_resumed", partition=partition)
        self._drop(partition)

    def _drop(self, partition: int) -> None:
        self._rows.pop(partition, None)
        self._seen.discard(partition)
        self._gauge.set(len(self._rows))
