"""An event that is to be delivered again: its body was not kept, so it is read where it stands."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import asyncpg
import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from app.domain.timestamps import format_rfc3339
from app.errors import Unavailable
from app.kafka_reading import kafka_reader
from app.outbound.webhooks.events import Event, make_test_body, read_event
from app.outbound.webhooks.sending import Failure
from app.settings import Kafka
from app.storage.deliveries import Claim
from app.storage.erasure import digest_of, erasures_among, read_secret

READ_SECONDS: Final = 3.0

Connecting = Callable[[], AbstractAsyncContextManager[asyncpg.Connection]]
"""A connection to PostgreSQL of one's own."""


class Rereader:
    """One at a time: it is rare."""

    def __init__(self, kafka: Kafka, connecting: Connecting) -> None:
        self._kafka = kafka
        self._connecting = connecting
        self._reading = asyncio.Lock()

    async def body(self, claim: Claim) -> bytes | Failure:
        """RECORD_GONE, ERASED: it can't, or must not, be delivered any more. Raises Unavailable."""
        if claim.topic is None:
            at = format_rfc3339(claim.created_at)
            return make_test_body(claim.event_id, claim.webhook_id.hex, claim.tenant, at)
        async with self._reading:
            record = await self._record(claim)
            event = None if record is None else _read(record)
            if event is None or event.id != claim.event_id:
                return Failure.RECORD_GONE
            async with self._connecting() as connection:
                secret = await read_secret(connection)
                digests = [digest_of(secret, key) for key in event.contacts]
                erased = await erasures_among(connection, digests)
        is_erased = any(event.decided_at < at for at in erased.values())
        return Failure.ERASED if is_erased else event.body

    async def _record(self, claim: Claim) -> ConsumerRecord | None:
        at = TopicPartition(claim.topic, claim.partition)
        async with kafka_reader(self._kafka, "funnel-webhooks") as consumer:
            consumer.assign([at])
            consumer.seek(at, claim.offset)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    found = await consumer.getone(at)
            except OffsetOutOfRangeError:
                return None
            except TimeoutError as late:
                raise Unavailable("Kafka, reading an event again: no answer") from late
        return found if found.offset == claim.offset else None


def _read(record: ConsumerRecord) -> Event | None:
    """None: something else stands there, the topic was made anew."""
    try:
        return read_event(record.headers, record.value)
    except (KeyError, ValueError, msgspec.DecodeError):
        return None
