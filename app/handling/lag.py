"""How far a lane is behind, for the metrics: to published (K) and to applied (D)."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from app.handling.partition import OwnedPartition
from app.handling.ports import Source
from app.storage.rows import Offsets
from app.telemetry.metrics import Metrics

INTERVAL_SECONDS: Final = 1.0


class Lag:
    """Outlives incarnations: what one said last holds until the next knows better."""

    def __init__(self, source: Source, metrics: Metrics) -> None:
        self._source = source
        self._metrics = metrics
        self._shown: set[int] = set()
        self._read: dict[tuple[int, int], tuple[int, int]] = {}
        """By topic and partition: an end that was read to, and the offset after its last record."""

    async def measure(self, owned: Mapping[int, OwnedPartition]) -> None:
        """Run for ever. Ends of topics are those the last fetch saw: no request is made for
        them."""
        while True:
            for mine in owned.values():
                self.show(mine)
            await asyncio.sleep(INTERVAL_SECONDS)

    def show(self, mine: OwnedPartition) -> None:
        metrics, partition = self._metrics, str(mine.partition)
        self._shown.add(mine.partition)
        ends = self._ends(mine)
        positions = zip(
            self._source.topics, ends, mine.published.offsets, mine.applied.offsets, strict=True
        )
        for topic, end, published, applied in positions:
            metrics.consumer_lag.labels(topic, partition).set(max(0, end - published))
            metrics.apply_lag.labels(topic, partition).set(max(0, end - applied))
            metrics.published_offset.labels(topic, partition).set(published)

    def keep(self, partitions: Collection[int]) -> None:
        """The others went elsewhere."""
        metrics = self._metrics
        for partition in self._shown - set(partitions):
            for index, topic in enumerate(self._source.topics):
                self._read.pop((index, partition), None)
                for gauge in (metrics.consumer_lag, metrics.apply_lag, metrics.published_offset):
                    gauge.remove(topic, str(partition))
        self._shown &= set(partitions)

    def _ends(self, mine: OwnedPartition) -> Offsets:
        """Markers of transactions may stand behind the last record: nothing waits there."""
        partition = mine.partition
        ends = self._source.ends(partition)
        if not mine.in_hand:
            passed = self._source.passed(partition, ends)
            for index, (end, is_read) in enumerate(zip(ends, passed, strict=True)):
                if is_read:
                    self._read[index, partition] = end, mine.decided.offsets[index]
        return tuple(
            known[1] if (known := self._read.get((index, partition))) and known[0] == end else end
            for index, end in enumerate(ends)
        )
