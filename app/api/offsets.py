"""Next offsets of topics: where they end, and up to where a group has published."""

from collections.abc import Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from app.kafka_reading import kafka_admin, kafka_reader
from app.settings import Kafka

MARKERS_MAX: Final = 20
"""A gap up to this is looked into: it may be transaction markers only."""
LOOK_MS: Final = 300

Offsets = dict[TopicPartition, int]


async def published(kafka: Kafka, client_id: str, group_id: str) -> Offsets:
    """As other tools show it. Raises Unavailable."""
    async with kafka_admin(kafka, client_id) as admin:
        answer = await admin.list_consumer_group_offsets(group_id)
    return {at: found.offset for at, found in answer.items() if found.offset >= 0}


async def ends_of(
    kafka: Kafka, client_id: str, every: Sequence[TopicPartition], published: Offsets
) -> Offsets:
    """Where only markers follow what is published, that. What stands behind a transaction that is
    open waits, too, though no reader of committed records sees it. Raises Unavailable."""
    async with kafka_reader(kafka, client_id, committed_only=False) as reader:
        ends: Offsets = await reader.end_offsets(every)
    near = {
        at: published[at]
        for at, end in ends.items()
        if at in published and 0 < end - published[at] <= MARKERS_MAX
    }
    if not near:
        return ends
    async with kafka_reader(kafka, client_id, reset="earliest") as reader:
        return ends | await _without_records(reader, near, ends)


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
