"""The stages of a lane, side by side, with bounded room between them.

    take in + decide ──► queue of batches ──► apply (PostgreSQL) ──► backlog ──► publish (Kafka)

Each stage works on the next batch while the others work on earlier ones. A full queue stops the
intake, and the consumer then stops fetching: that is the back-pressure.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import asyncpg
import structlog

from app.domain.interaction import Microseconds
from app.errors import Poison, RowRejected
from app.handling.alarm import Alarm
from app.handling.batch import DecidedBatch, Due, Fetched, SourceKey, key_of
from app.handling.behind import Behind
from app.handling.cache import ContactCache
from app.handling.holdings import Holdings
from app.handling.partition import OwnedPartition
from app.handling.parts import Deciding, Firing, Parts
from app.handling.ports import Outlet, Position
from app.handling.records import OutputRecord, SourceRecord
from app.storage import apply as applying
from app.storage.halts import HaltReason
from app.storage.rows import CheckRow
from app.storage.segments import pack
from app.telemetry.aggregate import observe_all

FETCH_TIMEOUT_SECONDS: Final = 0.5
SLOW_SECONDS: Final = 2.0
"""From applied to published."""

log = structlog.get_logger(__name__)


class Pipeline:
    """Runs for one incarnation. `suspects`: records of a batch PostgreSQL rejected a row of;
    `rejected`: those of them that were found. Both forget what is applied."""

    def __init__(
        self,
        parts: Parts,
        holdings: Holdings,
        cache: ContactCache,
        outlet: Outlet,
        alarm: Alarm,
        suspects: set[SourceKey],
        rejected: dict[SourceKey, Poison],
        batch_limit: int,
        behind: Behind,
    ) -> None:
        self._parts = parts
        self._holdings = holdings
        self._cache = cache
        self._outlet = outlet
        self._alarm = alarm
        self._suspects = suspects
        self._rejected = rejected
        self._narrow_limit = batch_limit
        lane = parts.settings.lane
        self._full_limit = lane.batch_max_interactions
        self._max_bytes = lane.batch_max_bytes
        self._dead_limits = parts.settings.dead_letters
        # one more: a batch of due contacts has its own place
        self._decided: asyncio.Queue[DecidedBatch] = asyncio.Queue(lane.queue_batches + 1)
        self._ahead = asyncio.Semaphore(lane.queue_batches)
        """Of the batches between the fetch and the apply."""
        self._deciding = asyncio.Lock()
        """Records and due contacts take turns: one batch is numbered, decided and queued."""
        self._number = 0
        self._backlog: deque[DecidedBatch] = deque()
        self._backlog_bytes = 0
        self._has_backlog = asyncio.Event()
        self._has_room = asyncio.Event()
        self._applied_number = 0
        self._in_transaction = asyncio.Lock()
        self._behind = behind
        self.refused: list[SourceKey] = []
        """The records among which is the one that PostgreSQL refuses a row of."""

    async def take_in(self, decider: Deciding) -> None:
        """Fetch and decide, for ever. It fetches when the apply has room for the batch, not before:
        what arrives meanwhile comes with it, so batches grow with the load."""
        owned = self._holdings.owned
        source, tracing = self._parts.source, self._parts.tracing
        while True:
            await self._ahead.acquire()
            has_room = True
            limit = self.batch_limit
            fetched = await source.fetch(limit, FETCH_TIMEOUT_SECONDS)
            mine = [
                (owned[partition], records)
                for partition, records in sorted(fetched.items())
                if self._holdings.is_active(partition)
            ]
            for each, records in mine:
                each.in_hand += len(records)
            for pieces in chunks(mine, limit, self._max_bytes):
                if not has_room:
                    await self._ahead.acquire()
                    has_room = True
                async with self._deciding:
                    # Between the pieces a partition may be lost: its rest must not be begun.
                    chunk = [(each, records) for each, records in pieces if each.is_active]
                    if not chunk:
                        continue
                    span = tracing.begin(
                        sum([len(records) for _, records in chunk]),
                        [each.partition for each, _ in chunk],
                    )
                    try:
                        with tracing.within(span):
                            batch = await decider.decide(self._next(), chunk, self._parts.clock())
                    except RowRejected:
                        self.refused = [key_of(r) for _, records in chunk for r in records]
                        raise
                    batch.span = span
                    if span is not None:
                        tracing.link(span, batch.traceparents)
                    self._guard_dead_letters(batch)
                    self._behind.decided(batch)
                    await self._decided.put(batch)
                has_room = False
            if has_room:
                self._ahead.release()

    async def fire(self, decider: Firing, due: Due) -> list[CheckRow]:
        """Fire what is due; back when it is applied. Those that are as due as before."""
        async with self._deciding:
            due = [each for each in due if each.owned.is_active]
            if not due:
                return []
            span = self._parts.tracing.begin(0, [each.owned.partition for each in due])
            with self._parts.tracing.within(span):
                batch = await decider.decide_due(self._next(), due, self._parts.clock())
            batch.span = span
            applied = batch.applied = asyncio.Event()
            await self._decided.put(batch)
        await applied.wait()
        return batch.stuck

    async def decide_again(
        self,
        owned: OwnedPartition,
        decide: Callable[[int, Microseconds], Awaitable[DecidedBatch]],
        keep: Callable[[OutputRecord], bool] | None,
    ) -> DecidedBatch | None:
        """A batch of a partition that is catching up, and of no other; back when it is applied.

        `keep`: which of its records were not published before; None: it stands before K, so all
        were. None: the partition was taken away meanwhile.
        """
        async with self._deciding:
            if owned.catching_up is None:
                return None
            batch = await decide(self._next(), self._parts.clock())
            for part in batch.parts:
                part.is_silent = keep is None
                part.records = [] if keep is None else [r for r in part.records if keep(r)]
                part.outputs = pack(part.records)
            batch.event_times = []
            applied = batch.applied = asyncio.Event()
            await self._decided.put(batch)
        await applied.wait()
        return batch

    def _next(self) -> int:
        """The number of the batch to decide now."""
        self._number += 1
        self._cache.evict(self._applied_number)
        return self._number

    async def apply(self, connection: asyncpg.Connection) -> None:
        """Write decided batches to PostgreSQL, in order, for ever."""
        metrics = self._parts.metrics
        database = self._parts.settings.database
        while True:
            batch = await self._decided.get()
            if batch.applied is None:
                self._ahead.release()
            await self._room()
            keys = batch.source_keys()
            batch.halts = [row for row in batch.halts if not self._holdings.halts.stands(row)]
            started = time.monotonic()
            try:
                with self._parts.tracing.step("apply", [batch.span], len(keys)):
                    await applying.apply(
                        connection,
                        batch.for_apply(self._parts.lane),
                        transaction_timeout_seconds=database.transaction_timeout_seconds,
                        idle_timeout_seconds=database.idle_in_transaction_timeout_seconds,
                    )
            except RowRejected:
                self.refused = keys
                raise
            metrics.apply_seconds.observe(time.monotonic() - started)
            if keys:
                metrics.batch_size.observe(len(keys))
            for part in batch.parts:
                part.owned.applied = part.position
                self._behind.applied(part)
            for row in batch.halts:
                self._holdings.halts.written(row)
            if self._suspects or self._rejected:
                self._suspects.difference_update(keys)
                for key in keys:
                    self._rejected.pop(key, None)
            self._applied_number = batch.number
            batch.applied_at = time.monotonic()
            batch.forget_applied()
            self._backlog.append(batch)
            self._backlog_bytes += batch.size_bytes
            self._decided.task_done()
            self._has_backlog.set()
            self._alarm.stored(batch.check_at)
            if batch.applied is not None:
                batch.applied.set()

    async def publish(self) -> None:
        """Publish all that was applied since, one Kafka transaction at a time, for ever."""
        lane = self._parts.settings.lane
        while True:
            await self._has_backlog.wait()
            started = time.monotonic()
            batches = self._take_backlog(lane.publish_max_bytes)
            records = [r for batch in batches for part in batch.parts for r in part.records]
            last = {
                part.position.partition: part.position
                for b in batches
                for part in b.parts
                if not part.is_silent
            }
            if last:
                spans = [batch.span for batch in batches]
                with self._parts.tracing.step("publish", spans, len(records)):
                    await self.in_transaction(records, list(last.values()))
            for batch in batches:
                self._note(batch)
                for part in batch.parts:
                    part.owned.published_up_to(part.position, is_silent=part.is_silent)
                    self._behind.published(part.position)
            self._observe(batches, started)
            pause_seconds = started + lane.publish_interval_ms / 1000 - time.monotonic()
            if pause_seconds > 0:
                await asyncio.sleep(pause_seconds)

    async def in_transaction(
        self, records: Sequence[OutputRecord], positions: Sequence[Position]
    ) -> None:
        """The outlet's transactions, one at a time: publishing and takeovers share it."""
        async with self._in_transaction:
            await self._outlet.publish(records, positions)

    async def applied_so_far(self) -> None:
        """Wait until every batch decided up to now is in PostgreSQL."""
        await self._decided.join()

    @property
    def batch_limit(self) -> int:
        """Small while a record that PostgreSQL rejects is looked for."""
        return self._narrow_limit if self._suspects else self._full_limit

    async def _room(self) -> None:
        """Wait while too much, or anything for too long, is applied and not published."""
        lane = self._parts.settings.lane
        while (
            len(self._backlog) >= lane.outbox_max_batches
            or self._backlog_bytes >= lane.outbox_max_bytes
            or (
                self._backlog
                and time.monotonic() - self._backlog[0].applied_at > lane.outbox_max_age_seconds
            )
        ):
            self._has_room.clear()
            await self._has_room.wait()

    def _take_backlog(self, max_bytes: int) -> list[DecidedBatch]:
        """The oldest batches, at least one; up to about `max_bytes` of records."""
        batches: list[DecidedBatch] = []
        size_bytes = 0
        while self._backlog and size_bytes < max_bytes:
            batches.append(self._backlog.popleft())
            size_bytes += batches[-1].size_bytes
        self._backlog_bytes -= size_bytes
        if not self._backlog:
            self._has_backlog.clear()
        self._has_room.set()
        return batches

    def _guard_dead_letters(self, batch: DecidedBatch) -> None:
        """Too many is a bad deploy, not bad data: stop the partition and say so."""
        dead = Counter(row.partition for row in batch.dead_letters)
        for owned, records in batch.fetched:
            many = owned.too_many_dead(len(records), dead[owned.partition], self._dead_limits)
            if many is not None and owned.is_active:
                row = self._holdings.halt(
                    owned.partition,
                    f"partition {owned.partition}: {many}. Look at them (funnel deadletters list),"
                    " mend the producer or the model, then go on with"
                    f" `funnel lane resume {self._parts.lane} {owned.partition}`.",
                    HaltReason.DEAD_LETTERS,
                )
                batch.halts.append(row)

    def _note(self, batch: DecidedBatch) -> None:
        """A line for a batch that people may want to look into; its trace ends."""
        seconds = time.monotonic() - batch.applied_at
        if batch.dead_letters or seconds > SLOW_SECONDS:
            log.info(
                "batch_published",
                partitions=[part.position.partition for part in batch.parts],
                batch_seqs=[part.position.batch_seq for part in batch.parts],
                dead_letters=len(batch.dead_letters),
                seconds_since_applied=round(seconds, 3),
                **self._parts.tracing.ids(batch.span),
            )
        if batch.span is not None:
            self._parts.tracing.end(batch.span, len(batch.dead_letters))

    def _observe(self, batches: Sequence[DecidedBatch], started: float) -> None:
        metrics = self._parts.metrics
        metrics.publish_seconds.observe(time.monotonic() - started)
        at = self._parts.clock()
        observe_all(
            metrics.interaction_age_seconds,
            [max(0, at - moment) / 1e6 for batch in batches for moment in batch.event_times],
        )


def chunks(fetched: Fetched, limit: int, max_bytes: int) -> Iterator[Fetched]:
    """Batches of at most `limit` records and about `max_bytes` of values, each partition's records
    in order and in one piece of a batch."""
    chunk: Fetched = []
    room, room_bytes = limit, max_bytes
    for owned, records in fetched:
        for piece, size_bytes in _pieces(records, limit, max_bytes):
            if chunk and (len(piece) > room or size_bytes > room_bytes or chunk[-1][0] is owned):
                yield chunk
                chunk, room, room_bytes = [], limit, max_bytes
            chunk.append((owned, piece))
            room -= len(piece)
            room_bytes -= size_bytes
    if chunk:
        yield chunk


def _pieces(
    records: list[SourceRecord], limit: int, max_bytes: int
) -> Iterator[tuple[list[SourceRecord], int]]:
    """In pieces that keep the bounds, with their bytes; a record above them stands alone."""
    sizes = [len(record.value or b"") for record in records]
    total_bytes = sum(sizes)
    if len(sizes) <= limit and total_bytes <= max_bytes:
        yield records, total_bytes
        return
    start = size_bytes = 0
    for end, size in enumerate(sizes):
        if end > start and (end - start >= limit or size_bytes + size > max_bytes):
            yield records[start:end], size_bytes
            start, size_bytes = end, 0
        size_bytes += size
    if start < len(records):
        yield records[start:], size_bytes
