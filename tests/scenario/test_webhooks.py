"""Webhooks behind real lanes: what a receiver is told of a life, and of its end."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiokafka import AIOKafkaProducer

from app.domain.erasure import ERASURE
from app.domain.topics import Topic
from app.outbound.headers import EventType
from app.runtime.embedded.stack import EmbeddedStack
from tests.failure.searching import search
from tests.scenario.conftest import Service
from tests.scenario.test_mission import DEMO
from tests.webhooks.conftest import Hooks, receiver, until
from tests.webhooks.receiver import Received, Receiver

__all__ = ["receiver"]


@pytest.fixture
async def hooks(stack: EmbeddedStack, service: Service) -> AsyncIterator[Hooks]:
    """Of the tenant whose contacts the lanes move."""
    database = await asyncpg.connect(service.database_url)
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
        made = Hooks(stack, service.database_url, producer, database, secrets.token_hex(4))
        made.tenant = "default"
        yield made
    await database.close()


def told(received: Received) -> Any:
    return json.loads(received.body)


async def test_a_receiver_hears_what_subscribers_of_the_topics_hear(
    hooks: Hooks, service: Service, receiver: Receiver
) -> None:
    types = [EventType.STAGE_CHANGED, EventType.BECAME_OPPORTUNITY]
    webhook_id, secret = await hooks.subscribe(receiver, types=types)
    async with hooks.running():
        contact = service.contact()
        await service.publish(contact, *DEMO)
        changes = await service.records(Topic.STAGE_CHANGES, contact, 3)

        def of_the_contact() -> list[Received]:
            return [each for each in receiver.received if told(each)["subject"] == contact]

        await until(lambda: len(of_the_contact()) >= 4)
    async with hooks.api() as api:
        assert (await api.delete(f"/{webhook_id}")).status_code == 204
    events = [each.verified(secret) for each in of_the_contact()]
    stages = [each for each in events if each["type"] == EventType.STAGE_CHANGED]
    assert [{**each["data"], "ce_type": each["type"]} for each in stages] == changes
    assert [each["data"]["seq"] for each in stages] == [1, 2, 3]
    assert [each["type"] for each in events].count(EventType.BECAME_OPPORTUNITY) == 1


async def test_of_an_erased_contact_only_the_erasure_is_told_and_nothing_is_kept(
    hooks: Hooks, service: Service, receiver: Receiver
) -> None:
    webhook_id, _ = await hooks.subscribe(receiver)
    receiver.answer = lambda _: web.Response(status=500)
    count = "SELECT count(*) FROM delivery WHERE webhook_id = $1::uuid AND "
    async with hooks.running(retry_seconds=",".join(["0.3"] * 200)):
        contact = f"{service.contact()}-lovelace"
        await service.publish(contact, *DEMO)
        await receiver.got(8)
        found = await search(hooks.database, [contact])
        assert contact in found["delivery"]
        await service.publish(contact, ERASURE, {"request_id": "r-7"}, topic=Topic.COMMANDS)
        await until(lambda: _is_erased(hooks))
        await until(
            lambda: hooks.database.fetchval(f"{count} failure = 'erased' LIMIT 1", webhook_id)
        )
        receiver.received.clear()
        receiver.answer = lambda _: web.Response()
        pending = f"{count} state = 'pending'"
        await until(lambda: _heard(receiver, contact))

        async def none_pending() -> bool:
            return bool(await hooks.database.fetchval(pending, webhook_id) == 0)

        await until(none_pending)
    types = {told(each)["type"] for each in receiver.received if told(each)["subject"] == contact}
    assert EventType.ERASED in types
    assert EventType.BECAME_OPPORTUNITY not in types
    assert await search(hooks.database, [contact]) == {}


def _heard(receiver: Receiver, contact: str) -> bool:
    return any(
        (told(each)["type"], told(each)["subject"]) == (EventType.ERASED, contact)
        for each in receiver.received
    )


async def _is_erased(hooks: Hooks) -> bool:
    erased = await hooks.database.fetchval("SELECT count(*) FROM erased")
    jobs = await hooks.database.fetchval("SELECT count(*) FROM erasure_job")
    return bool(erased and not jobs)
