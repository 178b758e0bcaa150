"""Open streams while what they live on is killed: told why, resumed, nothing lost or told twice."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from app.bootstrap import build_lanes
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.outbound.topics import load_definitions
from app.outbound.topics_apply import apply
from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from app.settings import load
from app.storage.migrate import migrate
from app.telemetry.metrics import Metrics
from tests.scenario.api_process import Api
from tests.scenario.conftest import event
from tests.scenario.listening import listening
from tests.scenario.test_mission import DEMO

CHANGED = "funnel.contact.stage_changed.v1"
ALL_THREE = ["lead", "prospect", "opportunity"]
PATIENCE_SECONDS = 60


class Follower:
    """As a browser does: connects again with the last id, and keeps what it was told."""

    def __init__(self, url: str) -> None:
        self.told: list[tuple[str, str]] = []
        """Contact and stage, each time that it was told."""
        self.reasons: list[str] = []
        """Why its streams were ended."""
        self.last_id: str | None = None
        self._url = url
        self._news = asyncio.Condition()

    async def run(self) -> None:
        while True:
            try:
                async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
                    await self._listen(client)
            except (httpx.HTTPError, EOFError, AssertionError):
                await asyncio.sleep(0.05)

    async def _listen(self, client: httpx.AsyncClient) -> None:
        async with listening(client, self.last_id, type=CHANGED) as stream:
            if self.last_id is None:
                await stream.begun()
                async with self._news:
                    self.last_id = stream.last_id
                    self._news.notify_all()
            while True:
                told = await stream.event()
                async with self._news:
                    self.last_id = told.last_id or self.last_id
                    if told.name == "message":
                        self.told.append((told.data["subject"], told.data["data"]["to_stage"]))
                    else:
                        self.reasons.append(told.data["reason"])
                    self._news.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(holds)

    async def begun(self) -> None:
        """From here on nothing is missed."""
        await self.until(lambda: self.last_id is not None)

    async def hears(self, contact: str) -> None:
        await self.until(lambda: self.told.count((contact, ALL_THREE[-1])) > 0)


@asynccontextmanager
async def following(url: str) -> AsyncIterator[Follower]:
    follower = Follower(url)
    running = asyncio.create_task(follower.run())
    try:
        await follower.begun()
        yield follower
    finally:
        running.cancel()
        await asyncio.wait([running])


async def publish(stack: EmbeddedStack) -> str:
    """A demo request of somebody new, who thereby moves three times; the contact."""
    contact = f"crm-{secrets.token_hex(6)}"
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        await producer.send_and_wait(
            Topic.INTERACTIONS,
            json.dumps(event(contact, *DEMO)).encode(),
            partition=home_partition(contact, 12),
        )
    return contact


@asynccontextmanager
async def lanes(stack: EmbeddedStack) -> AsyncIterator[None]:
    await migrate(stack.database_url)
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await apply(admin, load_definitions())
    await admin.close()
    kafka = {"bootstrap_servers": stack.bootstrap_servers}
    settings = load({}, kafka=kafka, database={"url": stack.database_url})
    stop = asyncio.Event()
    running = asyncio.gather(
        *(lane.run(stop) for lane in build_lanes(settings, Metrics()).values())
    )
    try:
        yield
    finally:
        stop.set()
        await running


@asynccontextmanager
async def everything(directory: Path) -> AsyncIterator[tuple[EmbeddedStack, Api, Follower]]:
    async with (
        embedded_stack(directory, progress=lambda _: None) as stack,
        lanes(stack),
        Api(stack.bootstrap_servers, stack.database_url) as api,
        following(api.url) as follower,
    ):
        yield stack, api, follower


async def test_streams_go_on_when_broker_database_or_api_is_killed(own_directory: Path) -> None:
    contacts: list[str] = []
    async with everything(own_directory) as (stack, api, follower):

        async def somebody_moves() -> None:
            contacts.append(await publish(stack))
            await follower.hears(contacts[-1])

        await somebody_moves()

        await stack.kafka.kill()
        await follower.until(lambda: "unavailable" in follower.reasons)
        await stack.kafka.start()
        await somebody_moves()

        await stack.postgres.kill()
        async with (
            httpx.AsyncClient(base_url=api.url, timeout=30) as client,
            listening(client, follower.last_id) as resumed,
        ):
            ended = await resumed.event()
        assert (ended.name, ended.data["reason"]) == ("end", "unavailable")
        await stack.postgres.start()
        await somebody_moves()

        await api.kill()
        contacts.append(await publish(stack))
        await api.start()
        await follower.hears(contacts[-1])
        await somebody_moves()
    assert follower.told == [(contact, stage) for contact in contacts for stage in ALL_THREE]
    assert "reset" not in follower.reasons
