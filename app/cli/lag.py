"""`funnel lag`: how far behind the lanes are, per partition."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from app.cli import printing

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from app.settings import Settings

    Offsets = dict[TopicPartition, int]

MARKERS_MAX: Final = 20
"""A gap up to this is looked into: it may be transaction markers only."""
LOOK_MS: Final = 500


class PartitionLag(msgspec.Struct, frozen=True):
    """Next offsets. `lag` is what is not yet published, `apply_lag` what is not yet applied.

    `end` is the offset of a record where only transaction markers follow it, so that nothing to
    do is a lag of 0. Other gaps in the offsets are counted as if they were records.
    """

    topic: str
    partition: int
    end: int
    published: int | None
    applied: int | None
    lag: int
    apply_lag: int
    owner: str | None


def lag(as_json: printing.Json = False) -> None:
    """What has arrived and is not yet applied to PostgreSQL, or not yet published to Kafka.

    Published is the committed offset of the consumer group, as other tools show it.
    """
    from app.cli import settings

    rows = asyncio.run(read_lag(settings.load()))
    if as_json:
        printing.json({"lag": sum(row.lag for row in rows), "partitions": rows})
        return
    printing.table(
        ("topic", "partition", "end", "published", "applied", "lag", "owner"),
        [
            (row.topic, row.partition, row.end, row.published, row.applied, row.lag, row.owner)
            for row in rows
        ],
    )
    printing.line(f"{sum(row.lag for row in rows):,} behind")


async def read_lag(settings: "Settings") -> list[PartitionLag]:
    """Every partition of the lanes' topics, in order. Raises Unavailable, TopicsError."""
    from app.bootstrap import ACCOUNT_LANE, CONTACT_LANE, INPUTS, for_accounts

    return [
        *await _of_lane(settings, CONTACT_LANE, INPUTS[CONTACT_LANE]),
        *await _of_lane(for_accounts(settings), ACCOUNT_LANE, INPUTS[ACCOUNT_LANE]),
    ]


async def _of_lane(settings: "Settings", lane: str, inputs: Sequence[str]) -> list[PartitionLag]:
    """`settings` with the lane's own group."""
    from app.cli.database import database
    from app.storage import queries

    async with database(settings) as engine:
        rows = {row.partition: row for row in await queries.partitions(engine, lane)}
    ends, published = await _offsets(settings, inputs)
    found = []
    for at, end in sorted(ends.items()):
        row = rows.get(at.partition)
        applied = row.next_offsets[inputs.index(at.topic)] if row is not None else None
        committed = published.get(at)
        found.append(
            PartitionLag(
                topic=at.topic,
                partition=at.partition,
                end=end,
                published=committed,
                applied=applied,
                lag=max(0, end - (committed or 0)),
                apply_lag=max(0, end - (applied or 0)),
                owner=row.owner if row is not None else None,
            )
        )
    return found


async def _offsets(settings: "Settings", topics: Sequence[str]) -> tuple["Offsets", "Offsets"]:
    """The ends that read_committed readers see, less markers, and the group's committed offsets."""
    from app.cli.broker import broker
    from app.cli.reading import consumer, partitions_of

    every = await partitions_of(settings.kafka, topics)
    async with broker(settings.kafka) as admin:
        answer = await admin.list_consumer_group_offsets(settings.kafka.group_id)
    committed = {at: found.offset for at, found in answer.items() if found.offset >= 0}
    async with consumer(settings.kafka) as reader:
        ends = await reader.end_offsets(every)
        near = {
            at: committed[at]
            for at, end in ends.items()
            if at in committed and 0 < end - committed[at] <= MARKERS_MAX
        }
        done = await _without_records(reader, near, ends)
    return ends | done, committed


async def _without_records(
    reader: "AIOKafkaConsumer", near: "Offsets", ends: "Offsets"
) -> "Offsets":
    """Those of `near` after which there are markers only: the reader passes them by itself."""
    if not near:
        return {}
    reader.assign(list(near))
    for at, offset in near.items():
        reader.seek(at, offset)
    with_records = set(await reader.getmany(timeout_ms=LOOK_MS))
    return {
        at: offset
        for at, offset in near.items()
        if at not in with_records and await reader.position(at) >= ends[at]
    }
