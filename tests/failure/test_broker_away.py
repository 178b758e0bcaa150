"""The broker goes away and comes back: readiness says so, nothing is lost, work goes on."""

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from app.bootstrap import build_lane
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.outbound.topics import load_definitions
from app.outbound.topics_apply import apply
from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from app.settings import load
from app.storage.migrate import migrate
from app.telemetry.metrics import Metrics

PARTITIONS = 12


async def _until(holds: Callable[[], bool], task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            if task.done():
                task.result()
            await asyncio.sleep(0.05)


async def _publish(stack: EmbeddedStack, contact: str) -> None:
    event = {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "/test",
        "type": "demo.requested",
        "subject": contact,
        "data": {"product_id": "p"},
    }
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        await producer.send_and_wait(
            Topic.INTERACTIONS,
            json.dumps(event).encode(),
            partition=home_partition(contact, PARTITIONS),
        )


async def _stage(url: str, contact: str) -> str | None:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            "SELECT stage FROM contact WHERE contact_id = $1", contact
        )
        return None if found is None else str(found)
    finally:
        await connection.close()


async def _reaches(url: str, contact: str, stage: str, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while await _stage(url, contact) != stage:
            assert not task.done(), "the lane ended"
            await asyncio.sleep(0.05)


async def test_a_killed_broker_is_waited_for_and_readiness_says_so(own_directory: Path) -> None:
    async with embedded_stack(own_directory, progress=lambda _: None) as stack:
        await migrate(stack.database_url)
        admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
        await admin.start()
        await apply(admin, load_definitions())
        await admin.close()
        settings = load(
            {},
            kafka={"bootstrap_servers": stack.bootstrap_servers},
            database={"url": stack.database_url},
        )
        lane = build_lane(settings, Metrics())
        stop = asyncio.Event()
        task = asyncio.create_task(lane.run(stop))
        await _until(lambda: lane.health().ready, task)
        await _publish(stack, "before")
        await _reaches(stack.database_url, "before", "opportunity", task)

        await stack.kafka.kill()
        await _until(lambda: not lane.health().ready, task)
        assert lane.health().reasons

        await stack.kafka.start()
        await _publish(stack, "after")
        await _reaches(stack.database_url, "after", "opportunity", task)
        await _until(lambda: lane.health().ready, task)

        await stack.kafka.kill()
        await _until(lambda: not lane.health().ready, task)
        stop.set()
        await task  # also without a broker it ends as it should
