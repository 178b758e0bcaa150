"""Reading the output topics as other services do: committed records only, without a group.

It begins where the lanes had published, so that together with PostgreSQL nothing is missing: K of
each partition is asked first, and what the topics hold of later batches is read from a little
before their ends.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from app.errors import Unavailable
from app.handling.ports import Position as Published
from app.kafka_reading import kafka_reader
from app.live.event import place_of, read
from app.live.position import LANE_OF, STREAMED, Position
from app.live.rounds import HeardBatch, Round
from app.outbound.topic_ids import identify
from app.settings import Kafka

BACK_MS: Final = 30_000
"""From so long before the ends on: K may be a moment behind what is on the topics."""
LOOK_MS: Final = 1000
SILENCE_SECONDS: Final = 2.0
"""Nothing heard for so long: the brokers are asked whether they are there."""
ROUND_MAX_RECORDS: Final = 2000
FETCH_MAX_BYTES: Final = 8 * 1024 * 1024
PARTITION_FETCH_MAX_BYTES: Final = 256 * 1024

_TOPIC: Final = {topic.value: index for index, topic in enumerate(STREAMED)}


class Lane(Protocol):
    """What a lane has published, as its group says."""

    async def committed(self, partition: int) -> Published | None:
        """None: no worker has had the partition yet. Raises Unavailable, Halted."""
        ...

    async def close(self) -> None: ...


class Rewound(Exception):
    """A partition's batches began anew: another database, other topics."""


class Reader:
    """One consumer, from its start to its end."""

    def __init__(
        self, consumer: AIOKafkaConsumer, position: Position, ends: Mapping[TopicPartition, int]
    ) -> None:
        """`ends` were looked at after `position`: what stands behind them is later."""
        self.begins_at = position
        """What was published before, and is not told here."""
        self._consumer = consumer
        self._ends = ends
        self._heard = position.copy()
        self._open: dict[TopicPartition, HeardBatch] = {}
        """Batches of which more may come."""

    async def rounds(self) -> AsyncIterator[Round]:
        """For ever. Raises Unavailable, Rewound."""
        clock = asyncio.get_running_loop().time
        heard_at = clock()
        while True:
            self._check_task()
            try:
                found = await self._consumer.getmany(
                    timeout_ms=LOOK_MS, max_records=ROUND_MAX_RECORDS
                )
                batches: Round = []
                for at, records in found.items():
                    for record in records:
                        self._take(at, record, batches)
                for at in [at for at in self._open if await self._is_read_to_its_end(at)]:
                    self._close(at, batches)
                if found:
                    heard_at = clock()
                elif clock() - heard_at >= SILENCE_SECONDS:
                    # A look finds nothing also where no broker answers.
                    await self._consumer.end_offsets(list(self._ends))
                    heard_at = clock()
            except KafkaError as failed:
                raise Unavailable(f"Kafka, reading what was published: {failed!r}") from failed
            if batches:
                yield batches

    def _check_task(self) -> None:
        """aiokafka's background task ends for good at what it does not expect, and a look then
        finds nothing for ever."""
        if self._consumer._fetcher._fetch_task.done():
            raise Unavailable("the Kafka client's background task ended")

    def _take(
        self, at: TopicPartition, record: "ConsumerRecord[bytes, bytes]", into: Round
    ) -> None:
        topic = _TOPIC[at.topic]
        place = place_of(record.headers)
        if place is None or place.lane != LANE_OF[topic] or place.partition != at.partition:
            return
        open_ = self._open.get(at)
        if open_ is not None and open_.batch_seq != place.batch_seq:
            self._close(at, into)
            open_ = None
        heard = self._heard.at(topic, at.partition)
        if place.batch_seq <= heard:
            if record.offset >= self._ends[at]:
                raise Rewound(f"{at.topic}/{at.partition}: {place.batch_seq} came after {heard}")
            return
        if open_ is None:
            open_ = self._open[at] = HeardBatch(topic, at.partition, place.batch_seq, [])
        event = read(record.headers, record.value)
        if event is not None:
            open_.events.append(event)

    async def _is_read_to_its_end(self, at: TopicPartition) -> bool:
        """A batch is published in one transaction, and the last stable offset is in none."""
        stable = self._consumer.last_stable_offset(at)
        return stable is not None and await self._consumer.position(at) >= stable

    def _close(self, at: TopicPartition, into: Round) -> None:
        batch = self._open.pop(at)
        self._heard.advance(batch.topic, batch.partition, batch.batch_seq)
        into.append(batch)


@asynccontextmanager
async def reading(kafka: Kafka, lanes: Mapping[str, Lane]) -> AsyncIterator[Reader]:
    """`lanes` by name. Raises Unavailable, TopicsError, Halted."""
    identities = await identify(kafka, STREAMED)
    counts = [
        min(
            identities[topic].partitions
            for topic, lane in zip(STREAMED, LANE_OF, strict=True)
            if lane == mine
        )
        for mine in LANE_OF
    ]
    # Before the ends are looked for: what is published between the two is read.
    published = {
        name: await _published(lane, counts[LANE_OF.index(name)]) for name, lane in lanes.items()
    }
    # What is gone is not skipped: it begins anew, and says so.
    async with kafka_reader(
        kafka,
        "funnel-live",
        request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
        fetch_max_bytes=FETCH_MAX_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_MAX_BYTES,
    ) as consumer:
        ends = await _seek(consumer, counts)
        yield Reader(consumer, Position.of_lanes(published), ends)


async def _published(lane: Lane, partitions: int) -> list[int]:
    try:
        found = [await lane.committed(partition) for partition in range(partitions)]
    finally:
        await lane.close()
    return [0 if each is None else each.batch_seq for each in found]


async def _seek(consumer: AIOKafkaConsumer, counts: list[int]) -> dict[TopicPartition, int]:
    """To a little before the ends; where these are."""
    every = [
        TopicPartition(topic.value, partition)
        for topic, n in zip(STREAMED, counts, strict=True)
        for partition in range(n)
    ]
    consumer.assign(every)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(every)
    since_ms = round(time.time() * 1000) - BACK_MS
    found = await consumer.offsets_for_times(dict.fromkeys(every, since_ms))
    for at in every:
        consumer.seek(at, ends[at] if found[at] is None else found[at].offset)
    return ends
