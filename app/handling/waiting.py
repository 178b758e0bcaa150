"""Intents that were read and are not yet in PostgreSQL: somebody wants to talk to us."""

import asyncio
from typing import Final

from app.domain.interaction import Microseconds
from app.handling.batch import DecidedBatch
from app.handling.records import Clock
from app.telemetry.metrics import Metrics

INTERVAL_SECONDS: Final = 1.0


class Waiting:
    """Of the batches between deciding and apply; they are applied in their order."""

    def __init__(self) -> None:
        self._arrived: dict[int, Microseconds] = {}
        """By the batch's number: when its oldest intent arrived."""

    def decided(self, batch: DecidedBatch) -> None:
        if batch.oldest_intent is not None:
            self._arrived[batch.number] = batch.oldest_intent

    def applied(self, batch: DecidedBatch) -> None:
        self._arrived.pop(batch.number, None)

    def oldest(self) -> Microseconds | None:
        return min(self._arrived.values(), default=None)


async def measure_waiting(waiting: Waiting, metrics: Metrics, clock: Clock) -> None:
    """Run for ever."""
    while True:
        oldest = waiting.oldest()
        age = 0 if oldest is None else max(0, clock() - oldest)
        metrics.oldest_unapplied_intent_seconds.set(age / 1_000_000)
        await asyncio.sleep(INTERVAL_SECONDS)
