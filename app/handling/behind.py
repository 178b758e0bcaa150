"""How far a lane is behind, as its metrics tell: a view that outlives incarnations.

Asked when the metrics are read, so that it is as true while nothing moves as while all does.
"""

import time
from collections.abc import Collection
from typing import Final

from app.handling.batch import DecidedBatch, PartitionBatch
from app.handling.lag import Lag
from app.handling.partition import OwnedPartition
from app.handling.ports import Position, Source
from app.handling.records import Clock
from app.handling.waiting import Waiting, by_batches, by_records
from app.telemetry.metrics import Metrics

MICROSECONDS: Final = 1_000_000


class Behind:
    """Intents wait for D, applied batches for K; records for both."""

    def __init__(self, lane: str, source: Source, metrics: Metrics, clock: Clock) -> None:
        self.lag = Lag(source, metrics)
        self._clock = clock
        self._intents = Waiting(by_records)
        self._outbox = Waiting(by_batches)
        self._metrics = metrics
        metrics.outbox_batches.labels(lane).set_function(lambda: len(self._outbox))
        metrics.outbox_oldest_seconds.labels(lane).set_function(self.outbox_seconds)

    def tell_of_intents(self) -> None:
        """Only one lane has any."""
        self._metrics.oldest_unapplied_intent_seconds.set_function(self.intent_seconds)

    def decided(self, batch: DecidedBatch) -> None:
        if batch.oldest_intent is not None:
            for part in batch.parts:
                self._intents.add(part.position, batch.oldest_intent / MICROSECONDS)

    def applied(self, part: PartitionBatch) -> None:
        self._intents.reached(part.position)
        if not part.is_silent:
            self._outbox.add(part.position, time.monotonic())

    def published(self, position: Position) -> None:
        self._outbox.reached(position)

    def found(self, applied: Position) -> None:
        """At a takeover: D is ahead of K."""
        self._outbox.add(applied, time.monotonic())

    def taken(self, owned: OwnedPartition) -> None:
        """With everything published that was applied."""
        self._intents.reached(owned.applied)
        self._outbox.reached(owned.published)

    def keep(self, partitions: Collection[int]) -> None:
        """The others went elsewhere, and whoever has them says how far behind they are."""
        self.lag.keep(partitions)
        self._intents.keep(partitions)
        self._outbox.keep(partitions)

    def intent_seconds(self) -> float:
        oldest = self._intents.oldest()
        return 0.0 if oldest is None else max(0.0, self._clock() / MICROSECONDS - oldest)

    def outbox_seconds(self) -> float:
        oldest = self._outbox.oldest()
        return 0.0 if oldest is None else time.monotonic() - oldest
