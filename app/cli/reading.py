"""Reading a topic as its subscribers do: committed records only, without a group."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from app.cli.broker import unreachable

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from app.settings import Kafka

CLOSE_SECONDS: Final = 0.5
"""A connection with TLS waits up to half a minute for the broker's goodbye, where a fetch is under
way; it ends without us."""


@asynccontextmanager
async def reader(
    kafka: "Kafka", topic: str, *, from_start: bool = False
) -> AsyncIterator["AIOKafkaConsumer"]:
    """A consumer of every partition of `topic`, from now or from its start."""
    partitions = await partitions_of(kafka, [topic])
    async with consumer(kafka) as made:
        made.assign(partitions)
        await (made.seek_to_beginning() if from_start else made.seek_to_end())
        yield made


@asynccontextmanager
async def consumer(
    kafka: "Kafka", *, is_committed: bool = True
) -> AsyncIterator["AIOKafkaConsumer"]:
    """Without a group, of committed records or of all. Raises Unavailable."""
    from aiokafka import AIOKafkaConsumer
    from aiokafka.errors import KafkaError

    from app.kafka_access import kafka_access

    made = AIOKafkaConsumer(
        **kafka_access(kafka),
        client_id="funnel-cli",
        isolation_level="read_committed" if is_committed else "read_uncommitted",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await made.start()
    except (KafkaError, OSError) as failed:
        await made.stop()
        raise unreachable(kafka.bootstrap_servers, failed) from failed
    try:
        yield made
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await made.stop()


async def partitions_of(kafka: "Kafka", topics: Sequence[str]) -> list["TopicPartition"]:
    """Every partition of every topic, in order. Raises TopicsError, Unavailable."""
    from aiokafka import TopicPartition

    from app.outbound.topic_ids import identify

    found = await identify(kafka, topics)
    return [
        TopicPartition(str(topic), number)
        for topic in topics
        for number in range(found[topic].partitions)
    ]
