"""Servers as in production, and the service's processes on them: one set for this folder."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from app.domain.routing import home_partition
from app.domain.topics import Topic
from tests.security.conftest import authority, postgres, secured, security_home
from tests.security.test_service import Installation, installation, signed_up

__all__ = ["authority", "installation", "postgres", "secured", "security_home"]

PARTITIONS = 12
SOURCE = "https://shop.example/forms"
TOKEN = "t0ken-of-the-operator"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "installation" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)


def tokens(*scopes: str) -> str:
    """The setting of the API's tokens: one, that may do so much."""
    digest = sha256(TOKEN.encode()).hexdigest()
    return json.dumps(
        [{"name": "operator", "sha256": digest, "tenant": "default", "scopes": scopes}]
    )


BEARER = {"authorization": f"Bearer {TOKEN}"}


def contact_on(partition: int) -> str:
    """A contact nobody has heard of, at home there."""
    while True:
        contact = f"crm-{secrets.token_hex(6)}"
        if home_partition(contact, PARTITIONS) == partition:
            return contact


@asynccontextmanager
async def again_and_again(
    step: Callable[[], Awaitable[None]], pause_seconds: float
) -> AsyncIterator[None]:
    """Beside what is in the block."""

    async def loop() -> None:
        while True:
            await step()
            await asyncio.sleep(pause_seconds)

    looping = asyncio.create_task(loop())
    try:
        yield
    finally:
        looping.cancel()
        with suppress(asyncio.CancelledError):
            await looping


class Shop:
    """Another service, which publishes interactions."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def sends(self, contact: str, type_: str, data: object, **attributes: object) -> None:
        event = {
            "specversion": "1.0",
            "id": secrets.token_hex(8),
            "source": SOURCE,
            "type": type_,
            "subject": contact,
            "data": data,
            **attributes,
        }
        await self._producer.send_and_wait(
            Topic.INTERACTIONS,
            json.dumps(event).encode(),
            key=contact.encode(),
            partition=home_partition(contact, PARTITIONS),
        )

    async def signs_up(self, contact: str) -> None:
        event = signed_up(contact)
        await self.sends(contact, str(event["type"]), event["data"])

    async def sends_raw(self, values: Sequence[bytes]) -> None:
        for value in values:
            await self._producer.send(Topic.INTERACTIONS, value, partition=0)
        await self._producer.flush()


@pytest.fixture
async def shop(installation: Installation) -> AsyncIterator[Shop]:
    servers = installation.kafka.broker.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        yield Shop(producer)


@pytest.fixture
async def administrator(installation: Installation) -> AsyncIterator[asyncpg.Connection]:
    """A session of PostgreSQL's superuser, with a client that needs no care."""
    connection = await asyncpg.connect(installation.postgres.admin_url)
    yield connection
    await connection.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path
