"""Next offsets of topics: where they end, and up to where a group has published."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from app.kafka_access import kafka_access
from app.settings import Kafka

CLIENT_ID: Final = "funnel-api"
MARKERS_MAX: Final = 20
"""A gap up to this is looked into: it may be transaction markers only."""
LOOK_MS: Final = 300
CLOSE_SECONDS: Final = 0.5
"""A connection with TLS waits up to half a minute for the broker's goodbye, where a fetch is under
way; it ends without us."""

Offsets = dict[TopicPartition, int]


async def published(kafka: Kafka, group_id: str) -> Offsets:
    admin = AIOKafkaAdminClient(
        **kafka_access(kafka),
        client_id=CLIENT_ID,
        request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
    )
    try:
        await admin.start()
        answer = await admin.list_consumer_group_offsets(group_id)
    finally:
        await admin.close()
    return {at: found.offset for at, found in answer.items() if found.offset >= 0}


async def ends_of(kafka: Kafka, every: Sequence[TopicPartition], published: Offsets) -> Offsets:
    """Where only markers follow what is published, that. What stands behind a transaction that is
    open waits, too, though no reader of committed records sees it."""
    async with _consumer(kafka, "read_uncommitted") as consumer:
        ends: Offsets = await consumer.end_offsets(every)
    near = {
        at: published[at]
        for at, end in ends.items()
        if at in published and 0 < end - published[at] <= MARKERS_MAX
    }
    if not near:
        return ends
    async with _consumer(kafka, "read_committed") as consumer:
        return ends | await _without_records(consumer, near, ends)


@asynccontextmanager
async def _consumer(kafka: Kafka, isolation_level: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **kafka_access(kafka),
        client_id=CLIENT_ID,
        isolation_level=isolation_level,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await consumer.stop()


async def _without_records(reader: AIOKafkaConsumer, near: Offsets, ends: Offsets) -> Offsets:
    """Those of `near` after which there are markers only: the reader passes them by itself."""
    reader.assign(list(near))
    for at, offset in near.items():
        reader.seek(at, offset)
    with_records = set(await reader.getmany(timeout_ms=LOOK_MS))
    return {
        at: offset
        for at, offset in near.items()
        if at not in with_records and await reader.position(at) >= ends[at]
    }
