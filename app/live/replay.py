"""What happened between two positions, read from the segments: the same bytes as were published."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from heapq import merge
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE
from app.handling.records import OutputRecord
from app.live import frames
from app.live.client import Wanted
from app.live.event import LiveEvent, read
from app.live.frames import Reason
from app.live.position import LANE_OF, STREAMED, Position
from app.storage import live_reads
from app.storage.live_reads import PublishedBatch, Range
from app.storage.segments import unpack

LANES: Final = (CONTACT_LANE, ACCOUNT_LANE)
PAGE_BATCHES: Final = 100

_TOPIC: Final = {topic.value: index for index, topic in enumerate(STREAMED)}


class CantResume(Exception):
    """Nothing can be told again from there."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Replay:
    def __init__(self, engine: AsyncEngine, *, batches_max: int, at_once: int) -> None:
        """`at_once`: so many read at a time, a page each: who reads slowly delays nobody."""
        self._engine = engine
        self._batches_max = batches_max
        self._turns = asyncio.Semaphore(at_once)

    async def between(
        self, after: Position, upto: Position, wanted: Wanted
    ) -> AsyncIterator[bytes]:
        """Frames, each with the position it leads to. The oldest batch comes first; a contact's
        are in its order. Raises CantResume before the first of them, Unavailable."""
        batches = await self._batches(after, upto)
        at = after.copy()
        for start in range(0, len(batches), PAGE_BATCHES):
            page = batches[start : start + PAGE_BATCHES]
            async with self._turns:
                told = await self._page(page, at, upto, wanted)
            yield told + frames.here(at.text)

    async def _page(
        self, page: Sequence[PublishedBatch], at: Position, upto: Position, wanted: Wanted
    ) -> bytes:
        told: list[bytes] = []
        found = await live_reads.outputs(self._engine, page)
        for batch, outputs in zip(page, found, strict=True):
            if outputs is not None:
                told += _frames(batch, unpack(outputs, OutputRecord), at, upto, wanted)
            await asyncio.sleep(0)  # a batch may hold thousands: others go on in between
        return b"".join(told)

    async def _batches(self, after: Position, upto: Position) -> list[PublishedBatch]:
        if not after.is_like(upto):
            raise CantResume(Reason.UNKNOWN_POSITION)
        ranges = [
            Range(lane, partition, low, high)
            for lane in LANES
            for partition, (low, high) in enumerate(
                zip(after.lowest(lane), upto.highest(lane), strict=True)
            )
            if low < high
        ]
        await self._refuse_unknown(after)
        expected = sum(each.upto - each.after for each in ranges)
        if expected > self._batches_max:
            raise CantResume(Reason.TOO_FAR_BACK)
        if not ranges:
            return []
        found = await live_reads.published(self._engine, ranges, limit=self._batches_max)
        if len(found) != expected:
            raise CantResume(Reason.TOO_FAR_BACK)  # retention took some
        return _in_time(found)

    async def _refuse_unknown(self, after: Position) -> None:
        """A position beyond what was ever applied is of another database."""
        for lane in LANES:
            applied = await live_reads.applied(self._engine, lane)
            for partition, seq in enumerate(after.highest(lane)):
                if seq > applied.get(partition, 0):
                    raise CantResume(Reason.UNKNOWN_POSITION)


def _in_time(batches: Sequence[PublishedBatch]) -> list[PublishedBatch]:
    """By `as_of`, and of each partition in its own order, whatever its clock said."""
    by_partition: dict[tuple[str, int], list[tuple[int, int, PublishedBatch]]] = {}
    for batch in batches:
        of_partition = by_partition.setdefault(batch[:2], [])
        latest = max(batch.as_of, of_partition[-1][0] if of_partition else 0)
        of_partition.append((latest, len(by_partition), batch))
    ordered = merge(*by_partition.values(), key=lambda each: each[:2])
    return [batch for _, _, batch in ordered]


def _frames(
    batch: PublishedBatch,
    records: Sequence[OutputRecord],
    at: Position,
    upto: Position,
    wanted: Wanted,
) -> list[bytes]:
    """Of one batch; `at` is moved past it. What comes after `upto` is told by the live stream."""
    before, told = at.text, []
    topics = [
        topic
        for topic, lane in enumerate(LANE_OF)
        if lane == batch.lane
        and at.at(topic, batch.partition) < batch.batch_seq <= upto.at(topic, batch.partition)
    ]
    for record in records:
        if _TOPIC.get(record.topic) in topics and record.partition == batch.partition:
            event = read(record.headers, record.value)
            if event is not None and wanted.has(event):
                told.append(event)
    for topic in topics:
        at.advance(topic, batch.partition, batch.batch_seq)
    return _positioned(told, before, at.text)


def _positioned(told: Sequence[LiveEvent], before: bytes, after: bytes) -> list[bytes]:
    last = len(told) - 1
    return [
        frames.event(after if index == last else before, event) for index, event in enumerate(told)
    ]
