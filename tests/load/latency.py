"""Latency: from the moment before an interaction is sent to its stage change being readable."""

import asyncio
import gc
import time
from collections.abc import Iterator
from statistics import quantiles
from typing import Final, NamedTuple

from app.runtime.embedded.stack import EmbeddedStack
from tests.load.fleet import Fleet
from tests.load.producing import LiveProducer
from tests.load.stage_changes import StageChanges
from tests.load.workload import Sending

WARM_UP_SECONDS: Final = 15.0
"""Everything is compiled and cached after that; it is produced at the first rate."""


class Latency(NamedTuple):
    rate: int
    samples: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    behind_ms: float
    """By how much the load generator itself was late, at most."""


async def measure_latency(
    stack: EmbeddedStack,
    fleet: Fleet,
    sendings: Iterator[Sending],
    *,
    rates: list[int],
    seconds: float,
    partitions: int,
) -> list[Latency]:
    """Two workers; one rate after the other."""
    gc.freeze()  # the workload's objects: looking through them would make ticks late
    for _ in range(2):
        await fleet.start()
    reader = StageChanges(stack.bootstrap_servers, partitions)
    reading = asyncio.create_task(reader.run())
    try:
        await reader.started.wait()
        await LiveProducer(stack.bootstrap_servers, sendings, rates[0]).run(WARM_UP_SECONDS)
        found = [await _at(stack, reader, sendings, rate, seconds) for rate in rates]
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await fleet.stop()
    return found


async def _at(
    stack: EmbeddedStack,
    reader: StageChanges,
    sendings: Iterator[Sending],
    rate: int,
    seconds: float,
) -> Latency:
    producer = LiveProducer(stack.bootstrap_servers, sendings, rate)
    reader.caused.clear()
    await producer.run(seconds)
    await _quiet(reader)
    sent_at = producer.sent_at
    times = [(at - sent_at[id_]) * 1000 for id_, at in reader.caused if id_ in sent_at]
    cuts = quantiles(times, n=100)
    return Latency(
        rate,
        len(times),
        round(cuts[49], 1),
        round(cuts[98], 1),
        round(max(times), 1),
        round(producer.behind_seconds * 1000, 1),
    )


async def _quiet(reader: StageChanges) -> None:
    """Until nothing has come for two seconds."""
    count, since = len(reader.caused), time.monotonic()
    while time.monotonic() - since < 2.0:
        await asyncio.sleep(0.1)
        if len(reader.caused) != count:
            count, since = len(reader.caused), time.monotonic()
