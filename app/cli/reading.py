"""Reading a topic as its subscribers do: committed records only, without a group."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.cli.broker import CLIENT_ID

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from app.settings import Kafka


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
async def consumer(kafka: "Kafka") -> AsyncIterator["AIOKafkaConsumer"]:
    """Without a group. Raises Unavailable, also while it is used."""
    from app.kafka_reading import kafka_reader

    async with kafka_reader(kafka, CLIENT_ID, reset="earliest") as made:
        yield made


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
