"""Reads everything a run left behind: topics as read_committed, tables, offsets of the group."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Final, TypeVar

import asyncpg
import msgspec
import zstandard
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from tests.failure.envelope import COMMANDS, INTERACTIONS, Coordinates, Record
from tests.failure.observed import (
    ContactRow,
    Ends,
    HistoryRow,
    LaneRow,
    Observed,
    Partition,
    SegmentRow,
)

INPUTS: Final = (INTERACTIONS, COMMANDS)
STAGE_CHANGES: Final = "funnel.stage-changes.v1"
OPPORTUNITIES: Final = "funnel.opportunities.v1"
CONTACTS: Final = "funnel.contacts.v1"
DEAD_LETTERS: Final = "dlq.funnel.interactions.v1"
OUTPUTS: Final = (STAGE_CHANGES, OPPORTUNITIES, CONTACTS, DEAD_LETTERS)
GROUP: Final = "funnel"
IDLE_SECONDS: Final = 10.0

Answer = TypeVar("Answer")


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
    await _read_tables(observed, database_url)
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


async def read_committed(bootstrap_servers: str) -> dict[Partition, tuple[int, str]]:
    """K: the group's committed offsets."""

    async def ask(admin: AIOKafkaAdminClient) -> dict[Partition, tuple[int, str]]:
        offsets = await admin.list_consumer_group_offsets(GROUP)
        return {(tp.topic, tp.partition): (at.offset, at.metadata) for tp, at in offsets.items()}

    return await _ask_coordinator(bootstrap_servers, ask)


async def count_rebalances(bootstrap_servers: str) -> int:
    """The group's generation, by joining it once more when all its members are gone."""
    while await _ask_coordinator(bootstrap_servers, _count_members):  # noqa: ASYNC110 - no event
        await asyncio.sleep(0.5)
    consumer = AIOKafkaConsumer(
        *INPUTS, bootstrap_servers=bootstrap_servers, group_id=GROUP, enable_auto_commit=False
    )
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            while not consumer.assignment():  # noqa: ASYNC110 - nor does aiokafka
                await asyncio.sleep(0.1)
        return int(consumer._coordinator.generation) - 1
    finally:
        await consumer.stop()


async def _count_members(admin: AIOKafkaAdminClient) -> int:
    (answer,) = await admin.describe_consumer_groups([GROUP])
    for error_code, *_ in answer.groups:
        if error_code:
            raise for_code(error_code)("the group can't be described")
    return sum(len(group[5]) for group in answer.groups)


async def _ask_coordinator(
    bootstrap_servers: str, ask: Callable[[AIOKafkaAdminClient], Awaitable[Answer]]
) -> Answer:
    """The answer, once the group's coordinator is there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5000)
    await admin.start()
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    return await ask(admin)
                except KafkaError as failed:
                    if not failed.retriable:
                        raise
                await asyncio.sleep(0.5)
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


async def _read_tables(observed: Observed, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for row in await connection.fetch("SELECT * FROM contact"):
                contact = row["tenant"], row["contact_id"]
                if contact in observed.contact_rows:
                    raise AssertionError(f"{contact} stands on two partitions")
                observed.contact_rows[contact] = ContactRow(
                    row["partition"], row["stage"], row["seq"]
                )
            observed.history_rows = [
                _history(row) for row in await connection.fetch("SELECT * FROM stage_change")
            ]
            observed.dead_letter_rows = [
                ((row["topic"], row["source_partition"], row["source_offset"]), row["reason"])
                for row in await connection.fetch("SELECT * FROM dead_letter")
            ]
            observed.counters = {
                (row["partition"], row["tenant"], row["stage"]): row["n"]
                for row in await connection.fetch("SELECT * FROM counter")
            }
            observed.lanes = {
                row["partition"]: LaneRow(row["batch_seq"], _by_topic(row["next_offsets"]))
                for row in await connection.fetch("SELECT * FROM lane_partition")
            }
            segments = "SELECT partition, batch_seq, next_offsets, events FROM segment"
            observed.segments = [
                SegmentRow(
                    row["partition"],
                    row["batch_seq"],
                    _by_topic(row["next_offsets"]),
                    _interactions(row["events"]),
                )
                for row in await connection.fetch(segments)
            ]
    finally:
        await connection.close()


def _by_topic(offsets: Collection[int]) -> dict[str, int]:
    return dict(zip(INPUTS, offsets, strict=True))


def _interactions(blob: bytes) -> tuple[Coordinates, ...]:
    """A format byte, then compressed MessagePack: records that begin with their coordinates."""
    records = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(blob[1:]))
    return tuple((INPUTS[topic], partition, offset) for topic, partition, offset, *_ in records)


def _history(row: Any) -> HistoryRow:
    _, cause, *_ = msgspec.msgpack.decode(row["detail"])
    revokes = row["revokes"]
    return HistoryRow(
        row["tenant"],
        row["contact_id"],
        row["seq"],
        row["kind"],
        row["transition_id"].hex,
        row["transition"],
        row["from_stage"],
        row["to_stage"],
        row["cycle"],
        round(row["effective_at"].timestamp() * 1_000_000),
        cause[0],
        None if revokes is None else revokes.hex,
    )
