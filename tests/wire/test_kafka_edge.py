"""What the delivery protocol relies on at the broker: transactions, fences, committed offsets."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from app.errors import Halted, Unclean
from app.handling.ports import Position
from app.handling.records import OutputRecord
from app.outbound.coordinator import BrokerCoordinator
from app.outbound.publisher import TransactionalOutlet
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import Kafka

PARTITIONS = 3


class Edge:
    """Topics and a group of one test."""

    def __init__(self, stack: EmbeddedStack, name: str) -> None:
        self.kafka = Kafka(bootstrap_servers=stack.bootstrap_servers, group_id=f"group-{name}")
        self.inputs = (f"in-a-{name}", f"in-b-{name}")
        self.output = f"out-{name}"
        self.coordinator = BrokerCoordinator(self.kafka, self.inputs, [self.output])

    def outlet(self, owner: str) -> TransactionalOutlet:
        return TransactionalOutlet(self.kafka, owner, self.inputs, [self.output])

    def record(self, value: bytes, partition: int = 0, batch: int = 1) -> OutputRecord:
        header = ("funnel-batch", f"lane/{partition}/{batch}".encode())
        return OutputRecord(self.output, partition, b"key", value, [header])

    async def read(self, at_least: int = 0) -> list[bytes | None]:
        """What is committed on the output, by partition. The broker answers a commit before it has
        written the markers, so say how much must come."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            tps = [TopicPartition(self.output, p) for p in range(PARTITIONS)]
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            values: dict[int, list[bytes | None]] = {tp.partition: [] for tp in tps}
            while True:
                ends = await consumer.end_offsets(tps)
                behind = [tp for tp in tps if await consumer.position(tp) < ends[tp]]
                if not behind and sum(map(len, values.values())) >= at_least:
                    return [value for p in sorted(values) for value in values[p]]
                got = await consumer.getmany(timeout_ms=100)
                for tp, records in got.items():
                    values[tp.partition] += [record.value for record in records]
        finally:
            await consumer.stop()


@pytest.fixture
async def edge(stack: EmbeddedStack, unique: str) -> AsyncIterator[Edge]:
    made = Edge(stack, unique)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics(
        [NewTopic(name, PARTITIONS, 1) for name in (*made.inputs, made.output)]
    )
    await admin.close()
    yield made
    await made.coordinator.close()


@pytest.fixture
async def owner(edge: Edge, unique: str) -> AsyncIterator[TransactionalOutlet]:
    started = edge.outlet(f"owner-{unique}")
    await started.start()
    yield started
    await started.close()


K = Position(1, 7, (10, 20), 123_456)


async def test_records_and_offsets_become_visible_together(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    await owner.publish([edge.record(b"one"), edge.record(b"two", partition=2)], [K])
    assert await edge.read(2) == [b"one", b"two"]
    assert await edge.coordinator.committed(1) == K


async def test_a_transaction_without_records_moves_k(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    await owner.publish([], [K])
    assert await edge.coordinator.committed(1) == K


async def test_more_than_one_kafka_batch_keeps_its_order(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    values = [b"%05d" % n + b"x" * 1000 for n in range(3000)]
    await owner.publish([edge.record(value) for value in values], [K])
    assert await edge.read(3000) == values


async def test_no_committed_offsets_are_none_and_not_zero(edge: Edge) -> None:
    assert await edge.coordinator.committed(0) is None


async def test_a_fenced_owner_cannot_publish_and_leaves_nothing(
    edge: Edge, owner: TransactionalOutlet, unique: str
) -> None:
    await owner.publish([edge.record(b"before")], [K])
    await edge.coordinator.fence(f"owner-{unique}")
    with pytest.raises(Unclean):
        await owner.publish([edge.record(b"after")], [K._replace(batch_seq=8)])
    assert await edge.read(1) == [b"before"]
    assert await edge.coordinator.committed(1) == K


async def test_a_fence_aborts_what_its_predecessor_left_open(edge: Edge, unique: str) -> None:
    zombie = AIOKafkaProducer(
        bootstrap_servers=edge.kafka.bootstrap_servers, transactional_id=f"zombie-{unique}"
    )
    await zombie.start()
    await zombie.begin_transaction()
    await zombie.send_and_wait(edge.output, b"never", partition=0)
    tp = TopicPartition(edge.inputs[0], 1)
    await zombie.send_offsets_to_transaction(
        {tp: OffsetAndMetadata(99, "9:9")}, edge.kafka.group_id
    )
    await edge.coordinator.fence(f"zombie-{unique}")
    assert await edge.read() == []
    assert await edge.coordinator.committed(1) is None
    zombie._closed = True  # fenced: stop() would wait for a flush that can't come
    await zombie._sender.close()
    await zombie.client.close()


async def test_bounds_are_the_first_and_the_next_offset(edge: Edge) -> None:
    async with AIOKafkaProducer(bootstrap_servers=edge.kafka.bootstrap_servers) as producer:
        for _ in range(3):
            await producer.send_and_wait(edge.inputs[1], b"x", partition=2)
    assert await edge.coordinator.bounds(2) == ((0, 0), (0, 3))


async def test_foreign_offsets_halt_with_the_way_on(edge: Edge) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=edge.kafka.bootstrap_servers,
        group_id=edge.kafka.group_id,
        enable_auto_commit=False,
    )
    await consumer.start()
    tp = TopicPartition(edge.inputs[0], 0)
    consumer.assign([tp])
    await consumer.commit({tp: OffsetAndMetadata(5, "")})
    await consumer.stop()
    with pytest.raises(Halted, match="were not written by this service"):
        await edge.coordinator.committed(0)


async def test_the_scan_finds_the_highest_committed_batch(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    await owner.publish([edge.record(b"a", 0, 4), edge.record(b"b", 2, 9)], [K])
    await owner.publish([edge.record(b"c", 0, 5)], [K._replace(batch_seq=8)])
    assert await edge.coordinator.scan("lane", 0) == 5
    assert await edge.coordinator.scan("lane", 2) == 9
    assert await edge.coordinator.scan("lane", 1) == 0
    assert await edge.coordinator.scan("other", 0) == 0


async def test_a_closed_outlet_says_that_nothing_is_known(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    await owner.close()
    with pytest.raises(Unclean, match="closed"):
        await owner.publish([edge.record(b"x")], [K])


async def test_a_retried_request_makes_the_transaction_unclean(
    edge: Edge, owner: TransactionalOutlet
) -> None:
    producer = owner._producer
    assert producer is not None
    await owner.publish([edge.record(b"fine")], [K])
    for connection in list(producer.client._conns.values()):
        connection.close()  # as a broker that goes away and comes back
    send = producer.client._get_conn
    refused = iter([True])

    async def flaky(*args: object, **options: object) -> object:
        return None if next(refused, False) else await send(*args, **options)

    producer.client._get_conn = flaky
    with pytest.raises(Unclean, match="retried"):
        await owner.publish([edge.record(b"twice?")], [K._replace(batch_seq=8)])
