"""Reads funnel.stage-changes.v1 as its subscribers do, and notes when each record was readable."""

import asyncio
import time
from collections import defaultdict
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

LATE: Final = b'"late":true'
STAGE_CHANGES: Final = "funnel.stage-changes.v1"


class StageChanges:
    """From the topic's end on, read_committed. Moments are monotonic seconds."""

    def __init__(self, bootstrap_servers: str, partitions: int) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._partitions = partitions
        self.readable_at: dict[int, list[float]] = defaultdict(list)
        """By partition: the moments at which records came."""
        self.caused: list[tuple[bytes, float]] = []
        """The causing interaction's id and the moment, of every record that is not late."""
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Read for ever."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        await consumer.start()
        try:
            tps = [TopicPartition(STAGE_CHANGES, p) for p in range(self._partitions)]
            consumer.assign(tps)
            for tp in tps:
                await consumer.position(tp)
            self.started.set()
            while True:
                fetched = await consumer.getmany(timeout_ms=1000)
                now = time.monotonic()
                for tp, records in fetched.items():
                    self.readable_at[tp.partition] += [now] * len(records)
                    for record in records:
                        if LATE in record.value:
                            continue  # told again: its cause may have come long before
                        cause = next(v for name, v in record.headers if name == "ce_causationid")
                        self.caused.append((cause, now))
        finally:
            await consumer.stop()
