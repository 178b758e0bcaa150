"""Questions to the broker: fence a predecessor, read K, and find K again when it is gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339
from app.errors import Halted, Unavailable
from app.failpoints import Failpoint, hit
from app.handling.ports import Position, Told
from app.kafka_access import kafka_access, let_end, stop_consumer
from app.outbound.headers import Header
from app.outbound.told import told_of
from app.settings import Kafka
from app.storage.rows import Offsets

BATCH_HEADER: Final = "funnel-batch"
RETRY_SECONDS: Final = 0.1


class BrokerCoordinator:
    """Implements `Coordinator`."""

    def __init__(self, settings: Kafka, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self._settings = settings
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)
        self._reader: AIOKafkaConsumer | None = None

    async def fence(self, owner: str) -> None:
        kafka = self._settings
        predecessor = AIOKafkaProducer(
            **kafka_access(kafka),
            transactional_id=owner,
            transaction_timeout_ms=int(kafka.transaction_timeout_seconds * 1000),
            request_timeout_ms=int(kafka.request_timeout_seconds * 1000),
            retry_backoff_ms=20,
        )
        try:
            async with asyncio.timeout(kafka.transaction_timeout_seconds):
                hit(Failpoint.TAKEOVER_BEFORE_FENCE)
                await predecessor.start()
        except (KafkaError, OSError, TimeoutError) as failed:
            raise Unavailable(f"fencing {owner}: {failed!r}") from failed
        finally:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(kafka.request_timeout_seconds):
                    await let_end(predecessor.stop())

    async def bounds(self, partition: int) -> tuple[Offsets, Offsets]:
        tps = [TopicPartition(topic, partition) for topic in self._inputs]
        async with self._asking(f"offsets of partition {partition}") as reader:
            hit(Failpoint.TAKEOVER_BEFORE_OFFSETS)
            first, end = await asyncio.gather(
                reader.beginning_offsets(tps), reader.end_offsets(tps)
            )
        return tuple(first[tp] for tp in tps), tuple(end[tp] for tp in tps)

    async def committed(self, partition: int) -> Position | None:
        """aiokafka ignores the answer's top-level error, so a coordinator that is still loading
        looks like "no offset": ask and check here, retry until it answers."""
        async with self._asking(f"committed offsets of {partition}") as reader:
            while True:
                try:
                    hit(Failpoint.TAKEOVER_BEFORE_OFFSETS)
                    return await self._ask(reader._client, partition)
                except KafkaError as failed:
                    if not failed.retriable:
                        raise
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await stop_consumer(reader)

    @contextlib.asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[AIOKafkaConsumer]:
        """A client of its own: on the lane's connection a question waits behind a long fetch."""
        try:
            async with asyncio.timeout(self._settings.transaction_timeout_seconds):
                if self._reader is None:
                    self._reader = await self._start_reader()
                yield self._reader
        except (KafkaError, OSError, TimeoutError) as failed:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await self.close()
            raise Unavailable(f"{what}: {failed!r}") from failed

    async def _start_reader(self) -> AIOKafkaConsumer:
        """Kept only once it runs: who asks may be cancelled at any moment, the next one asks on."""
        reader = AIOKafkaConsumer(
            **kafka_access(self._settings),
            request_timeout_ms=int(self._settings.request_timeout_seconds * 1000),
        )
        try:
            hit(Failpoint.TAKEOVER_BEFORE_OFFSETS)
            await reader.start()
        except BaseException:
            await stop_consumer(reader)
            raise
        return reader

    async def _ask(self, client: AIOKafkaClient, partition: int) -> Position | None:
        group = self._settings.group_id
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        request = OffsetFetchRequest(group, [(topic, [partition]) for topic in self._inputs])
        answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        _check(answer.error_code)
        offsets: dict[str, int] = {}
        metadata = ""
        for topic, rows in answer.topics:
            for _, offset, metadata_of_topic, error in rows:
                _check(error)
                offsets[topic] = offset
                metadata = metadata_of_topic or metadata
        if all(offset < 0 for offset in offsets.values()):
            return None
        return parse_position(partition, [offsets[topic] for topic in self._inputs], metadata)

    async def scan(self, lane: str, partition: int) -> int:
        highest = 0
        async for batch_seq, _ in self._published(lane, partition):
            highest = max(highest, batch_seq)
        return highest

    async def told(
        self, lane: str, partition: int, after_seq: int, until_seq: int, since: Microseconds
    ) -> set[bytes]:
        seconds = slice(0, len("2026-01-01T00:00:00"))
        decided_since = format_rfc3339(since).encode()[seconds]
        found: set[bytes] = set()
        async for batch_seq, record in self._published(lane, partition):
            if after_seq < batch_seq <= until_seq:
                headers = dict(record.headers)
                id_, decided_at = headers.get(Header.ID.value), headers.get(Header.TIME.value, b"")
                if id_ is not None and (decided_at or b"")[seconds] >= decided_since:
                    found.add(id_)
        return found

    async def changes(
        self, lane: str, partition: int, after_seq: int, until_seq: int
    ) -> AsyncIterator[Told]:
        async for batch_seq, record in self._published(lane, partition):
            if after_seq < batch_seq <= until_seq and record.value is not None:
                told = told_of(record)
                if told is not None:
                    yield told

    async def _published(self, lane: str, partition: int) -> AsyncIterator[tuple[int, Any]]:
        """Every committed output record of a lane partition, with its batch."""
        kafka = self._settings
        consumer = AIOKafkaConsumer(
            **kafka_access(kafka),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            client_id=f"funnel-scan-{uuid4().hex[:8]}",
        )
        prefix = f"{lane}/{partition}/".encode()
        try:
            hit(Failpoint.TAKEOVER_BEFORE_SCAN)
            await consumer.start()
            tps = [
                TopicPartition(topic, p)
                for topic in self._outputs
                for p in sorted(await consumer._client._wait_on_metadata(topic))
            ]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            await consumer.seek_to_beginning(*tps)
            behind = {tp for tp in tps if ends[tp] > await consumer.position(tp)}
            while behind:
                got = await consumer.getmany(*behind, timeout_ms=500)
                for records in got.values():
                    for record in records:
                        # The lane's own is the last: those before are its producer's.
                        name, value = record.headers[-1] if record.headers else ("", b"")
                        if name == BATCH_HEADER and value.startswith(prefix):
                            yield int(value.rpartition(b"/")[2]), record
                behind = {tp for tp in behind if ends[tp] > await consumer.position(tp)}
        except (KafkaError, OSError) as failed:
            raise Unavailable(f"scanning outputs for {lane}/{partition}: {failed!r}") from failed
        finally:
            await stop_consumer(consumer)


def parse_position(partition: int, offsets: Sequence[int], metadata: str) -> Position:
    """K from committed offsets and their metadata ``batch_seq:as_of``; Halted if it is foreign."""
    try:
        batch_seq, as_of = (int(part) for part in metadata.split(":"))
    except ValueError:
        raise Halted(
            f"partition {partition}: the group's committed offsets were not written by this"
            f" service (metadata {metadata[:40]!r}). Somebody reset them: delete the group's"
            " offsets of this partition; the next takeover finds K again on the outputs."
        ) from None
    return Position(partition, batch_seq, tuple(offsets), as_of)


def _check(error_code: int) -> None:
    if error_code:
        raise for_code(error_code)()
