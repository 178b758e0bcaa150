"""Records onto the lanes' topics: on the contact's home partition, idempotent, waited for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError

from app.domain.routing import home_partition, routing_key
from app.domain.topics import Topic
from app.errors import Unavailable
from app.inbound.event import STRUCTURED
from app.kafka_access import kafka_access, let_end, renew_access
from app.outbound.redriving import Original
from app.settings import Kafka

HEADERS: Final = [("content-type", STRUCTURED.encode())]
PUT_TIMEOUTS: Final = 2
"""So many request time-outs a record may take."""
STOP_TIMEOUT_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)

Send = Callable[[AIOKafkaProducer], Awaitable["asyncio.Future[object]"]]


class Outgoing(NamedTuple):
    """A CloudEvent in structured mode, known to be sound."""

    topic: Topic
    tenant: str
    contact_id: str
    value: bytes


class Intake:
    """One producer, made when it is first needed and again after it failed."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def check(self) -> None:
        """Raises Unavailable."""
        producer = await self._started()
        renew_access(producer.client, self._kafka)
        if not await producer.client.force_metadata_update():
            raise Unavailable(f"Kafka at {self._kafka.bootstrap_servers} does not answer")

    async def put(self, records: Sequence[Outgoing]) -> None:
        """Returns once the brokers have all of them. Raises Unavailable: some of them may be there,
        or come later, and sending all again is safe, for the lanes know them by their ids."""
        await self._put([partial(self._send, record=record) for record in records])

    async def partitions(self, topic: str) -> int:
        """Raises Unavailable."""
        producer = await self._started()
        try:
            async with asyncio.timeout(PUT_TIMEOUTS * self._kafka.request_timeout_seconds):
                return len(await producer.partitions_for(topic))
        except (TimeoutError, KafkaError, OSError) as failed:
            raise Unavailable(f"Kafka does not know the topic {topic} now: {failed!r}") from failed

    async def send_to_all(self, topic: str, key: bytes, value: bytes) -> None:
        """The same record to every partition. As `put`."""
        await self._put(
            [
                partial(_send_to, topic=topic, partition=partition, key=key, value=value)
                for partition in range(await self.partitions(topic))
            ]
        )

    async def put_again(self, originals: Sequence[Original]) -> None:
        """Records as they were. As `put`."""
        await self._put([partial(_send_again, original=original) for original in originals])

    async def _put(self, sends: Sequence[Send]) -> None:
        producer = await self._started()
        try:
            async with asyncio.timeout(PUT_TIMEOUTS * self._kafka.request_timeout_seconds):
                sent = [await send(producer) for send in sends]
                await asyncio.wait(sent)  # without cancelling them when it takes too long
            failures = [failed for each in sent if (failed := each.exception()) is not None]
            if failures:
                raise failures[0]
        except (TimeoutError, KafkaTimeoutError) as late:
            # An idempotent producer never gives up; it goes on once the brokers are back.
            raise Unavailable("Kafka did not take a record in time") from late
        except (KafkaError, OSError) as failed:
            await self._drop(producer)
            raise Unavailable(f"Kafka did not take a record: {failed!r}") from failed

    async def close(self) -> None:
        if self._producer is not None:
            await self._drop(self._producer)

    async def _send(self, producer: AIOKafkaProducer, record: Outgoing) -> "asyncio.Future[object]":
        key = routing_key(record.tenant, record.contact_id)
        partitions = len(await producer.partitions_for(record.topic))
        sent: asyncio.Future[object] = await producer.send(
            record.topic,
            value=record.value,
            key=key.encode(),
            headers=HEADERS,
            partition=home_partition(key, partitions),
        )
        return sent

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start()
            return self._producer

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **kafka_access(self._kafka),
            client_id="funnel-api",
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            request_timeout_ms=round(self._kafka.request_timeout_seconds * 1000),
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as failed:
            await _stop(producer)
            raise Unavailable(f"Kafka at {self._kafka.bootstrap_servers}: {failed!r}") from failed
        except asyncio.CancelledError:
            await _stop(producer)
            raise
        return producer

    async def _drop(self, producer: AIOKafkaProducer) -> None:
        """A failed idempotent producer stays failed."""
        if self._producer is producer:
            self._producer = None
        await _stop(producer)


async def _send_to(
    producer: AIOKafkaProducer, *, topic: str, partition: int, key: bytes, value: bytes
) -> "asyncio.Future[object]":
    sent: asyncio.Future[object] = await producer.send(
        topic, value=value, key=key, headers=HEADERS, partition=partition
    )
    return sent


async def _send_again(producer: AIOKafkaProducer, original: Original) -> "asyncio.Future[object]":
    sent: asyncio.Future[object] = await producer.send(
        original.topic,
        value=original.value,
        key=original.key,
        headers=original.headers,
        partition=original.partition,
    )
    return sent


async def _stop(producer: AIOKafkaProducer) -> None:
    """It first waits for what is under way, which may never end."""
    try:
        async with asyncio.timeout(STOP_TIMEOUT_SECONDS):
            await let_end(producer.stop())
    except TimeoutError:
        log.warning("the producer did not stop in time")
