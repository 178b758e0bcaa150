"""An erasure whose workers are killed (kill -9) is still exactly once, and complete."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.outbound.topics import load_definitions
from app.outbound.topics_apply import apply
from app.runtime.embedded.stack import EmbeddedStack
from app.storage.migrate import migrate
from tests.conftest import execute
from tests.failure.rig import until
from tests.failure.searching import search

PARTITIONS = 12
MAIL = "ada.byron@kills.example"
ATTEMPTS = 6
"""Timers of other tests' contacts may be published first, and end a worker too early."""


class Stage:
    """Workers as processes, on a database of their own."""

    def __init__(self, stack: EmbeddedStack, url: str, name: str) -> None:
        self._servers = stack.bootstrap_servers
        self._environment = {
            **os.environ,
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "FUNNEL_KAFKA__GROUP_ID": name,
            "FUNNEL_DATABASE__URL": url,
            "FUNNEL_HTTP__PORT": "0",
        }
        self.url = url
        self.contact = f"ada-{secrets.token_hex(6)}"
        self._processes: list[asyncio.subprocess.Process] = []

    async def publish(self, topic: Topic, type_: str, data: dict[str, Any]) -> None:
        event = {"specversion": "1.0", "id": secrets.token_hex(8), "source": "/kills",
                 "type": type_, "subject": self.contact, "data": data}  # fmt: skip
        async with AIOKafkaProducer(bootstrap_servers=self._servers) as producer:
            await producer.send_and_wait(
                topic,
                json.dumps(event).encode(),
                key=self.contact.encode(),
                partition=home_partition(self.contact, PARTITIONS),
            )

    async def worker(self, failpoint: str = "") -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli.main", "worker"),
            env={**self._environment, "FUNNEL_FAILPOINTS": failpoint},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._processes.append(process)
        return process

    async def killed(self, failpoint: str) -> None:
        """A worker that ended as if by kill -9, at that place."""
        process = await self.worker(f"{failpoint}=kill")
        async with asyncio.timeout(90):
            assert await process.wait() == -signal.SIGKILL

    async def asked(self, question: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(question, *arguments)
        finally:
            await connection.close()

    async def until(self, question: str, *arguments: Any) -> None:
        await until(lambda: self.asked(question, *arguments), seconds=90)

    async def told(self, topic: Topic) -> list[dict[str, Any] | None]:
        """The contact's records, committed ones only."""
        async with AIOKafkaConsumer(
            topic,
            bootstrap_servers=self._servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        ) as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            records = []
            for partition in ends:
                while await consumer.position(partition) < ends[partition]:
                    got = await consumer.getmany(partition, timeout_ms=200)
                    records += [record for some in got.values() for record in some]
        mine = [each.value for each in records if each.key == self.contact.encode()]
        return [None if value is None else json.loads(value) for value in mine]

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


@pytest.fixture
async def stage(stack: EmbeddedStack) -> AsyncIterator[Stage]:
    name = f"kills_{secrets.token_hex(4)}"
    await execute(stack.database_url, f"CREATE DATABASE {name}")
    url = urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()
    await migrate(url)
    topics = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await topics.start()
    await apply(topics, load_definitions())
    await topics.close()
    made = Stage(stack, url, name)
    yield made
    await made.end()
    await execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_it_survives_kills_before_publishing_and_before_blanking(stage: Stage) -> None:
    living = await stage.worker()
    await stage.publish(Topic.INTERACTIONS, "demo.requested", {"product_id": "x", "mail": MAIL})
    await stage.publish(Topic.INTERACTIONS, "demo.requested", {"mail": MAIL})
    await stage.until("SELECT count(*) FROM contact WHERE contact_id = $1", stage.contact)
    await stage.until("SELECT count(*) FROM dead_letter WHERE key = $1", stage.contact.encode())
    living.send_signal(signal.SIGTERM)
    assert await living.wait() == 0

    await stage.publish(Topic.COMMANDS, "privacy.erasure_requested", {"request_id": "r-7"})
    for _ in range(ATTEMPTS):
        await stage.killed("publish.before_commit")
        if await stage.asked("SELECT count(*) FROM erased"):
            break
    changes = await stage.told(Topic.STAGE_CHANGES)
    assert [each["to_stage"] for each in changes if each] == ["lead", "prospect", "opportunity"]
    await stage.killed("erase.before_commit")
    assert await stage.asked("SELECT count(*) FROM erasure_job")

    await stage.worker()
    await stage.until("SELECT count(*) = 0 FROM erasure_job")
    connection = await asyncpg.connect(stage.url)
    assert await search(connection, (stage.contact, MAIL)) == {}
    await connection.close()
    changes = await stage.told(Topic.STAGE_CHANGES)
    assert [each["seq"] for each in changes if each] == [1, 2, 3, 4, 5]
    assert [each["to_stage"] for each in changes if each][3:] == ["erased", "erased"]
    snapshots = await stage.told(Topic.CONTACTS)
    assert [each is None for each in snapshots] == [False] * (len(snapshots) - 1) + [True]
