"""Is a last stable offset stuck behind the high watermark: a transaction that hangs?"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app.errors import Unavailable
from app.kafka_access import kafka_access
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
    reader = AIOKafkaConsumer(
        **kafka_access(kafka),
        client_id=CLIENT_ID,
        isolation_level="read_committed" if is_stable else "read_uncommitted",
        enable_auto_commit=False,
    )
    try:
        await reader.start()
        found: Ends = await reader.end_offsets(topics)
    except (KafkaError, OSError) as failed:
        raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {failed!r}") from failed
    finally:
        await reader.stop()
    return found
