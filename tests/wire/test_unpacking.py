"""Our way of reading fetched batches gives exactly what aiokafka's own does."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from app.handling.records import SourceRecord
from app.inbound.consumer import LaneConsumer
from app.inbound.unpacking import take
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import Kafka


async def _fill(stack: EmbeddedStack, topic: str) -> None:
    """Plain and compressed batches, headers, tombstones, a committed and an aborted transaction."""
    servers = stack.bootstrap_servers
    for compression in (None, "gzip", "lz4", "zstd", "snappy"):
        async with AIOKafkaProducer(
            bootstrap_servers=servers, compression_type=compression
        ) as plain:
            for n in range(50):
                headers = [("h", b"%d" % n), ("none", None)] if n % 3 else []
                await plain.send(topic, b"v%d" % n if n % 7 else None, key=b"k", headers=headers)
            await plain.flush()
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id=topic) as writer:
        for end in ("commit", "abort", "commit"):
            await writer.begin_transaction()
            for n in range(20):
                await writer.send(topic, f"{end}{n}".encode())
            await (writer.commit_transaction if end == "commit" else writer.abort_transaction)()


async def _consumer(stack: EmbeddedStack, tp: TopicPartition) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    consumer.assign([tp])
    return consumer


class _Bytes(str):
    """A header name that goes over the wire as other bytes."""

    def encode(self, *_: object) -> bytes:
        return b"caf\xe9"


async def _send_foreign(stack: EmbeddedStack, tp: TopicPartition, codec: int) -> None:
    """Two records, one with a header name in Latin-1: aiokafka's Python builder takes it."""
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 100_000)
        batch._builder.__class__.size = lambda self: len(self._buffer)
        for n, headers in enumerate(([("plain", b"1")], [(_Bytes("x"), b"2"), ("last", None)])):
            batch.append(timestamp=None, key=b"k", value=b"odd%d" % n, headers=headers)
        await (await producer.send_batch(batch, tp.topic, partition=tp.partition))


async def test_a_header_name_that_is_no_utf8_stops_nothing(
    stack: EmbeddedStack, unique: str
) -> None:
    tp = TopicPartition(f"odd-{unique}", 0)
    await _create(stack, tp.topic)
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        await producer.send_and_wait(tp.topic, b"before")
    for codec in (0, 1):
        await _send_foreign(stack, tp, codec)
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        await producer.send_and_wait(tp.topic, b"after")

    source = LaneConsumer(
        Kafka(bootstrap_servers=stack.bootstrap_servers, group_id=f"odd-{unique}"), [tp.topic]
    )
    group = _Group()
    assert source.trouble() == "not connected to Kafka yet"
    await source.start(group)
    await group.has_some.wait()
    assert source.trouble() is None
    source.accept(0, (0,))
    records: list[SourceRecord] = []
    while len(records) < 6:
        for got in (await source.fetch(1000, 0.5)).values():
            records += got
    await source.stop()

    odd = [b"odd0", b"odd1"]
    assert [record.value for record in records] == [b"before", *odd, *odd, b"after"]
    assert [record.offset for record in records] == list(range(6))
    assert list(records[2].headers) == [("caf?", b"2"), ("last", None)]


class _Group:
    """Waits for an assignment."""

    def __init__(self) -> None:
        self.has_some = asyncio.Event()

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Nothing to finish."""

    def assigned(self, partitions: frozenset[int]) -> None:
        if partitions:
            self.has_some.set()


async def _create(stack: EmbeddedStack, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()


async def test_unpacking_gives_what_getmany_gives(stack: EmbeddedStack, unique: str) -> None:
    tp = TopicPartition(f"unpack-{unique}", 0)
    await _create(stack, tp.topic)
    await _fill(stack, tp.topic)

    reference = await _consumer(stack, tp)
    theirs: list[SourceRecord] = []
    while len(theirs) < 290:
        for records in (await reference.getmany(tp, timeout_ms=500)).values():
            theirs += [
                SourceRecord(3, 0, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                for r in records
            ]
    await reference.stop()

    consumer = await _consumer(stack, tp)
    fetcher = consumer._fetcher
    ours: list[SourceRecord] = []
    while len(ours) < 290:
        if tp not in fetcher._records:
            await fetcher._create_fetch_waiter()
        got = take(fetcher, tp, 3, 7)
        ours += [record._replace(headers=tuple(record.headers)) for record in got]
        if got:
            assert await consumer.position(tp) > got[-1].offset
    await consumer.stop()

    assert ours == theirs
