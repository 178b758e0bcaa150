"""Reads the tables of the service as the checker needs them: those of the contact lane."""

from collections.abc import Collection
from typing import Any, Final

import asyncpg
import msgspec
import zstandard

from tests.failure.envelope import COMMANDS, INTERACTIONS, Coordinates
from tests.failure.observed import ContactRow, HistoryRow, LaneRow, Observed, SegmentRow

LANE: Final = "contacts"
"""Accounts have a lane of their own, on the same tables."""
INPUTS: Final = (INTERACTIONS, COMMANDS)


async def read_tables(observed: Observed, database_url: str) -> None:
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
                for row in await connection.fetch(
                    "SELECT * FROM lane_partition WHERE lane = $1", LANE
                )
            }
            observed.skipped = {
                (row["partition"], batch)
                for row in await connection.fetch(
                    "SELECT partition, reached_seq, until_seq FROM catch_up WHERE lane = $1"
                    " AND ended_at IS NOT NULL",
                    LANE,
                )
                for batch in range(row["reached_seq"] + 1, row["until_seq"] + 1)
            }
            segments = (
                "SELECT partition, batch_seq, next_offsets, events FROM segment WHERE lane = $1"
            )
            observed.segments = [
                SegmentRow(
                    row["partition"],
                    row["batch_seq"],
                    _by_topic(row["next_offsets"]),
                    _interactions(row["events"]),
                )
                for row in await connection.fetch(segments, LANE)
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
