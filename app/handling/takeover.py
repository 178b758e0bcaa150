"""Taking a lane partition over: fence the predecessor, find K, take the row, publish what is left.

The order is what makes it right; docs of each step say which crash it answers. Nobody may write D
or publish for the partition between its steps but a predecessor that is already fenced.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import asyncpg
import structlog

from app.errors import Halted, Resized, Unclean
from app.failpoints import Failpoint, hit
from app.handling.behind import Behind
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.handling.ports import Position
from app.handling.records import OutputRecord
from app.storage import catch_ups, ownership
from app.storage import segments as segments_blob
from app.storage.catch_ups import CatchUp
from app.storage.rows import PartitionRow, SegmentRow

log = structlog.get_logger(__name__)

SEGMENTS_AT_ONCE: Final = 20
MANY: Final = 2**62

Publish = Callable[[Sequence[OutputRecord], Sequence[Position]], Awaitable[None]]


class Abandoned(Exception):
    """The partition is no longer wanted, and nothing was changed yet: just leave it."""


class Takeover:
    """Takes partitions over, one after the other, for one incarnation."""

    def __init__(self, parts: Parts, owner: str, publish: Publish, behind: Behind) -> None:
        self._lane = parts.lane
        self._owner = owner
        self._source = parts.source
        self._coordinator = parts.coordinator
        self._publish = publish
        self._view = behind
        self._republish_max_bytes = parts.settings.lane.publish_max_bytes
        self._lock_timeout_seconds = parts.settings.database.lock_timeout_seconds
        self._metrics = parts.metrics
        self._clock = parts.clock
        self._partitions = parts.partitions
        self._fenced: set[str] = set()

    async def take(
        self,
        connection: asyncpg.Connection,
        partition: int,
        still_wanted: Callable[[], bool],
        released: OwnedPartition | None,
    ) -> tuple[OwnedPartition, bool]:
        """Own `partition`, with everything decided so far published.

        Returns the partition, not yet active, and whether what this incarnation remembers of it
        (cached contacts) is still true. Raises Abandoned, Unclean, Unavailable, Halted.
        """
        started = time.monotonic()

        def proceed() -> None:
            if not still_wanted():
                raise Abandoned

        proceed()
        row = await self._row(connection, partition)
        if released is not None and row.owner is None and row.epoch == released.epoch:
            # Released by me and moved by nobody since: what I remember of it is still true.
            proceed()
            published = Position(partition, row.published_seq, row.published_offsets, row.as_of)
            owned = OwnedPartition(await self._compare_and_set(connection, row, published))
            self._view.taken(owned)
            return owned, True
        if row.owner == self._owner:
            # An unfinished release or a takeover gone stale: what this incarnation remembers may
            # be wrong, and going on repeats outputs.
            raise Unclean(f"partition {partition} is still marked as owned by this incarnation")
        if row.owner is not None:
            await self._fence(connection, row.owner, proceed)
        published, is_committed = await self._published(row, proceed)
        proceed()
        await self._check_bounds(row)
        proceed()
        taken = await self._compare_and_set(connection, row, published)
        await self._check_homes(connection)  # nobody can change them while this row is mine
        # From here on the predecessor's applies match no row: the outbox is complete.
        behind, is_before_k = await self._behind(connection, taken, published)
        republished = 0
        if not is_before_k:
            if taken.batch_seq > published.batch_seq:
                self._view.found(_applied(taken))
            republished = await self._republish(connection, taken, published)
        if not (republished or is_committed):
            # So that "no committed offsets" always means that somebody deleted them.
            hit(Failpoint.TAKEOVER_BEFORE_REPUBLISH)
            await self._publish([], [_applied(taken)])
        owned = OwnedPartition(taken)
        if behind is not None:
            owned.catching_up = behind
            if is_before_k:
                owned.published = published
        self._view.taken(owned)
        self._metrics.takeovers.inc()
        self._metrics.takeover_seconds.observe(time.monotonic() - started)
        log.info(
            "partition_taken",
            partition=partition,
            epoch=taken.epoch,
            batch_seq=taken.batch_seq,
            republished=republished,
            fenced=row.owner is not None,
        )
        return owned, False

    async def _row(self, connection: asyncpg.Connection, partition: int) -> PartitionRow:
        """As it stands; made where the partition is seen for the first time."""
        hit(Failpoint.TAKEOVER_BEFORE_ROW)
        row = await ownership.read_partition(connection, self._lane, partition)
        if row is not None:
            return row
        earliest, _ = await self._coordinator.bounds(partition)
        hit(Failpoint.TAKEOVER_BEFORE_ROW)
        await ownership.create_partition(
            connection, self._lane, partition, next_offsets=earliest, as_of=0
        )
        raise RowMoved(partition)

    async def _fence(
        self, connection: asyncpg.Connection, owner: str, proceed: Callable[[], None]
    ) -> None:
        """Once per predecessor: its open transaction is aborted, its sessions end. An id that was
        never initialised can't be fenced, so a lane writes its id nowhere before it is."""
        if owner in self._fenced:
            return
        proceed()
        await self._coordinator.fence(owner)
        self._metrics.fences.inc()
        proceed()
        hit(Failpoint.TAKEOVER_BEFORE_TERMINATE)
        await ownership.terminate_sessions(connection, owner)
        self._fenced.add(owner)

    async def _published(
        self, row: PartitionRow, proceed: Callable[[], None]
    ) -> tuple[Position, bool]:
        """K, and whether the group has it. After the fence the group's offsets are stable."""
        known = Position(row.partition, row.published_seq, row.published_offsets, row.as_of)
        proceed()
        committed = await self._coordinator.committed(row.partition)
        if row.owner is None and (committed is None or not _is_after(committed, known)):
            # The row is enough; the group is asked whether the row is as new as what it published.
            return known, committed is not None
        if committed is not None:
            return committed, True
        if row.batch_seq == 0:
            return known, False
        # Offsets are committed for every partition before its first batch, so they were deleted.
        proceed()
        found = await self._coordinator.scan(self._lane, row.partition)
        log.warning("offsets_gone_k_found_by_scan", partition=row.partition, batch_seq=found)
        if found > row.batch_seq:
            raise Halted(
                f"partition {row.partition}: batch {found} is published, but the database only"
                f" knows {row.batch_seq}, and the group's offsets, which say where that was, are"
                " deleted: restore a backup that is newer than both."
            )
        return known._replace(batch_seq=max(found, row.published_seq)), False

    async def _check_homes(self, connection: asyncpg.Connection) -> None:
        if self._partitions is None:
            return
        hit(Failpoint.TAKEOVER_BEFORE_SEGMENTS)
        lane = await ownership.read_lane(connection, self._lane)
        if lane is not None and lane.partitions != self._partitions:
            raise Resized(
                f"the lane has {lane.partitions} partitions now, it had {self._partitions} when"
                " this worker started: start it again"
            )

    async def _behind(
        self, connection: asyncpg.Connection, row: PartitionRow, published: Position
    ) -> tuple[CatchUp | None, bool]:
        """What it has to catch up with, and whether D is before K: PostgreSQL was restored."""
        hit(Failpoint.CATCH_UP_BEFORE_BEGIN)
        under_way = await catch_ups.read_open(connection, self._lane, row.partition)
        if not _is_after(published, _applied(row)):
            return under_way, False
        if row.batch_seq == 0 and any(row.next_offsets):
            raise Halted(
                f"partition {row.partition}: batch {published.batch_seq} is published, but the"
                " database knows none, and the first records are gone from the topics: restore a"
                " backup."
            )
        if under_way is not None and under_way.until_seq == published.batch_seq:
            return under_way, True
        hit(Failpoint.CATCH_UP_BEFORE_BEGIN)
        if await ownership.segments_after(
            connection, self._lane, row.partition, row.batch_seq, until=MANY, limit=1
        ):
            raise Halted(
                f"partition {row.partition}: the database stands at batch {row.batch_seq}, and has"
                " segments of later ones: what was restored is not of one moment. Restore all of a"
                " backup."
            )
        found = CatchUp(
            row.partition, row.batch_seq, published.batch_seq, published.offsets, published.as_of,
            self._clock(), None,
        )  # fmt: skip
        hit(Failpoint.CATCH_UP_BEFORE_BEGIN)
        await catch_ups.begin(connection, self._lane, found)
        return found, True

    async def _compare_and_set(
        self, connection: asyncpg.Connection, row: PartitionRow, published: Position
    ) -> PartitionRow:
        hit(Failpoint.TAKEOVER_BEFORE_CAS)
        taken = await ownership.take_partition(
            connection,
            self._lane,
            row.partition,
            epoch=row.epoch,
            previous_owner=row.owner,
            owner=self._owner,
            published_seq=published.batch_seq,
            published_offsets=published.offsets,
            lock_timeout_seconds=self._lock_timeout_seconds,
        )
        if taken is None:
            raise RowMoved(row.partition)
        return taken

    async def _check_bounds(self, row: PartitionRow) -> None:
        """A source topic that lost records or was recreated: stop, never skip."""
        earliest, end = await self._coordinator.bounds(row.partition)
        for topic, first, last, offset in zip(
            self._source.topics, earliest, end, row.next_offsets, strict=True
        ):
            if not first <= offset <= last:
                raise Halted(
                    f"partition {row.partition} of {topic} holds offsets {first} to {last}, but the"
                    f" next to read is {offset}: the topic was truncated or recreated. Restore it;"
                    " this service never skips records by itself."
                )

    async def _republish(
        self, connection: asyncpg.Connection, row: PartitionRow, published: Position
    ) -> int:
        """Batches K+1 … D in order, in Kafka transactions of bounded size, each with its own last
        batch's K. How many batches there were."""
        position = published
        while position.batch_seq < row.batch_seq:
            hit(Failpoint.TAKEOVER_BEFORE_SEGMENTS)
            segments = await ownership.segments_after(
                connection,
                self._lane,
                row.partition,
                position.batch_seq,
                until=row.batch_seq,
                limit=SEGMENTS_AT_ONCE,
            )
            _check_contiguous(row, position, segments)
            for records, position in self._transactions(segments):
                hit(Failpoint.TAKEOVER_BEFORE_REPUBLISH)
                await self._publish(records, [position])
        return row.batch_seq - published.batch_seq

    def _transactions(
        self, segments: Sequence[SegmentRow]
    ) -> Iterator[tuple[list[OutputRecord], Position]]:
        records: list[OutputRecord] = []
        size_bytes = 0
        last = None
        for segment in segments:
            outputs = _outputs_of(segment)
            added_bytes = sum(len(output.value or b"") + 512 for output in outputs)
            if last is not None and size_bytes + added_bytes > self._republish_max_bytes:
                yield records, last
                records, size_bytes = [], 0
            records += outputs
            size_bytes += added_bytes
            last = Position(
                segment.partition, segment.batch_seq, segment.next_offsets, segment.as_of
            )
        if last is not None:
            yield records, last


def _outputs_of(segment: SegmentRow) -> list[OutputRecord]:
    try:
        return segments_blob.unpack(segment.outputs, OutputRecord)
    except ValueError as unknown:
        raise Halted(
            f"partition {segment.partition}, batch {segment.batch_seq}: {unknown}. Let that release"
            " publish it."
        ) from unknown


class RowMoved(Exception):
    """Somebody else took the row between reading and taking it: read it again."""

    def __init__(self, partition: int) -> None:
        super().__init__(f"the row of partition {partition} moved")


def _applied(row: PartitionRow) -> Position:
    """D."""
    return Position(row.partition, row.batch_seq, row.next_offsets, row.as_of)


def _is_after(later: Position, earlier: Position) -> bool:
    """By its number, or by any topic's offset: after a restore the numbers alone say nothing."""
    return later.batch_seq > earlier.batch_seq or any(
        ours > theirs for ours, theirs in zip(later.offsets, earlier.offsets, strict=True)
    )


def _check_contiguous(row: PartitionRow, after: Position, segments: Sequence[SegmentRow]) -> None:
    """The outbox must be exactly K+1 … D."""
    found = [segment.batch_seq for segment in segments]
    first = after.batch_seq + 1
    if not found or found != list(range(first, first + len(found))):
        raise Halted(
            f"partition {row.partition}: the outbox should go on with batch {first} up to"
            f" {row.batch_seq} but holds {found[:5]}. Segments were deleted before they were"
            " published: restore them from a backup."
        )
