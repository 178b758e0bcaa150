"""How far behind the lanes are, per partition; asked of the brokers and of PostgreSQL."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import TopicPartition

from app.api import offsets
from app.api.database import Database
from app.outbound.topic_ids import identify
from app.settings import Kafka
from app.storage import queries
from app.storage.rows import PartitionRow

CLIENT_ID: Final = "funnel-api"
MAX_AGE_SECONDS: Final = 2.0


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
        published = await offsets.published(self._kafka, CLIENT_ID, lane.group_id)
        ends = await offsets.ends_of(self._kafka, CLIENT_ID, every, published)
        return [
            self._row(at, lane, rows.get(at.partition), ends[at], published.get(at)) for at in every
        ]

    def _row(
        self,
        at: TopicPartition,
        lane: LaneTopics,
        row: PartitionRow | None,
        end: int,
        published: int | None,
    ) -> PartitionLag:
        applied = None if row is None else row.next_offsets[lane.topics.index(at.topic)]
        lag = max(0, end - (published or 0))
        waited = None if row is None or not lag else self._clock() - row.as_of / 1_000_000
        return PartitionLag(
            topic=at.topic,
            partition=at.partition,
            end=end,
            published=published,
            applied=applied,
            lag=lag,
            apply_lag=max(0, end - (applied or 0)),
            behind_seconds=None if waited is None else max(0.0, waited),
            owner=None if row is None else row.owner,
        )
