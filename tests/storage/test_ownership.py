"""The statements of takeover and release."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.errors import Unavailable
from app.storage import ownership
from app.storage.rows import LaneRow, PartitionRow
from tests.storage.batches import DAY, LANE, ME, NOW, applied, batch, move, own, segment


async def take(connection: asyncpg.Connection, **different: Any) -> PartitionRow | None:
    usual: dict[str, Any] = {
        "epoch": 1,
        "previous_owner": ME,
        "owner": "other",
        "published_seq": 0,
        "published_offsets": (0, 0),
        "lock_timeout_seconds": 1,
    }
    return await ownership.take_partition(connection, LANE, 0, **{**usual, **different})


async def release(connection: asyncpg.Connection, **different: Any) -> bool:
    usual: dict[str, Any] = {
        "epoch": 1,
        "owner": ME,
        "published_seq": 3,
        "published_offsets": (30, 0),
    }
    return await ownership.release_partition(connection, LANE, 0, **{**usual, **different})


async def row(connection: asyncpg.Connection) -> PartitionRow:
    found = await ownership.read_partition(connection, LANE, 0)
    assert found is not None
    return found


async def test_a_lane_is_recorded_once(other: asyncpg.Connection) -> None:
    assert await ownership.read_lane(other, LANE) is None
    first = LaneRow(LANE, 12, ("a", "b"), ("id-a", "id-b"))
    assert await ownership.record_lane(other, LANE, 12, ["a", "b"], ["id-a", "id-b"]) == first
    assert await ownership.record_lane(other, LANE, 24, ["c"], ["id-c"]) == first
    assert await ownership.read_lane(other, LANE) == first


async def test_a_partition_never_seen_has_no_row(other: asyncpg.Connection) -> None:
    assert await ownership.read_partition(other, LANE, 0) is None


async def test_a_new_partition_is_nobodys_at_batch_0(other: asyncpg.Connection) -> None:
    made = await ownership.create_partition(other, LANE, 0, next_offsets=(5, 7), as_of=NOW)
    assert made
    assert await row(other) == PartitionRow(LANE, 0, 0, None, 0, (5, 7), NOW, 0, (5, 7))


async def test_of_two_that_create_a_partition_the_first_counts(other: asyncpg.Connection) -> None:
    await ownership.create_partition(other, LANE, 0, next_offsets=(5, 7), as_of=NOW)
    assert not await ownership.create_partition(other, LANE, 0, next_offsets=(9, 9), as_of=NOW)
    assert (await row(other)).next_offsets == (5, 7)


async def test_taking_returns_d_and_moves_the_epoch(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(1))
    taken = await take(other, published_seq=1, published_offsets=(10, 0))
    assert taken == PartitionRow(LANE, 0, 2, "other", 1, (10, 0), NOW + 1, 1, (10, 0))
    assert await row(other) == taken


@pytest.mark.parametrize(
    "different", [{"epoch": 0}, {"epoch": 2}, {"previous_owner": None}, {"previous_owner": "x"}]
)
async def test_what_changed_since_it_was_read_is_not_taken(
    mine: asyncpg.Connection, other: asyncpg.Connection, different: dict[str, Any]
) -> None:
    before = await row(mine)
    assert await take(other, **different) is None
    assert await row(mine) == before


async def test_a_locked_row_is_waited_for_no_longer_than_allowed(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    async with mine.transaction():
        await mine.execute("SELECT * FROM lane_partition FOR UPDATE")
        with pytest.raises(Unavailable, match="LockNotAvailable"):
            await take(other, lock_timeout_seconds=0.05)
    assert not other.is_in_transaction()


async def test_a_released_partition_is_nobodys_with_k(mine: asyncpg.Connection) -> None:
    assert await release(mine)
    found = await row(mine)
    assert (found.owner, found.epoch) == (None, 1)
    assert (found.published_seq, found.published_offsets) == (3, (30, 0))


@pytest.mark.parametrize("different", [{"epoch": 2}, {"owner": "x"}])
async def test_only_its_owner_releases_a_partition(
    mine: asyncpg.Connection, different: dict[str, Any]
) -> None:
    before = await row(mine)
    assert not await release(mine, **different)
    assert await row(mine) == before


async def test_segments_come_in_order_across_days(mine: asyncpg.Connection) -> None:
    today = datetime.now(UTC).date()
    days = {1: today + timedelta(days=1), 2: today, 3: DAY, 4: today + timedelta(days=2), 5: today}
    made = [segment(seq, day) for seq, day in days.items()]
    await applied(mine, *(batch(each.batch_seq, segments=[each]) for each in made))
    assert await ownership.segments_after(mine, LANE, 0, 0, until=5, limit=9) == made


@pytest.mark.parametrize(
    ("after", "until", "limit", "seqs"),
    [(0, 3, 9, [1, 2, 3]), (1, 3, 9, [2, 3]), (0, 2, 9, [1, 2]), (0, 3, 2, [1, 2]), (3, 3, 9, [])],
)
async def test_segments_are_those_after_k_until_d(
    mine: asyncpg.Connection, after: int, until: int, limit: int, seqs: list[int]
) -> None:
    await applied(mine, *(batch(seq, segments=[segment(seq)]) for seq in (1, 2, 3)))
    found = await ownership.segments_after(mine, LANE, 0, after, until=until, limit=limit)
    assert [each.batch_seq for each in found] == seqs


async def test_segments_are_of_the_partition_asked_for(mine: asyncpg.Connection) -> None:
    await own(mine, 1)
    made = [segment(1), segment(1, partition=1)]
    await applied(mine, batch(moves=[move(1), move(1, partition=1)], segments=made))
    assert await ownership.segments_after(mine, LANE, 1, 0, until=1, limit=9) == [made[1]]
    assert await ownership.segments_after(mine, "account", 0, 0, until=1, limit=9) == []


async def test_only_the_sessions_of_the_owner_are_ended(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    assert await ownership.terminate_sessions(other, "nobody") == 0
    assert await ownership.terminate_sessions(other, "other") == 0
    assert await ownership.terminate_sessions(other, ME) == 1
    assert await other.fetchval("SELECT 1") == 1
