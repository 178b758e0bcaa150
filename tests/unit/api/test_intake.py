import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError

from app.api.intake import Intake, Outgoing
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.errors import Unavailable
from app.settings import Kafka

RECORDS = [Outgoing(Topic.INTERACTIONS, "acme", f"c-{n}", b"{}") for n in range(3)]


class Producer:
    """Answers what it is told to, or never."""

    def __init__(self, answer: Exception | str | None) -> None:
        self.answer = answer
        self.sent: list[tuple[str, bytes, int]] = []
        self.futures: list[asyncio.Future[str]] = []
        self.is_stopped = False

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(12))

    async def send(self, topic: str, *, key: bytes, partition: int, **_: Any) -> Any:
        self.sent.append((topic, key, partition))
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        if isinstance(self.answer, Exception):
            future.set_exception(self.answer)
        elif self.answer is not None:
            future.set_result(self.answer)
        self.futures.append(future)
        return future

    async def stop(self) -> None:
        self.is_stopped = True


def intake(producer: Producer, timeout_seconds: float = 30.0) -> Intake:
    made = Intake(Kafka(request_timeout_seconds=timeout_seconds))
    made._producer = producer
    return made


async def test_records_go_to_their_contacts_home_partition() -> None:
    producer = Producer("there")
    await intake(producer).put(RECORDS)
    assert producer.sent == [
        (Topic.INTERACTIONS, key.encode(), home_partition(key, 12))
        for key in ("acme/c-0", "acme/c-1", "acme/c-2")
    ]


async def test_brokers_that_do_not_answer_are_waited_for_within_a_bound() -> None:
    """What was sent is not taken back: the producer goes on when they are there again."""
    producer = Producer(None)
    with pytest.raises(Unavailable, match="in time"):
        await intake(producer, timeout_seconds=0.01).put(RECORDS)
    assert not producer.is_stopped
    assert not any(future.cancelled() for future in producer.futures)


async def test_a_producer_that_failed_is_dropped() -> None:
    producer = Producer(KafkaError("sequence"))
    made = intake(producer)
    with pytest.raises(Unavailable, match="sequence"):
        await made.put(RECORDS)
    assert producer.is_stopped
    assert made._producer is None
