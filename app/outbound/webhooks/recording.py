"""From the output topics to deliveries: what every webhook is to be told, written down.

A consumer group of the role reads committed records; its offsets are committed once the deliveries
stand in PostgreSQL. What is read twice is recorded once, by its event's id.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from app.domain.interaction import Microseconds
from app.domain.topics import Topic
from app.errors import Unavailable
from app.kafka_access import kafka_access, stop_consumer
from app.outbound.webhooks.events import Event, read_event
from app.outbound.webhooks.matching import wants
from app.settings import Kafka
from app.storage import deliveries
from app.storage.deliveries import DeliveryRow, Subscription
from app.storage.erasure import digest_of, erasures_among, read_secret

TOPICS: Final = (
    Topic.STAGE_CHANGES,
    Topic.OPPORTUNITIES,
    Topic.CONTACTS,
    Topic.SIGNALS,
    Topic.ACCOUNTS,
)
FETCH_WAIT_MS: Final = 500
NO_POLL_LIMIT_MS: Final = 2**31 - 1
"""A process that waits for PostgreSQL stays in the group."""
ROWS_AT_ONCE: Final = 500
CLOCKS_DIFFER_MS: Final = 1000

log = structlog.get_logger(__name__)


class Recorder:
    """One life of the consumer; after an error it is closed and another one made."""

    def __init__(
        self, kafka: Kafka, connection: asyncpg.Connection, *, group_id: str, record_max: int
    ) -> None:
        """`connection`: nobody else uses it."""
        self._kafka = kafka
        self._connection = connection
        self._record_max = record_max
        self._secret = b""
        self._consumer = AIOKafkaConsumer(
            **kafka_access(kafka),
            client_id="funnel-webhooks",
            group_id=group_id,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=int(kafka.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(kafka.heartbeat_interval_seconds * 1000),
            rebalance_timeout_ms=int(kafka.rebalance_timeout_seconds * 1000),
            max_poll_interval_ms=NO_POLL_LIMIT_MS,
        )

    async def start(self) -> None:
        """Raises Unavailable."""
        self._secret = await read_secret(self._connection)
        try:
            self._consumer.subscribe(list(TOPICS))
            await self._consumer.start()
        except (KafkaError, OSError) as failed:
            raise Unavailable(f"Kafka at {self._kafka.bootstrap_servers}: {failed!r}") from failed

    async def step(self) -> int:
        """What has come is recorded, then committed; how many deliveries that made. Unavailable."""
        try:
            fetched = await self._consumer.getmany(
                timeout_ms=FETCH_WAIT_MS, max_records=self._record_max
            )
        except KafkaError as failed:
            raise Unavailable(f"Kafka, fetching: {failed!r}") from failed
        if not fetched:
            return 0
        recorded = await self._record([each for part in fetched.values() for each in part])
        await self._commit({at: records[-1].offset + 1 for at, records in fetched.items()})
        return recorded

    async def close(self) -> None:
        await stop_consumer(self._consumer)

    async def _record(self, records: Sequence[ConsumerRecord]) -> int:
        read = [(record, _read(record)) for record in records]
        told = [(record, event) for record, event in read if event is not None]
        tenants = sorted({event.tenant for _, event in told})
        webhooks = await deliveries.read_subscriptions(self._connection, tenants)
        if not webhooks:
            return 0
        erased = await self._erased(sorted({key for _, each in told for key in each.contacts}))
        rows = [
            self._row(webhook, record, event)
            for record, event in told
            if not any(event.decided_at < erased.get(key, 0) for key in event.contacts)
            for webhook in webhooks
            if _is_for(webhook, record, event)
        ]
        for first in range(0, len(rows), ROWS_AT_ONCE):
            await deliveries.record(self._connection, rows[first : first + ROWS_AT_ONCE])
        return len(rows)

    async def _erased(self, keys: Sequence[str]) -> Mapping[str, Microseconds]:
        """By routing key; what was decided before that is not told any more."""
        digests = {digest_of(self._secret, key): key for key in keys}
        found = await erasures_among(self._connection, list(digests))
        return {digests[digest]: at for digest, at in found.items()}

    def _row(self, webhook: Subscription, record: ConsumerRecord, event: Event) -> DeliveryRow:
        return DeliveryRow(
            webhook_id=webhook.id,
            event_id=event.id,
            type=event.type,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            decided_at=event.decided_at,
            subject_digest=digest_of(self._secret, event.subject),
            contact_digests=[digest_of(self._secret, key) for key in event.contacts],
            body=event.body,
        )

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            await asyncio.sleep(0)  # the partition is another's now, who reads it once more
        except KafkaError as failed:
            raise Unavailable(f"Kafka, committing: {failed!r}") from failed


def _read(record: ConsumerRecord) -> Event | None:
    """None, too, for what is no event: only somebody else can have written that."""
    try:
        return read_event(record.headers, record.value)
    except (KeyError, ValueError, msgspec.DecodeError):
        log.warning(
            "a record is no event of this service, webhooks pass it by",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )
        return None


def _is_for(webhook: Subscription, record: ConsumerRecord, event: Event) -> bool:
    """Nothing of before it was made, as well as the clocks of two machines can tell."""
    return (
        webhook.tenant == event.tenant
        and record.timestamp + CLOCKS_DIFFER_MS >= webhook.created_at // 1000
        and wants(webhook.types, webhook.filters, event)
    )
