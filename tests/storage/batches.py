"""Batches to apply: the smallest that is valid, with what a test wants to be different."""

from datetime import date
from typing import Any, Final

import asyncpg
from msgspec.structs import replace

from app.domain.changes import Cause, Change, ContactChange, GuardResult, Touch, View
from app.storage import apply, ownership
from app.storage.rows import (
    ApplyBatch,
    ContactRow,
    DeadLetterRow,
    HistoryRow,
    PartitionMove,
    SegmentRow,
)

ME: Final = "incarnation-1"
LANE: Final = "contact"
NOW: Final = 1_790_000_000_123_456
DAY: Final = date(2020, 1, 2)
"""A day without a table of its own."""

VIEW: Final = View(
    stage="lead", cycle=1, organisation="met", opportunity="unknown", stakeholder="unknown",
    engagement_strong=True, qualification_high=False, in_pipeline=False, has_offer=False,
    temperature="warm", fit=50_000, engagement=61_300, priority=55_600, owner_team="marketing",
    owner=None, is_customer=False, account_id=None, first_touch=Touch("webinar", "spring"),
    last_touch=None,
)  # fmt: skip

TABLES: Final = (
    "contact", "contact_log", "stage_change", "dead_letter", "counter", "segment",
)  # fmt: skip


async def own(connection: asyncpg.Connection, partition: int, owner: str = ME) -> None:
    """Create the row of a partition and take it: epoch 1, batch 0, offsets (0, 0)."""
    await ownership.create_partition(connection, LANE, partition, next_offsets=(0, 0), as_of=NOW)
    taken = await ownership.take_partition(
        connection, LANE, partition, epoch=0, previous_owner=None, owner=owner,
        published_seq=0, published_offsets=(0, 0), lock_timeout_seconds=1,
    )  # fmt: skip
    assert taken is not None


def move(seq: int = 1, **different: Any) -> PartitionMove:
    """Partition 0 from batch seq - 1 to seq; its offsets are (10 * seq, 0)."""
    usual = PartitionMove(
        partition=0, epoch=1, expected_seq=seq - 1, expected_offsets=(10 * (seq - 1), 0),
        batch_seq=seq, next_offsets=(10 * seq, 0), as_of=NOW + seq, published_seq=0,
        published_offsets=(0, 0),
    )  # fmt: skip
    return replace(usual, **different)


def batch(seq: int = 1, **parts: Any) -> ApplyBatch:
    empty: dict[str, Any] = {
        name: []
        for name in ("contacts", "history", "sealed", "dead_letters", "segments", "counters")
    }
    return ApplyBatch(**{"lane": LANE, "moves": [move(seq)], **empty, **parts})


def contact(contact_id: str = "c-1", version: int = 0, **different: Any) -> ContactRow:
    usual = ContactChange(
        tenant="default", contact_id=contact_id, expected_version=version, stage="lead", seq=1,
        check_at=None, state=b"state", log_head=b"log", log_keep=0, log_tail=b"",
    )  # fmt: skip
    return ContactRow(0, replace(usual, **different))


def change(seq: int = 1, contact_id: str = "c-1", **different: Any) -> HistoryRow:
    usual = Change(
        kind="changed", seq=seq, revision=0, transition_id=f"{seq:032x}", transition="T1",
        from_stage="none", to_stage="lead", cycle=1, effective_at=NOW - 5, late=False,
        cause=Cause("e-1", "https://shop.example/forms", "newsletter.signed_up"),
        guards=(GuardResult("identified", True, "crm key", "a key"),), evidence=("e-1",),
        view=VIEW, model="b2b-default@1",
    )  # fmt: skip
    return HistoryRow(0, "default", contact_id, NOW, replace(usual, **different))


def segment(seq: int = 1, day: date = DAY, partition: int = 0) -> SegmentRow:
    return SegmentRow(
        day=day, partition=partition, batch_seq=seq, next_offsets=(10 * seq, 0), as_of=NOW + seq,
        n=1, events=b"events %d" % seq, outputs=b"outputs %d" % seq,
    )  # fmt: skip


def dead_letter(**different: Any) -> DeadLetterRow:
    usual = DeadLetterRow(
        partition=0, topic="funnel.interactions.v1", source_partition=0, source_offset=7,
        reason="undecodable", message="no JSON", exception="DecodeError", failed_at=NOW,
        key=b"c-1", value=b"{", headers=[("ce_id", b"e-1"), ("empty", None)], timestamp_ms=1,
    )  # fmt: skip
    return replace(usual, **different)


async def applied(connection: asyncpg.Connection, *made: ApplyBatch) -> None:
    for each in made:
        await apply.apply(connection, each, transaction_timeout_seconds=5, idle_timeout_seconds=3)


async def counts(connection: asyncpg.Connection) -> dict[str, int]:
    """Rows of every table that an apply writes to."""
    return {table: await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


NOTHING: Final = dict.fromkeys(TABLES, 0)
