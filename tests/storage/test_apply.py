"""What one apply leaves in PostgreSQL."""

from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.changes import SealedChunk
from app.storage import apply_together, contacts, dead_letter_queries, ownership, queries
from app.storage.days import ensure_segment_days
from app.storage.dead_letter_queries import Wanted
from app.storage.flows import Sums
from app.storage.rows import CounterDelta, SealedRow, StoredChange
from tests.storage.batches import (
    DAY,
    LANE,
    NOW,
    applied,
    batch,
    change,
    contact,
    dead_letter,
    move,
    own,
    segment,
)


async def log_of(connection: asyncpg.Connection, contact_id: str = "c-1") -> bytes:
    [found] = await contacts.load(connection, [(0, "default", contact_id)])
    return found.log


async def test_the_row_of_the_partition_moves_to_the_batch(mine: asyncpg.Connection) -> None:
    moved = move(1, published_seq=1, published_offsets=(9, 9))
    await applied(mine, batch(1, moves=[moved]))
    row = await ownership.read_partition(mine, LANE, 0)
    assert row is not None
    assert (row.epoch, row.batch_seq, row.next_offsets, row.as_of) == (1, 1, (10, 0), NOW + 1)
    assert (row.published_seq, row.published_offsets) == (1, (9, 9))


async def test_a_new_contact_starts_at_version_1(mine: asyncpg.Connection) -> None:
    made = contact(log_head=b"head", log_tail=b"tail", stage="prospect", seq=3)
    await applied(mine, batch(contacts=[made]))
    [found] = await contacts.load(mine, [(0, "default", "c-1")])
    assert (found.version, found.stage, found.seq) == (1, "prospect", 3)
    assert (found.state, found.log) == (b"state", b"headtail")


@pytest.mark.parametrize(
    ("head", "keep", "tail", "log"),
    [
        (b"new", 6, b"", b"newabcdef"),
        (b"new", 2, b"", b"newab"),
        (b"new", 2, b"end", b"newabend"),
        (b"all", 0, b"", b"all"),
        (b"", 6, b"", b"abcdef"),
        (b"", 0, b"", b""),
    ],
)
async def test_the_log_is_head_then_what_is_kept_then_tail(
    mine: asyncpg.Connection, head: bytes, keep: int, tail: bytes, log: bytes
) -> None:
    await applied(mine, batch(1, contacts=[contact(log_head=b"abcdef")]))
    spliced = contact(version=1, log_head=head, log_keep=keep, log_tail=tail)
    await applied(mine, batch(2, contacts=[spliced]))
    assert await log_of(mine) == log


async def test_a_log_longer_than_a_page_is_spliced_too(mine: asyncpg.Connection) -> None:
    await applied(mine, batch(1, contacts=[contact(log_head=b"a" * 20_000, state=b"s" * 20_000)]))
    await applied(mine, batch(2, contacts=[contact(version=1, log_head=b"b", log_keep=15_000)]))
    assert await log_of(mine) == b"b" + b"a" * 15_000


@pytest.mark.parametrize("check_at", [None, NOW + 1])
async def test_check_at_is_a_time_or_nothing(
    mine: asyncpg.Connection, check_at: int | None
) -> None:
    await applied(mine, batch(1, contacts=[contact(check_at=NOW)]))
    await applied(mine, batch(2, contacts=[contact(version=1, check_at=check_at)]))
    assert await mine.fetchval("SELECT check_at FROM contact") == check_at


async def test_any_text_of_a_key_is_kept(mine: asyncpg.Connection) -> None:
    names = ["", "ключ", "a/b", "back\\slash", "quo'te", "tab\t", "x" * 256]
    await applied(mine, batch(contacts=[contact(name) for name in names]))
    found = await contacts.load(mine, [(0, "default", name) for name in names])
    assert {each.contact_id for each in found} == set(names)


async def test_history_reads_back_as_it_was_decided(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    rows = [
        change(1),
        change(2, kind="revoked", revokes=f"{1:032x}", late=True, traceparent="00-ab-cd-01"),
        change(3, kind="corrected", revision=2, opportunity="closed", outcome="lost", guards=()),
    ]
    await applied(mine, batch(history=rows))
    found = await queries.history(reads, 0, "default", "c-1")
    assert [(each.change, each.decided_at) for each in found] == [(r.change, NOW) for r in rows]


async def revoked(reads: AsyncEngine) -> dict[int, int | None]:
    found: list[StoredChange] = await queries.history(reads, 0, "default", "c-1")
    return {each.change.seq: each.revoked_at for each in found}


async def test_a_revocation_marks_what_it_takes_back(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(1, history=[change(1), change(2)]))
    taken_back = change(3, kind="revoked", revokes=f"{2:032x}", transition_id=f"{2:032x}")
    await applied(mine, batch(2, history=[taken_back]))
    assert await revoked(reads) == {1: None, 2: NOW, 3: None}


async def test_what_comes_back_after_a_revocation_stands(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    same = f"{9:032x}"
    await applied(
        mine,
        batch(
            history=[
                change(1, transition_id=same),
                change(2, transition_id=same, kind="revoked", revokes=same, revision=0),
                change(3, transition_id=same, revision=1),
            ]
        ),
    )
    assert await revoked(reads) == {1: NOW, 2: None, 3: None}


async def test_a_sealed_chunk_is_written_and_replaced(mine: asyncpg.Connection) -> None:
    def sealed(chunk: int, body: bytes) -> SealedRow:
        return SealedRow(0, SealedChunk("default", "c-1", chunk, body))

    await applied(mine, batch(1, sealed=[sealed(0, b"old"), sealed(1, b"one")]))
    await applied(mine, batch(2, sealed=[sealed(0, b"new"), sealed(2, b"two")]))
    assert await contacts.load_sealed(mine, 0, "default", "c-1") == [b"new", b"one", b"two"]


async def test_a_dead_letter_reads_back_verbatim(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    letters = [dead_letter(), dead_letter(key=None, value=None, headers=[], reason="too_large")]
    await applied(mine, batch(dead_letters=letters))
    found = await dead_letter_queries.newest(reads, Wanted(), limit=10)
    assert [each.row for each in reversed(found)] == letters


async def test_counters_add_up_over_batches(mine: asyncpg.Connection, reads: AsyncEngine) -> None:
    def delta(stage: str, n: int) -> CounterDelta:
        return CounterDelta(0, "default", stage, n)

    await applied(mine, batch(1, counters=[delta("lead", 5), delta("prospect", 1)]))
    await applied(mine, batch(2, counters=[delta("lead", -1), delta("prospect", -1)]))
    assert await queries.stage_counts(reads) == {"lead": 4}


async def test_a_segment_is_kept_as_given(mine: asyncpg.Connection) -> None:
    await applied(mine, batch(segments=[segment(1)]))
    assert await ownership.segments_after(mine, LANE, 0, 0, until=1, limit=9) == [segment(1)]
    assert await mine.fetchval("SELECT day FROM segment") == DAY


async def test_one_batch_moves_several_partitions(mine: asyncpg.Connection) -> None:
    await own(mine, 1)
    moves = [move(1, partition=1), move(1)]
    await applied(mine, batch(moves=moves, segments=[segment(1), segment(1, partition=1)]))
    rows = [await ownership.read_partition(mine, LANE, partition) for partition in (0, 1)]
    assert [row and row.batch_seq for row in rows] == [1, 1]


async def test_a_batch_without_records_moves_the_row_only(mine: asyncpg.Connection) -> None:
    await applied(mine, batch(1), batch(2))
    row = await ownership.read_partition(mine, LANE, 0)
    assert row is not None
    assert row.batch_seq == 2


async def test_staged_rows_are_gone_after_the_commit(mine: asyncpg.Connection) -> None:
    await applied(mine, batch(contacts=[contact()]))
    assert await mine.fetchval("SELECT count(*) FROM staged_contact") == 0


async def test_contacts_are_merged_by_their_key(mine: asyncpg.Connection) -> None:
    """Whatever the statistics say: a staged batch has none."""
    rows = await mine.fetch(f"EXPLAIN {apply_together.MERGE}")
    plan = "\n".join(row[0] for row in rows)
    assert "Nested Loop" in plan
    assert "Index Scan using contact_pkey" in plan


async def test_making_days_does_not_hold_up_an_apply(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    making = other.transaction()
    await making.start()
    assert await ensure_segment_days(other, DAY, ahead=0)
    await applied(mine, batch(1, segments=[segment(1, datetime.now(UTC).date())]))
    await making.rollback()


async def test_an_apply_does_not_hold_up_making_days(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    making = other.transaction()
    async with mine.transaction():
        written = batch(1, segments=[segment(1, datetime.now(UTC).date())])
        await apply_together.write(mine, written, Sums())
        await making.start()
        await other.execute("SET lock_timeout = '1s'")
        assert await ensure_segment_days(other, DAY, ahead=0)
        await making.rollback()
