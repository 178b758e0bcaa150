"""How far behind the lanes are, per partition; asked of the brokers and of PostgreSQL."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.api.database import Database
from app.errors import Unavailable
from app.outbound.topic_ids import identify
from app.settings import Kafka
from app.storage import queries

CLIENT_ID: Final = "funnel-api"
MAX_AGE_SECONDS: Final = 2.0
MARKERS_MAX: Final = 20
"""A gap up to this is looked into: it may be transaction markers only."""
LOOK_MS: Final = 300

Offsets = dict[TopicPartition, int]


class LaneTopics(NamedTuple):
    lane: str
    group_id: str
    topics: Sequence[str]


class PartitionLag(msgspec.Struct, frozen=True):
    """Next offsets. `end` is that of a record where only transaction markers follow it, so that
    nothing to do is a lag of 0; other gaps in the offsets count as if they were records."""

    topic: str
    partition: int
    end: int
    published: int | None
    """The group's committed offset, as other tools show it."""
    applied: int | None
    lag: int
    """Not yet published."""
    apply_lag: int
    """Not yet applied to PostgreSQL."""
    behind_seconds: float | None
    """Since the last batch, where something waits; null: nothing does, or nothing ran yet."""
    owner: str | None


class LagReading:
    """Kept for two seconds: many may ask."""

    def __init__(
        self,
        kafka: Kafka,
        database: Database,
        lanes: Sequence[LaneTopics],
        clock: Callable[[], float],
    ) -> None:
        """`clock`: seconds since 1970."""
        self._kafka = kafka
        self._database = database
        self._lanes = lanes
        self._clock = clock
        self._asking = asyncio.Lock()
        self._found: tuple[float, list[PartitionLag]] | None = None

    async def partitions(self) -> list[PartitionLag]:
        """Raises Unavailable, TopicsError."""
        async with self._asking:
            if self._found is None or self._clock() - self._found[0] > MAX_AGE_SECONDS:
                rows = [row for lane in self._lanes for row in await self._of(lane)]
                self._found = self._clock(), rows
            return self._found[1]

    async def _of(self, lane: LaneTopics) -> list[PartitionLag]:
        rows = {
            row.partition: row for row in await queries.partitions(self._database.engine, lane.lane)
        }
        identities = await identify(self._kafka, lane.topics)
        every = [
            TopicPartition(str(topic), number)
            for topic in lane.topics
            for number in range(identities[topic].partitions)
        ]
        try:
            published = await self._published(lane.group_id)
            ends = await self._ends(every, published)
        except (KafkaError, OSError) as failed:
            raise Unavailable(f"Kafka at {self._kafka.bootstrap_servers}: {failed!r}") from failed
        found = []
        for at in every:
            row, end, committed = rows.get(at.partition), ends[at], published.get(at)
            applied = None if row is None else row.next_offsets[lane.topics.index(at.topic)]
            lag = max(0, end - (committed or 0))
            waited = None if row is None or not lag else self._clock() - row.as_of / 1_000_000
            found.append(
                PartitionLag(
                    topic=at.topic,
                    partition=at.partition,
                    end=end,
                    published=committed,
                    applied=applied,
                    lag=lag,
                    apply_lag=max(0, end - (applied or 0)),
                    behind_seconds=None if waited is None else max(0.0, waited),
                    owner=None if row is None else row.owner,
                )
            )
        return found

    async def _ends(self, every: Sequence[TopicPartition], published: Offsets) -> Offsets:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka.bootstrap_servers,
            client_id=CLIENT_ID,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            ends: Offsets = await consumer.end_offsets(every)
            near = {
                at: published[at]
                for at, end in ends.items()
                if at in published and 0 < end - published[at] <= MARKERS_MAX
            }
            return ends | await _without_records(consumer, near, ends)
        finally:
            await consumer.stop()

    async def _published(self, group_id: str) -> Offsets:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._kafka.bootstrap_servers,
            client_id=CLIENT_ID,
            request_timeout_ms=round(self._kafka.request_timeout_seconds * 1000),
        )
        try:
            await admin.start()
            answer = await admin.list_consumer_group_offsets(group_id)
        finally:
            await admin.close()
        return {at: found.offset for at, found in answer.items() if found.offset >= 0}


async def _without_records(reader: AIOKafkaConsumer, near: Offsets, ends: Offsets) -> Offsets:
    """Those of `near` after which there are markers only: the reader passes them by itself."""
    if not near:
        return {}
    reader.assign(list(near))
    for at, offset in near.items():
        reader.seek(at, offset)
    with_records = set(await reader.getmany(timeout_ms=LOOK_MS))
    return {
        at: offset
        for at, offset in near.items()
        if at not in with_records and await reader.position(at) >= ends[at]
    }
