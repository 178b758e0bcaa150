"""Our way of reading fetched batches gives exactly what aiokafka's own does."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.handling.records import SourceRecord
from app.inbound.unpacking import take
from app.runtime.embedded.stack import EmbeddedStack


async def _fill(stack: EmbeddedStack, topic: str) -> None:
    """Plain and compressed batches, headers, tombstones, a committed and an aborted transaction."""
    servers = stack.bootstrap_servers
    for compression in (None, "gzip"):
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


async def test_unpacking_gives_what_getmany_gives(stack: EmbeddedStack, unique: str) -> None:
    tp = TopicPartition(f"unpack-{unique}", 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(tp.topic, 1, 1)])
    await admin.close()
    await _fill(stack, tp.topic)

    reference = await _consumer(stack, tp)
    theirs: list[SourceRecord] = []
    while len(theirs) < 140:
        for records in (await reference.getmany(tp, timeout_ms=500)).values():
            theirs += [
                SourceRecord(3, 0, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                for r in records
            ]
    await reference.stop()

    consumer = await _consumer(stack, tp)
    fetcher = consumer._fetcher
    ours: list[SourceRecord] = []
    while len(ours) < 140:
        if tp not in fetcher._records:
            await fetcher._create_fetch_waiter()
        got = take(fetcher, tp, 3, 7)
        ours += [record._replace(headers=tuple(record.headers)) for record in got]
        if got:
            assert await consumer.position(tp) > got[-1].offset
    await consumer.stop()

    assert ours == theirs
