"""`funnel lag`: how far behind the lanes are, per partition."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.settings import Settings

CLEAR: Final = "\x1b[2J\x1b[H"
"""Of a terminal: everything, and back to its first cell."""


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


Watch = Annotated[
    bool,
    typer.Option(
        "--watch", help="Show what is behind until Ctrl-C; off a terminal, a line each time."
    ),
]
Interval = Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between two looks.")]


def lag(watch: Watch = False, interval: Interval = 2.0, as_json: printing.Json = False) -> None:
    """What has arrived and is not yet applied to PostgreSQL, or not yet published to Kafka.

    Published is the committed offset of the consumer group, as other tools show it.
    """
    from app.cli import settings

    found = settings.load()
    if watch:
        asyncio.run(_watch(found, interval, as_json))
    else:
        _show(asyncio.run(read_lag(found)), as_json)


async def _watch(settings: "Settings", interval_seconds: float, as_json: bool) -> None:
    """For ever. A look that fails is said, and another follows: the stack may be starting again."""
    from app.errors import Unavailable

    while True:
        try:
            rows = await read_lag(settings)
        except Unavailable as away:
            printing.note(f"{_now()} {away}")
        else:
            if as_json or not sys.stdout.isatty():
                _show(rows, True) if as_json else printing.line(_summary(rows))
            else:
                sys.stdout.write(CLEAR)
                _table([row for row in rows if row.lag or row.owner is None])
                printing.line(_summary(rows))
        await asyncio.sleep(interval_seconds)


def _show(rows: Sequence[PartitionLag], as_json: bool) -> None:
    if as_json:
        printing.json({"lag": sum(row.lag for row in rows), "partitions": rows})
        return
    _table(rows)
    printing.line(_summary(rows))


def _table(rows: Sequence[PartitionLag]) -> None:
    printing.table(
        ("topic", "partition", "end", "published", "applied", "lag", "owner"),
        [
            (row.topic, row.partition, row.end, row.published, row.applied, row.lag, row.owner)
            for row in rows
        ],
    )


def _summary(rows: Sequence[PartitionLag]) -> str:
    unowned = sum(row.owner is None for row in rows)
    nobody = f", {unowned} of {len(rows)} partitions are nobody's" if unowned else ""
    not_applied = sum(row.apply_lag for row in rows)
    return f"{_now()} {sum(row.lag for row in rows):,} behind ({not_applied:,} not applied){nobody}"


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%S}"


async def read_lag(settings: "Settings") -> list[PartitionLag]:
    """Every partition of the lanes' topics, in order. Raises Unavailable, TopicsError."""
    from app.bootstrap import INPUTS, for_accounts
    from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE

    return [
        *await _of_lane(settings, CONTACT_LANE, INPUTS[CONTACT_LANE]),
        *await _of_lane(for_accounts(settings), ACCOUNT_LANE, INPUTS[ACCOUNT_LANE]),
    ]


async def _of_lane(settings: "Settings", lane: str, inputs: Sequence[str]) -> list[PartitionLag]:
    """`settings` with the lane's own group."""
    from app.api import offsets
    from app.cli.broker import CLIENT_ID
    from app.cli.database import database
    from app.cli.reading import partitions_of
    from app.storage import queries

    async with database(settings) as engine:
        rows = {row.partition: row for row in await queries.partitions(engine, lane)}
    every = await partitions_of(settings.kafka, inputs)
    published = await offsets.published(settings.kafka, CLIENT_ID, settings.kafka.group_id)
    ends = await offsets.ends_of(settings.kafka, CLIENT_ID, every, published)
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
