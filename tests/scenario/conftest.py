"""The service as its users meet it: topics in, topics out; one worker's lanes for a module."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import LeaderNotAvailableError, NotLeaderForPartitionError

from app.bootstrap import build_lanes
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.live.position import STREAMED
from app.outbound.topics import load_definitions
from app.outbound.topics_apply import apply
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import load
from app.storage.migrate import migrate
from app.telemetry.metrics import Metrics
from tests.failure.rig import until

PARTITIONS = 12
HIGH_WATERMARK = -1
OUTPUTS = (
    Topic.STAGE_CHANGES,
    Topic.OPPORTUNITIES,
    Topic.CONTACTS,
    Topic.DEAD_LETTERS,
    Topic.ACCOUNTS,
)


def event(contact: str, type_: str, data: dict[str, Any], /, **attributes: Any) -> dict[str, Any]:
    """An interaction as a shop's form sends it."""
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "https://shop.example/forms",
        "type": type_,
        "subject": contact,
        "data": data,
        **attributes,
    }


class Service:
    """Publish interactions, await what comes out for a contact."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        consumer: AIOKafkaConsumer,
        url: str,
        running: asyncio.Future[list[None]],
    ) -> None:
        self._running = running
        self._producer = producer
        self._consumer = consumer
        self.database_url = url
        self._seen: list[tuple[str, bytes | None, dict[str, bytes], Any]] = []

    def contact(self) -> str:
        """A contact nobody has heard of."""
        return f"crm-{secrets.token_hex(6)}"

    async def publish(
        self, contact: str, type_: str, data: dict[str, Any], /, **attributes: Any
    ) -> str:
        """One interaction; its id. `topic` and `partition` may be given for strange producers."""
        topic = attributes.pop("topic", Topic.INTERACTIONS)
        partition = attributes.pop("partition", home_partition(contact, PARTITIONS))
        made = event(contact, type_, data, **attributes)
        await self._producer.send_and_wait(
            topic, json.dumps(made).encode(), key=contact.encode(), partition=partition
        )
        return str(made["id"])

    async def records(self, topic: Topic, contact: str, at_least: int) -> list[dict[str, Any]]:
        """The contact's records on an output topic, once there are `at_least`."""
        while True:
            mine = [
                data
                for seen, key, _, data in self._seen
                if seen == topic and key == contact.encode()
            ]
            if len(mine) >= at_least:
                return mine
            record = await self._next()
            headers = dict(record.headers)
            is_json = record.topic != Topic.DEAD_LETTERS and record.value is not None
            data = json.loads(record.value) if is_json else record.value
            if isinstance(data, dict):
                data["ce_type"] = headers["ce_type"].decode()
            else:
                data = {"value": record.value, "headers": headers}
            self._seen.append((record.topic, record.key, headers, data))

    async def _next(self) -> ConsumerRecord:
        """The next output record; fails at once when the lane ends."""
        record = asyncio.create_task(self._consumer.getone())
        await asyncio.wait([record, self._running], timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if not record.done():
            record.cancel()
            if self._running.done():
                self._running.result()
            raise TimeoutError("nothing more came out")
        return record.result()

    async def stages(self, contact: str, at_least: int) -> list[str]:
        """The stages the contact went through, as its stage changes tell them."""
        changes = await self.records(Topic.STAGE_CHANGES, contact, at_least)
        return [change["to_stage"] for change in changes]


async def _caught_up(service: Service) -> None:
    """The topics hold what other modules published: it is folded again first, so that nothing of
    it comes between. One contact of each partition is heard of after all that."""
    lead = {"email": "someone@firm.example", "list_id": "insights", "consent": True}
    last: dict[int, str] = {}
    while len(last) < PARTITIONS:
        contact = service.contact()
        last[home_partition(contact, PARTITIONS)] = contact
    for contact in last.values():
        await service.publish(contact, "newsletter.signed_up", lead)
    for contact in last.values():
        await service.records(Topic.STAGE_CHANGES, contact, 1)


async def _emptied(admin: AIOKafkaAdminClient) -> None:
    """Of what other modules published: their batches have numbers of another database, which a live
    view that looks back a little would take for this one's."""
    every = [TopicPartition(str(topic), n) for topic in STREAMED for n in range(PARTITIONS)]

    async def emptied() -> bool:
        with contextlib.suppress(NotLeaderForPartitionError, LeaderNotAvailableError):
            await admin.delete_records({at: RecordsToDelete(HIGH_WATERMARK) for at in every})
            return True
        return False  # they were just made

    await until(emptied)


@pytest.fixture(scope="module")
def model() -> str:
    """The model in force; a module overrides it."""
    return "b2b-default@1"


@pytest.fixture(scope="module")
async def service(stack: EmbeddedStack, model: str) -> AsyncIterator[Service]:
    name = f"scenario_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(stack.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    url = urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()
    await migrate(url)
    topics = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await topics.start()
    await apply(topics, load_definitions())
    await _emptied(topics)
    await topics.close()
    settings = load(
        {},
        model=model,
        kafka={"bootstrap_servers": stack.bootstrap_servers, "group_id": name},
        database={"url": url},
    )
    stop = asyncio.Event()
    lanes = build_lanes(settings, Metrics()).values()
    running = asyncio.gather(*(lane.run(stop) for lane in lanes))
    async with (
        AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer,
        AIOKafkaConsumer(
            *OUTPUTS,
            bootstrap_servers=stack.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        ) as consumer,
    ):
        service = Service(producer, consumer, url, running)
        await _caught_up(service)
        yield service
    stop.set()
    await running
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
