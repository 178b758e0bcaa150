"""Takeover: for how long nothing comes from a partition when workers die, leave and join."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import asyncpg

from app.runtime.embedded.stack import EmbeddedStack
from tests.load.fleet import Fleet
from tests.load.producing import LiveProducer
from tests.load.stage_changes import StageChanges
from tests.load.workload import Sending

WARM_UP_SECONDS: Final = 15.0
WATCHED_SECONDS: Final = 14.0
"""After each event: longer than the session time-out and what follows it."""


class Pauses(NamedTuple):
    """The longest time without a stage change, of each partition around one event, in seconds."""

    event: str
    moved: list[float]
    """Of partitions that have another owner than before."""
    stayed: list[float]


async def measure_takeover(
    stack: EmbeddedStack,
    fleet: Fleet,
    sendings: Iterator[Sending],
    *,
    rate: int,
    partitions: int,
) -> list[Pauses]:
    """Two workers under a constant load: one is killed, one joins, one leaves in order."""
    first = await fleet.start()
    await fleet.start()
    reader = StageChanges(stack.bootstrap_servers, partitions)
    reading = asyncio.create_task(reader.run())
    await reader.started.wait()
    producer = LiveProducer(stack.bootstrap_servers, sendings, rate)
    producing = asyncio.create_task(producer.run(WARM_UP_SECONDS + 4 * WATCHED_SECONDS))
    try:
        await asyncio.sleep(WARM_UP_SECONDS)

        async def nothing() -> None: ...

        async def kill() -> None:
            await fleet.end(first, signal.SIGKILL)

        async def join() -> None:
            await fleet.start()

        async def leave() -> None:
            await fleet.end(fleet.workers[0], signal.SIGTERM)

        return [
            await _around(stack, reader, name, event)
            for name, event in (
                ("nothing happens", nothing),
                ("kill -9", kill),
                ("a worker joins", join),
                ("a worker stops", leave),
            )
        ]
    finally:
        for task in (producing, reading):
            task.cancel()
        await asyncio.gather(producing, reading, return_exceptions=True)


async def _around(
    stack: EmbeddedStack, reader: StageChanges, name: str, event: Callable[[], Awaitable[None]]
) -> Pauses:
    before = await _owners(stack.database_url)
    began = time.monotonic()
    await event()
    await asyncio.sleep(WATCHED_SECONDS - (time.monotonic() - began))
    after = await _owners(stack.database_url)
    pauses = {p: _longest_gap(moments, began) for p, moments in reader.readable_at.items()}
    moved = sorted(pauses[p] for p in pauses if before[p] != after[p])
    stayed = sorted(pauses[p] for p in pauses if before[p] == after[p])
    return Pauses(name, moved, stayed)


def _longest_gap(moments: list[float], began: float) -> float:
    """From the last record before the event on, up to the end of the watch."""
    end = time.monotonic()
    window = [began, *(m for m in moments if began < m <= end), end]
    return round(max(b - a for a, b in pairwise(window)), 2)


async def _owners(url: str) -> Mapping[int, str | None]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT partition, owner FROM lane_partition WHERE lane = 'contacts'"
        )
        return {row["partition"]: row["owner"] for row in rows}
    finally:
        await connection.close()
