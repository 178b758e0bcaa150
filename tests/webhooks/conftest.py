"""The role on the real stack: events onto the topics, receivers of our own, the API in memory."""

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from app.api.principal import Scope
from app.bootstrap_api import build_api
from app.bootstrap_webhooks import build_webhooks
from app.domain.routing import home_partition, routing_key
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.outbound.headers import EventType
from app.outbound.topics import load_definitions
from app.outbound.topics_apply import apply
from app.outbound.webhooks.role import Webhooks
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import Settings, load
from app.storage.migrate import migrate
from app.telemetry.metrics import Metrics
from tests.webhooks.receiver import Receiver

SECRET_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OF_TESTS: dict[str, Any] = {
    "secret_key": SECRET_KEY,
    "allow_http": True,
    "allow_networks": "127.0.0.0/8",
    "retry_seconds": "0.05,0.1,0.2",
    "poll_seconds": 0.05,
    "upkeep_seconds": 0.1,
}


class Hooks:
    """One tenant's webhooks in a database of their own."""

    def __init__(
        self, stack: EmbeddedStack, url: str, producer: AIOKafkaProducer, database: Any, name: str
    ) -> None:
        self.tenant = f"tenant-{name}"
        self.url = url
        self.database: asyncpg.Connection = database
        self.metrics = Metrics()
        self._stack = stack
        self._producer = producer
        self._name = name
        self._sent = 0

    def settings(self, **webhooks: Any) -> Settings:
        token = {
            "name": "jo",
            "sha256": hashlib.sha256(b"jo").hexdigest(),
            "tenant": self.tenant,
            "scopes": [Scope.WEBHOOKS_WRITE],
        }
        return load(
            {},
            api={"tokens": json.dumps([token])},
            kafka={"bootstrap_servers": self._stack.bootstrap_servers, "group_id": self._name},
            database={"url": self.url},
            webhooks={**OF_TESTS, **webhooks},
        )

    @asynccontextmanager
    async def running(self, count: int = 1, **webhooks: Any) -> AsyncIterator[list[Webhooks]]:
        """So many instances, all ready; drained at the end."""
        stop = asyncio.Event()
        roles = [build_webhooks(self.settings(**webhooks), self.metrics) for _ in range(count)]
        tasks = [asyncio.create_task(role.run(stop)) for role in roles]
        try:
            await until(lambda: all(role.health().ready for role in roles), tasks)
            yield roles
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    @asynccontextmanager
    async def api(self, **webhooks: Any) -> AsyncIterator[httpx.AsyncClient]:
        built = build_api(self.settings(**webhooks), Metrics())
        transport = httpx.ASGITransport(built.application)  # type: ignore[arg-type]  # an ASGI app
        headers = {"authorization": "Bearer jo"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1/v1/webhooks", headers=headers
        ) as client:
            yield client
        await built.close()

    async def subscribe(self, receiver: Receiver, **body: Any) -> tuple[str, str]:
        """Id and secret of a new webhook."""
        async with self.api() as api:
            answer = await api.post("", json={"url": receiver.url, **body})
        assert answer.status_code == 201, answer.text
        return answer.json()["webhook"]["id"], answer.json()["secret"]

    async def publish(
        self,
        contact: str = "crm-1",
        type_: str = EventType.BECAME_OPPORTUNITY,
        topic: Topic = Topic.OPPORTUNITIES,
        at: float | None = None,
        **data: Any,
    ) -> str:
        """An event as a lane would publish it, `at` some time or now; its id."""
        at = time.time() if at is None else at
        self._sent += 1
        event_id = secrets.token_hex(16)
        now = format_rfc3339(round(at * 1_000_000))
        value = {
            "tenant": self.tenant, "contact_id": contact, "seq": self._sent,
            "stage": "opportunity", "owner_team": "sales", **data,
        }  # fmt: skip
        attributes = {
            "specversion": "1.0", "source": "/funnel", "type": type_, "id": event_id,
            "subject": contact, "time": now, "sequence": f"{self._sent:020}",
            "tenantid": self.tenant, "causationid": "cause",
        }  # fmt: skip
        key = routing_key(self.tenant, contact)
        await self._producer.send_and_wait(
            topic,
            json.dumps(value).encode(),
            key=key.encode(),
            partition=home_partition(key, 12),
            timestamp_ms=round(at * 1000),
            headers=[(f"ce_{name}", text.encode()) for name, text in attributes.items()],
        )
        return event_id

    async def states(self, webhook_id: str) -> list[tuple[Any, ...]]:
        rows = await self.database.fetch(
            "SELECT state, failure FROM delivery WHERE webhook_id = $1::uuid ORDER BY id",
            webhook_id,
        )
        return [tuple(row) for row in rows]

    async def all_delivered(self, count: int) -> None:
        async def check() -> bool:
            query = "SELECT count(*) FROM delivery WHERE state = 'delivered'"
            return bool(await self.database.fetchval(query) >= count)

        await until(check)


async def until(
    check: Callable[[], Any], tasks: list[asyncio.Task[None]] | None = None, seconds: float = 30.0
) -> None:
    """Until it is so; a task that ended meanwhile tells why."""
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            for task in tasks or ():
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
async def topics(stack: EmbeddedStack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await apply(admin, load_definitions())
    await admin.close()


@pytest.fixture
async def hooks(
    stack: EmbeddedStack, topics: None, database_url: str, unique: str
) -> AsyncIterator[Hooks]:
    await migrate(database_url)
    database = await asyncpg.connect(database_url)
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        yield Hooks(stack, database_url, producer, database, unique)
    await database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.start()
    yield made
    await made.stop()
