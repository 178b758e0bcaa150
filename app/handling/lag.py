"""How far a lane is behind, for the metrics: to published (K) and to applied (D)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from app.handling.partition import OwnedPartition
from app.handling.ports import Source
from app.telemetry.metrics import Metrics

INTERVAL_SECONDS: Final = 1.0


async def measure(owned: Mapping[int, OwnedPartition], source: Source, metrics: Metrics) -> None:
    """Run for ever. Ends of topics are those the last fetch saw: no request is made for them."""
    shown: set[int] = set()
    while True:
        for partition in shown - owned.keys():
            for topic in source.topics:
                metrics.consumer_lag.remove(topic, str(partition))
                metrics.apply_lag.remove(topic, str(partition))
        shown = set(owned)
        for partition, mine in owned.items():
            ends = source.ends(partition)
            positions = zip(
                source.topics, ends, mine.published.offsets, mine.applied.offsets, strict=True
            )
            for topic, end, published, applied in positions:
                metrics.consumer_lag.labels(topic, str(partition)).set(max(0, end - published))
                metrics.apply_lag.labels(topic, str(partition)).set(max(0, end - applied))
        await asyncio.sleep(INTERVAL_SECONDS)
