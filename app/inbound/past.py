"""Reading a lane partition again, from a position the group has left behind.

The lane's consumer without a group: it fetches and unpacks the same way, and belongs to nobody, so
that rebalances do not touch it.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from app.errors import Unavailable
from app.failpoints import Failpoint, hit
from app.handling.records import SourceRecord
from app.inbound import consumer
from app.kafka_access import kafka_access, stop_consumer
from app.settings import Kafka
from app.storage.rows import Offsets


class PastReader:
    """Implements `Past`."""

    def __init__(self, settings: Kafka, topics: Sequence[str]) -> None:
        self._settings = settings
        self._reading = consumer.LaneConsumer(settings, topics)
        self._topics = topics
        self._partition = -1

    async def start(self, partition: int, offsets: Offsets) -> None:
        kafka = self._settings
        made = AIOKafkaConsumer(
            **kafka_access(kafka),
            client_id=f"funnel-past-{uuid4().hex[:8]}",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=consumer.FETCH_WAIT_MS,
            fetch_max_bytes=kafka.fetch_max_bytes,
            max_partition_fetch_bytes=kafka.partition_fetch_max_bytes,
        )
        try:
            hit(Failpoint.FETCH_BEFORE_POLL)
            await made.start()
            # aiokafka's own task must have begun before it can be stopped
            await asyncio.sleep(0)
        except (KafkaError, OSError) as failed:
            with contextlib.suppress(KafkaError, OSError):
                await stop_consumer(made)
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {failed!r}") from failed
        self._partition = partition
        self._reading.read_alone(made, partition, offsets)

    async def fetch(self, max_records: int, timeout_seconds: float) -> list[SourceRecord]:
        got = await self._reading.fetch(max_records, timeout_seconds)
        return got.get(self._partition, [])

    def passed(self, offsets: Offsets) -> list[bool]:
        return self._reading.passed(self._partition, offsets)

    async def stop(self) -> None:
        await self._reading.stop()
