"""How long the broker holds a fetch: at once for a quiet topic's first record, then to gather."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.fetch import FetchRequest

from app.inbound.consumer import FETCH_WAIT_MS, GATHER_BYTES, LaneConsumer
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import Kafka

GATHER_MS = 70


class _Group:
    def __init__(self) -> None:
        self.has_some = asyncio.Event()

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Nothing to finish."""

    def assigned(self, partitions: frozenset[int]) -> None:
        if partitions:
            self.has_some.set()


async def test_fetches_gather_while_records_flow(stack: EmbeddedStack, unique: str) -> None:
    topic = f"gather-{unique}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    settings = Kafka(
        bootstrap_servers=stack.bootstrap_servers, group_id=topic, fetch_gather_ms=GATHER_MS
    )
    source = LaneConsumer(settings, [topic])
    group = _Group()
    await source.start(group)
    asked: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
    send = source._running._client.send

    async def observed(node_id: int, request: Any, **options: Any) -> Any:
        if type(request) is FetchRequest:
            asked.put_nowait((request._max_wait_ms, request._min_bytes))
        return await send(node_id, request, **options)

    source._running._client.send = observed
    await group.has_some.wait()
    source.accept(0, (0,))
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        await producer.send_and_wait(topic, b"first")
    while not await source.fetch(10, 0.5):
        pass
    quiet = {asked.get_nowait() for _ in range(asked.qsize())}
    flowing = await asked.get()
    assert await source.fetch(10, 0.5) == {}
    while (later := await asked.get()) == flowing:
        pass
    await source.stop()
    assert flowing == (GATHER_MS, GATHER_BYTES)
    assert {later, *quiet} == {(FETCH_WAIT_MS, 1)}
