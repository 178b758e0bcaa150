"""Questions to the consumer group's coordinator, asked again until it is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from tests.failure.envelope import COMMANDS, INTERACTIONS
from tests.failure.observed import Partition

GROUP: Final = "funnel"
Answer = TypeVar("Answer")


async def read_committed(bootstrap_servers: str) -> dict[Partition, tuple[int, str]]:
    """K: the group's committed offsets."""

    async def ask(admin: AIOKafkaAdminClient) -> dict[Partition, tuple[int, str]]:
        offsets = await admin.list_consumer_group_offsets(GROUP)
        return {(tp.topic, tp.partition): (at.offset, at.metadata) for tp, at in offsets.items()}

    return await _ask_coordinator(bootstrap_servers, ask)


async def count_rebalances(bootstrap_servers: str) -> int:
    """The group's generation, by joining it once more when all its members are gone."""
    while await _ask_coordinator(bootstrap_servers, _count_members):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.5)
    consumer = AIOKafkaConsumer(
        INTERACTIONS,
        COMMANDS,
        bootstrap_servers=bootstrap_servers,
        group_id=GROUP,
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while not consumer.assignment():  # noqa: ASYNC110 - nor does aiokafka
                await asyncio.sleep(0.1)
        return int(consumer._coordinator.generation) - 1
    finally:
        await consumer.stop()


async def _count_members(admin: AIOKafkaAdminClient) -> int:
    (answer,) = await admin.describe_consumer_groups([GROUP])
    for error_code, *_ in answer.groups:
        if error_code:
            raise for_code(error_code)("the group can't be described")
    return sum(len(group[5]) for group in answer.groups)


async def _ask_coordinator(
    bootstrap_servers: str, ask: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]
) -> Answer:
    """The answer, once the group's coordinator is there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5000)
    await admin.start()
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    return await ask(admin)
                except KafkaError as failed:
                    if not failed.retriable:
                        raise
                await asyncio.sleep(0.5)
    finally:
        await admin.close()
