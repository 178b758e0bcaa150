"""Interactions onto their topic: the contact's home partition, idempotent, waited for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from app.cli.broker import CLIENT_ID, unreachable
from app.errors import Unavailable

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from app.settings import Kafka, Settings

IN_FLIGHT_MAX: Final = 2000
CLOUDEVENT: Final = ("content-type", b"application/cloudevents+json")

Headers = Sequence[tuple[str, bytes | None]]


class Sender:
    """Sends records and knows how many the brokers have not confirmed yet; bounded."""

    def __init__(self, producer: "AIOKafkaProducer") -> None:
        self._producer = producer
        self._waiting: set[asyncio.Future[Any]] = set()
        self._failed: BaseException | None = None
        self.confirmed = 0

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers | None = None,
        partition: int | None = None,
    ) -> None:
        """Queue one record; waits while too many are unconfirmed. Raises Unavailable."""
        if len(self._waiting) >= IN_FLIGHT_MAX:
            await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
        self._raise_failure()
        sent = await self._producer.send(
            topic, value=value, key=key, headers=list(headers or ()), partition=partition
        )
        self._waiting.add(sent)
        sent.add_done_callback(self._on_done)

    async def send_event(self, event: Mapping[str, Any], *, topic: str | None = None) -> None:
        """Queue one CloudEvent (structured mode), keyed and placed by its contact."""
        import msgspec

        from app.domain.routing import DEFAULT_TENANT, home_partition, routing_key
        from app.domain.topics import Topic

        topic = topic or Topic.INTERACTIONS
        key = routing_key(str(event.get("tenantid") or DEFAULT_TENANT), str(event["subject"]))
        await self.send(
            topic,
            key.encode(),
            msgspec.json.encode(event),
            headers=[CLOUDEVENT],
            partition=home_partition(key, await self.partitions(topic)),
        )

    async def send_to_all(self, topic: str, key: bytes, value: bytes) -> None:
        """The same CloudEvent to every partition; returns once the brokers have all. Raises
        Unavailable."""
        for partition in range(await self.partitions(topic)):
            await self.send(topic, key, value, headers=[CLOUDEVENT], partition=partition)
        await self.confirm()

    async def partitions(self, topic: str) -> int:
        return len(await self._producer.partitions_for(topic))

    async def confirm(self) -> None:
        """Wait until the brokers have everything sent so far. Raises Unavailable."""
        if self._waiting:
            await asyncio.wait(set(self._waiting))
        self._raise_failure()

    def _on_done(self, sent: "asyncio.Future[Any]") -> None:
        self._waiting.discard(sent)
        if sent.cancelled() or (failed := sent.exception()) is None:
            self.confirmed += not sent.cancelled()
        else:
            self._failed = self._failed or failed

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise Unavailable(f"Kafka did not take a record: {self._failed!r}") from self._failed


@asynccontextmanager
async def sender(kafka: "Kafka") -> AsyncIterator[Sender]:
    """A sender on an idempotent producer, `acks=all`. Raises Unavailable."""
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    from app.kafka_access import kafka_access, let_end

    producer = AIOKafkaProducer(
        **kafka_access(kafka),
        client_id=CLIENT_ID,
        enable_idempotence=True,
        acks="all",
        linger_ms=5,
        request_timeout_ms=round(kafka.request_timeout_seconds * 1000),
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as failed:
        await let_end(producer.stop())
        raise unreachable(kafka.bootstrap_servers, failed) from failed
    try:
        yield Sender(producer)
    finally:
        await let_end(producer.stop())


async def send_command(settings: "Settings", event: Mapping[str, Any]) -> None:
    """One CloudEvent, if the service would take it. Raises FunnelError, Unavailable."""
    from app.cli.checking import checker, topic_of
    from app.errors import FunnelError

    wrong = checker(settings)(event)
    if wrong is not None:
        raise FunnelError(f"this can't be asked for: {wrong}")
    async with sender(settings.kafka) as to:
        await to.send_event(event, topic=topic_of(event, settings))
        await to.confirm()
