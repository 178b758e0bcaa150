"""Waits until the system is at rest: everything produced is published, no transaction open."""

import asyncio
import time
from collections.abc import Callable

from tests.failure.envelope import COMMANDS, INTERACTIONS
from tests.failure.group import read_committed
from tests.failure.observed import Partition
from tests.failure.reading import read_ends, read_topics

TWO_TRANSACTION_TIMEOUTS_SECONDS = 20.0


async def settle(
    bootstrap_servers: str, partitions: int, bound_seconds: float, say: Callable[[str], None]
) -> bool:
    """True at rest; False when `bound_seconds` have passed before. The checker tells what lacks."""
    until = time.monotonic() + bound_seconds
    while behind := await _behind(bootstrap_servers, partitions):
        if time.monotonic() > until:
            say(f"not drained: {behind} records are not published")
            return False
        say(f"draining: {behind} records to publish")
        await asyncio.sleep(2)
    until = time.monotonic() + TWO_TRANSACTION_TIMEOUTS_SECONDS
    while time.monotonic() < until:
        ends = await read_ends(bootstrap_servers, partitions)
        if all(one.last_stable == one.high_watermark for one in ends.values()):
            return True
        await asyncio.sleep(1)
    return False


async def _behind(bootstrap_servers: str, partitions: int) -> int:
    """Records after K. The commands topic ends with markers of transactions, so it is read."""
    committed = await read_committed(bootstrap_servers)
    ends = await read_ends(bootstrap_servers, partitions)
    last = {(INTERACTIONS, p): ends[INTERACTIONS, p].high_watermark for p in range(partitions)}
    for record in await read_topics(bootstrap_servers, [COMMANDS], partitions):
        tp: Partition = (record.topic, record.partition)
        last[tp] = max(last.get(tp, 0), record.offset + 1)
    return sum(max(0, end - max(0, committed.get(tp, (0, ""))[0])) for tp, end in last.items())
