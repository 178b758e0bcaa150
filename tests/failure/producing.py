"""Produces the traffic at a rate, through broker failures, and remembers what was acknowledged."""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.failure.envelope import Coordinates
from tests.failure.traffic import Sending

TICK_SECONDS = 0.1
WAVE_SECONDS = 12.0
"""Bursts and calm take turns, so that there are large batches and single ones."""


class Producing:
    """Runs until every sending is acknowledged. What failed is sent again: to this service the
    same interaction twice is one, and each copy of a poison record is a record of its own."""

    def __init__(self, bootstrap_servers: str, sendings: Iterable[Sending], rate: float) -> None:
        self.acknowledged: set[Coordinates] = set()
        self._bootstrap_servers = bootstrap_servers
        self._sendings = iter(sendings)
        self._rate = rate
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        started = time.monotonic()
        unsent: list[Sending] = []
        due = last = 0.0
        try:
            while True:
                elapsed = time.monotonic() - started
                calm = (elapsed % WAVE_SECONDS) > WAVE_SECONDS / 3
                due += self._rate * (elapsed - last) * (0.4 if calm else 2.2)
                due, last = min(due, self._rate * 5), elapsed
                fresh = list(islice(self._sendings, max(0, int(due) - len(unsent))))
                due -= len(fresh)
                if not unsent and not fresh and self._is_exhausted():
                    return
                unsent = await self._send([*unsent, *fresh])
                await asyncio.sleep(TICK_SECONDS)
        finally:
            await self._drop_producer()

    def _is_exhausted(self) -> bool:
        following = next(self._sendings, None)
        if following is None:
            return True
        self._sendings = _put_back(following, self._sendings)
        return False

    async def _send(self, sendings: list[Sending]) -> list[Sending]:
        """Send all; returns those that were not acknowledged."""
        futures: list[asyncio.Future[object]] = []
        try:
            if self._producer is None:
                self._producer = await self._start_producer()
            async with asyncio.timeout(20):
                for sending in sendings:
                    futures.append(  # noqa: PERF401 - those before an error count
                        await self._producer.send(
                            sending.topic,
                            sending.value,
                            key=sending.key,
                            partition=sending.partition,
                            headers=list(sending.headers),
                        )
                    )
                await asyncio.wait(futures) if futures else None
        except (KafkaError, OSError, TimeoutError, AssertionError):
            await self._drop_producer()
        unsent = sendings[len(futures) :]
        for sending, future in zip(sendings, futures, strict=False):
            if future.done() and not future.cancelled() and future.exception() is None:
                stored: object = future.result()
                self.acknowledged.add((stored.topic, stored.partition, stored.offset))  # type: ignore[attr-defined]
            else:
                unsent.append(sending)
        if unsent:
            await self._drop_producer()
        return unsent

    async def _start_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            enable_idempotence=True,
            request_timeout_ms=8000,
            max_batch_size=256 * 1024,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _drop_producer(self) -> None:
        """A failed idempotent producer stays failed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(5):
                    await producer.stop()


def _put_back(first: Sending, rest: Iterator[Sending]) -> Iterator[Sending]:
    yield first
    yield from rest
