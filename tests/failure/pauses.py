"""For how long nothing of a partition was published: watches the group's committed offsets (K)."""

import asyncio
import time
from collections import defaultdict
from itertools import pairwise
from typing import Final

from tests.failure.envelope import INTERACTIONS
from tests.load.measure import Progress

INTERVAL_SECONDS: Final = 0.04


class Pauses:
    """`run()` beside traffic that never rests on any partition. Moments are monotonic seconds."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._partitions = partitions
        self._moved_at: dict[int, list[float]] = defaultdict(list)
        self.published = 0
        """Records of the interactions topic, all partitions together."""

    async def run(self) -> None:
        """Watch for ever."""
        last = [0] * self._partitions
        async with Progress(self._bootstrap_servers, INTERACTIONS, self._partitions) as progress:
            while True:
                now = time.monotonic()
                found = await progress.published()
                for partition, (before, after) in enumerate(zip(last, found, strict=True)):
                    if after > before:
                        self._moved_at[partition].append(time.monotonic())
                last = found
                self.published = sum(found)
                await asyncio.sleep(max(0.0, now + INTERVAL_SECONDS - time.monotonic()))

    def longest(self, began: float, ended: float) -> list[float]:
        """Of each partition, in seconds: the longest time in which its K stood still. A pause that
        goes on into the window, or out of it, counts with all of its length so far."""
        return [
            round(_longest(self._moved_at[p], began, ended), 2) for p in range(self._partitions)
        ]


def _longest(moments: list[float], began: float, ended: float) -> float:
    before = [at for at in moments if at <= began][-1:] or [began]
    window = [*before, *(at for at in moments if began < at < ended), ended]
    return max(after - first for first, after in pairwise(window))
