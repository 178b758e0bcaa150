"""Is a last stable offset stuck behind the high watermark: a transaction that hangs?"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import TopicPartition

from app.kafka_reading import kafka_reader
from app.settings import Kafka

Ends = dict[TopicPartition, int]
CLIENT_ID: Final = "funnel-audit"


class StableOffsets:
    """Asked now and again: an offset that stays where it is while there is more behind it, for
    longer than two transaction time-outs, is stuck."""

    def __init__(self, patience_seconds: float, monotonic: Callable[[], float] = time.monotonic):
        self._patience_seconds = patience_seconds
        self._monotonic = monotonic
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def look(self, stable: Ends, high: Ends) -> list[tuple[TopicPartition, int, int]]:
        """Those that are stuck: partition, last stable offset, high watermark.

        `high` must have been asked for before `stable`: what is between them then was there.
        """
        now = self._monotonic()
        waiting = {at: offset for at, offset in stable.items() if offset < high.get(at, 0)}
        self._since = {
            at: before
            if (before := self._since.get(at)) is not None and before[0] == offset
            else (offset, now)
            for at, offset in waiting.items()
        }
        return [
            (at, offset, high[at])
            for at, (offset, since) in sorted(self._since.items())
            if now - since > self._patience_seconds
        ]

    def has_waited_since(self, moment: float) -> bool:
        """Somewhere the offset has not moved since then."""
        return any(since <= moment for _, since in self._since.values())


async def ends(kafka: Kafka, topics: Sequence[TopicPartition], *, is_stable: bool) -> Ends:
    """Last stable offsets, or high watermarks. Raises Unavailable."""
    async with kafka_reader(kafka, CLIENT_ID, committed_only=is_stable) as reader:
        found: Ends = await reader.end_offsets(topics)
    return found
