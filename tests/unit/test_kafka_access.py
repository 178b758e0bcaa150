"""Who waits for a client's end can be ended meanwhile; aiokafka alone would keep that to itself."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.client import AIOKafkaClient

from app.kafka_access import let_end


async def _ends(release: asyncio.Event) -> None:
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await release.wait()


async def _cancelled_in(close: Callable[[AIOKafkaClient], Awaitable[object]]) -> bool:
    """Cancelled while the client waits for its own task: whether who waits heard of it."""
    release = asyncio.Event()
    client = AIOKafkaClient()
    client._sync_task = asyncio.create_task(_ends(release))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(close(client))
    for _ in range(3):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    release.set()
    await asyncio.wait([waiting])
    return waiting.cancelled()


async def test_a_cancellation_reaches_who_waits_for_a_clients_end() -> None:
    assert not await _cancelled_in(lambda client: client.close())  # else this is not needed
    assert await _cancelled_in(lambda client: let_end(client.close()))


async def test_what_a_clients_end_raises_is_raised() -> None:
    async def fails() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await let_end(fails())


async def test_an_end_that_breaks_off_does_not_look_like_ones_own() -> None:
    async def breaks_off() -> None:
        raise asyncio.CancelledError

    assert not await let_end(breaks_off())
