"""Reads everything a run left behind: topics as read_committed, tables, offsets of the group."""

from collections.abc import Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.failure.envelope import COMMANDS, INTERACTIONS, Coordinates, Record
from tests.failure.group import read_committed
from tests.failure.observed import Ends, Observed, Partition
from tests.failure.tables import read_tables

INPUTS: Final = (INTERACTIONS, COMMANDS)
STAGE_CHANGES: Final = "funnel.stage-changes.v1"
OPPORTUNITIES: Final = "funnel.opportunities.v1"
CONTACTS: Final = "funnel.contacts.v1"
DEAD_LETTERS: Final = "dlq.funnel.interactions.v1"
OUTPUTS: Final = (STAGE_CHANGES, OPPORTUNITIES, CONTACTS, DEAD_LETTERS)
IDLE_SECONDS: Final = 10.0


async def observe(
    bootstrap_servers: str, database_url: str, partitions: int, acknowledged: set[Coordinates]
) -> Observed:
    """Everything the checker judges. The system must be at rest."""
    inputs, outputs = [
        await read_topics(bootstrap_servers, topics, partitions) for topics in (INPUTS, OUTPUTS)
    ]
    observed = Observed(partitions=partitions, inputs=inputs, acknowledged=acknowledged)
    observed.stage_changes = [record for record in outputs if record.topic == STAGE_CHANGES]
    observed.opportunities = [record for record in outputs if record.topic == OPPORTUNITIES]
    observed.snapshots = [record for record in outputs if record.topic == CONTACTS]
    observed.dead_letters = [record for record in outputs if record.topic == DEAD_LETTERS]
    observed.committed = await read_committed(bootstrap_servers)
    observed.ends = await read_ends(bootstrap_servers, partitions)
    await read_tables(observed, database_url)
    return observed


async def read_topics(
    bootstrap_servers: str, topics: Iterable[str], partitions: int
) -> list[Record]:
    """All committed records from the beginning to the last stable offset."""
    consumer = _consumer(bootstrap_servers, "read_committed")
    await consumer.start()
    try:
        tps = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        await consumer.seek_to_beginning(*tps)
        return [record async for record in _until(consumer, ends)]
    finally:
        await consumer.stop()


async def _until(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> Any:
    """Records up to `ends`. Control records at a partition's end are no records: an idle
    partition whose position does not move any more is at its end too."""
    behind = {tp for tp, end in ends.items() if end > 0}
    while behind:
        got = await consumer.getmany(*behind, timeout_ms=int(IDLE_SECONDS * 1000))
        for tp, records in got.items():
            for one in records:
                headers = tuple((name, value) for name, value in one.headers)
                yield Record(
                    tp.topic, tp.partition, one.offset, one.timestamp, one.key, one.value, headers
                )
        reached = {tp for tp in behind if await consumer.position(tp) >= ends[tp]}
        if not got and not reached:
            return
        behind -= reached


async def read_ends(bootstrap_servers: str, partitions: int) -> dict[Partition, Ends]:
    """Last stable offset and high watermark of every topic of the service and of the group."""
    tps = [TopicPartition(topic, p) for topic in (*INPUTS, *OUTPUTS) for p in range(partitions)]
    tps += await _group_partitions(bootstrap_servers)
    found: list[dict[TopicPartition, int]] = []
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = _consumer(bootstrap_servers, isolation)
        await consumer.start()
        try:
            found.append(await consumer.end_offsets(tps))
        finally:
            await consumer.stop()
    stable, high = found
    return {(tp.topic, tp.partition): Ends(stable[tp], high[tp]) for tp in stable}


async def _group_partitions(bootstrap_servers: str) -> list[TopicPartition]:
    """Of the topic that holds committed offsets; none before the first group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in await admin.describe_topics()
            if topic["topic"] == "__consumer_offsets"
            for partition in topic["partitions"]
        ]
    finally:
        await admin.close()


def _consumer(bootstrap_servers: str, isolation: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1024 * 1024,
    )
