"""Flows that are summed count as before, whatever comes late, is taken back or erased."""

import asyncio
from datetime import date
from typing import Any

import asyncpg
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.changes import Touch
from app.storage import flow_sums, funnel_queries, ownership
from app.storage.flow_sums import SUMMED, sum_settled_flows
from app.storage.funnel_queries import Moved, Period
from app.storage.rows import ErasureRow, HistoryRow
from tests.storage.batches import LANE, NOW, VIEW, applied, batch, change

DAY = 86_400_000_000
START = 1_767_225_600_000_000
"""2026-01-01."""
LATER = date(2026, 3, 1)
EVER = Period(date(2025, 1, 1), date(2027, 12, 31))


def moved(contact_id: str, day: int = 0, channel: str = "web", **more: Any) -> HistoryRow:
    view = replace(VIEW, first_touch=Touch(channel, None))
    made = change(1, effective_at=START + day * DAY, **more).change
    return HistoryRow(0, "default", contact_id, START, replace(made, view=view))


async def counted(reads: AsyncEngine) -> tuple[list[Moved], ...]:
    """By day, week, month and channel."""
    by_time = [
        await funnel_queries.moves(reads, "default", EVER, by) for by in ("day", "week", "month")
    ]
    return *map(sorted, by_time), sorted(
        await funnel_queries.moves_by_touch(reads, "default", EVER, "channel")
    )


async def places(mine: asyncpg.Connection, table: str) -> list[tuple[int, int]]:
    """(partition, n), by partition."""
    rows = await mine.fetch(
        f"SELECT partition, sum(n)::bigint AS n FROM {table} GROUP BY 1 ORDER BY 1"
    )
    return [tuple(row) for row in rows]


async def spread(mine: asyncpg.Connection) -> None:
    """Over three partitions: two of the contact lane's and one that nobody owns."""
    await applied(mine, batch(1, history=[moved("a"), moved("b", 3), moved("c", 40, "fair")]))
    for partition in (1, 2):
        await ownership.create_partition(mine, LANE, partition, next_offsets=(0, 0), as_of=NOW)
        for table in ("stage_flow", "touch_flow"):
            names = await mine.fetchval(
                "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE"
                " attrelid = $1::text::regclass AND attnum > 1 AND NOT attisdropped",
                table,
            )
            await mine.execute(
                f"INSERT INTO {table} (partition, {names})"
                f" SELECT {partition}, {names} FROM {table} WHERE partition = 0"
            )


async def test_what_is_settled_is_summed_and_counts_as_before(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await spread(mine)
    before = await counted(reads)
    assert await sum_settled_flows(mine, date(2026, 1, 9)) == 3, "the first day, no month"
    assert await counted(reads) == before
    assert await places(mine, "stage_flow") == [(SUMMED, 3), (0, 2), (1, 2), (2, 2)]
    assert await places(mine, "touch_flow") == [(0, 3), (1, 3), (2, 3)]
    assert await sum_settled_flows(mine, LATER, at_once=1) > 0
    assert await counted(reads) == before
    assert await places(mine, "stage_flow") == [(SUMMED, 9)]
    assert await places(mine, "touch_flow") == [(SUMMED, 6), (0, 1), (1, 1), (2, 1)], "February"
    assert await sum_settled_flows(mine, LATER) == 0


async def test_what_comes_late_is_counted_and_summed_with_the_rest(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(1, history=[moved("a"), moved("b")]))
    await sum_settled_flows(mine, LATER)
    tid = moved("b").change.transition_id
    back = moved("b", kind="revoked", revokes=tid, late=True)
    await applied(mine, batch(2, history=[moved("late", late=True)]))
    await applied(mine, batch(3, history=[replace(back, change=replace(back.change, seq=2))]))
    whole = await counted(reads)
    assert [each.n for each in whole[0]] == [2]
    assert await sum_settled_flows(mine, LATER) == 2
    assert await counted(reads) == whole
    assert await places(mine, "stage_flow") == [(SUMMED, 2)]


async def test_a_channel_that_names_an_erased_contact_is_none_in_sums_too(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(1, history=[moved("ada-lind", channel="ada-lind/web"), moved("b")]))
    await sum_settled_flows(mine, LATER)
    gone = [ErasureRow(0, "default", "ada-lind", 0, b"ada-lind", START)]
    await applied(mine, batch(2, erasures=gone))
    for _ in range(2):
        *_, by_channel = await counted(reads)
        assert {each.group: each.n for each in by_channel} == {"": 1, "web": 1}
        await sum_settled_flows(mine, LATER)
    assert not await mine.fetchval("SELECT count(*) FROM touch_flow WHERE channel LIKE 'ada%'")


async def test_rows_that_a_lane_holds_are_left_for_the_next_time(
    mine: asyncpg.Connection, other: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(1, history=[moved("a"), moved("b", 3)]))
    before = await counted(reads)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("UPDATE stage_flow SET n = n WHERE day = $1", date(2026, 1, 1))
    assert await sum_settled_flows(mine, LATER) == 2, "the other day, and the month"
    await transaction.rollback()
    assert await sum_settled_flows(mine, LATER) == 1
    assert await counted(reads) == before


async def test_a_lane_goes_first(mine: asyncpg.Connection, other: asyncpg.Connection) -> None:
    """Where a sum is held (an erasure does it), summing gives up; nothing is lost by that."""
    await applied(mine, batch(1, history=[moved("a")]))
    await sum_settled_flows(mine, LATER)
    await applied(mine, batch(2, history=[moved("b")]))
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT 1 FROM stage_flow WHERE partition = $1 FOR UPDATE", SUMMED)
    async with asyncio.timeout(5):
        assert await sum_settled_flows(mine, LATER) == 1, "the month"
    await transaction.rollback()
    assert await places(mine, "stage_flow") == [(SUMMED, 1), (0, 1)]


async def test_two_do_not_sum_at_once(mine: asyncpg.Connection, other: asyncpg.Connection) -> None:
    await applied(mine, batch(1, history=[moved("a")]))
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", flow_sums._LOCK)
        assert await sum_settled_flows(mine, LATER) == 0
    assert await sum_settled_flows(mine, LATER) == 2
