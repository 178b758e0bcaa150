"""Brings a workload into the interactions topic: all of it at once, or live at a rate."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from tests.load.workload import Sending

INTERACTIONS: Final = "funnel.interactions.v1"
TICK_SECONDS: Final = 0.01
BATCH_MAX_BYTES: Final = 256 * 1024


async def produce_all(bootstrap_servers: str, sendings: Iterable[Sending]) -> int:
    """As fast as they go, in ready-made batches, in order; how many there were."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_MAX_BYTES,
        request_timeout_ms=30_000,
    )
    await producer.start()
    count = 0
    builders: dict[int, Any] = {}
    deliveries: list[asyncio.Future[Any]] = []

    async def hand_over(partition: int) -> None:
        builder = builders.pop(partition)
        deliveries.append(await producer.send_batch(builder, INTERACTIONS, partition=partition))

    try:
        for sending in sendings:
            builder = builders.get(sending.partition)
            if builder is None:
                builder = builders[sending.partition] = producer.create_batch()
            if builder.append(key=sending.key, value=sending.value, timestamp=None) is None:
                await hand_over(sending.partition)
                builder = builders[sending.partition] = producer.create_batch()
                builder.append(key=sending.key, value=sending.value, timestamp=None)
            count += 1
        for partition in list(builders):
            await hand_over(partition)
        await asyncio.gather(*deliveries)
    finally:
        await producer.stop()
    return count


class LiveProducer:
    """Sends at a rate whatever the answers take; `sent_at` is the moment before each send."""

    def __init__(self, bootstrap_servers: str, sendings: Iterator[Sending], rate: float) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._sendings = sendings
        self._rate = rate
        self.sent_at: dict[bytes, float] = {}
        """By interaction id, monotonic seconds; of copies the first."""
        self.behind_seconds = 0.0
        """The most by which sending was late: above a tick or two, the figures are doubtful."""

    async def run(self, seconds: float) -> None:
        ahead = list(islice(self._sendings, int(seconds * self._rate)))
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", enable_idempotence=True
        )
        await producer.start()
        ready: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        sending = asyncio.create_task(_send(producer, ready))
        try:
            await self._tick(producer, ahead, ready)
            await ready.join()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await producer.stop()

    async def _tick(
        self, producer: AIOKafkaProducer, ahead: list[Sending], ready: asyncio.Queue[Any]
    ) -> None:
        """What is due goes into batches of its own: a slow broker makes no tick late."""
        started = time.monotonic()
        sent = 0
        while sent < len(ahead):
            now = time.monotonic()
            due = int((now - started) * self._rate)
            self.behind_seconds = max(self.behind_seconds, (due - sent) / self._rate)
            builders: dict[int, Any] = {}
            for sending in ahead[sent:due]:
                self.sent_at.setdefault(sending.id.encode(), now)
                builder = builders.get(sending.partition)
                if builder is None:
                    builder = builders[sending.partition] = producer.create_batch()
                builder.append(key=sending.key, value=sending.value, timestamp=None)
            for target in builders.items():
                ready.put_nowait(target)
            sent = due
            await asyncio.sleep(TICK_SECONDS)


async def _send(producer: AIOKafkaProducer, ready: asyncio.Queue[tuple[int, Any]]) -> None:
    """Batches in their order, for ever."""
    while True:
        partition, builder = await ready.get()
        delivery = await producer.send_batch(builder, INTERACTIONS, partition=partition)
        delivery.add_done_callback(lambda _: ready.task_done())
