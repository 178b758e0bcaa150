"""Traffic at a steady rate, in ready-made batches: cheap enough to measure beside."""

import asyncio
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from tests.failure.envelope import Coordinates
from tests.failure.traffic import Sending

TICK_SECONDS: Final = 0.02
TopicPartitionNumber = tuple[str, int]


class SteadyProducing:
    """Runs until it is stopped or there is nothing left; then everything is acknowledged."""

    def __init__(self, bootstrap_servers: str, sendings: Iterator[Sending], rate: float) -> None:
        """`sendings` should be made already: making them takes longer than sending."""
        self.acknowledged: set[Coordinates] = set()
        self.behind_seconds = 0.0
        """The most by which sending was late: above a few ticks, the rate is not what it says."""
        self.seconds = 0.0
        self._bootstrap_servers = bootstrap_servers
        self._sendings = sendings
        self._rate = rate
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers, acks="all", enable_idempotence=True
        )
        await producer.start()
        ready: asyncio.Queue[tuple[TopicPartitionNumber, Any, int]] = asyncio.Queue()
        sending = asyncio.create_task(self._send(producer, ready))
        try:
            await self._tick(producer, ready)
            await ready.join()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await producer.stop()

    async def _tick(self, producer: AIOKafkaProducer, ready: asyncio.Queue[Any]) -> None:
        started = time.monotonic()
        sent = 0
        while not self._stop.is_set():
            self.seconds = time.monotonic() - started
            due = int(self.seconds * self._rate)
            self.behind_seconds = max(self.behind_seconds, (due - sent) / self._rate)
            chosen = list(islice(self._sendings, due - sent))
            if due > sent and not chosen:
                return
            sent += len(chosen)
            builders: dict[TopicPartitionNumber, list[Any]] = {}
            for each in chosen:
                at = each.topic, each.partition
                if at not in builders or not _append(builders[at][-1], each):
                    builder = producer.create_batch()
                    assert _append(builder, each), "a record has room in a batch of its own"
                    builders.setdefault(at, []).append(builder)
            for at, made in builders.items():
                for builder in made:
                    ready.put_nowait((at, builder, builder.record_count()))
            await asyncio.sleep(TICK_SECONDS)

    async def _send(self, producer: AIOKafkaProducer, ready: asyncio.Queue[Any]) -> None:
        """Batches in their order, for ever."""

        def done(topic: str, partition: int, count: int, delivery: asyncio.Future[Any]) -> None:
            first = delivery.result().offset
            self.acknowledged.update((topic, partition, first + n) for n in range(count))
            ready.task_done()

        while True:
            (topic, partition), builder, count = await ready.get()
            delivery = await producer.send_batch(builder, topic, partition=partition)
            delivery.add_done_callback(
                lambda future, topic=topic, partition=partition, count=count: done(
                    topic, partition, count, future
                )
            )


def _append(builder: Any, sending: Sending) -> bool:
    return (
        builder.append(
            key=sending.key,
            value=sending.value,
            timestamp=None,
            headers=list(sending.headers),
        )
        is not None
    )
