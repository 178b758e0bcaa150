"""Moves are counted as they stand, whatever rewrites them."""

from datetime import date
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.changes import Touch
from app.domain.state import Deal
from app.storage import funnel_queries
from app.storage.funnel_queries import Expected, Moved, Period
from app.storage.rows import DealsRow, ErasureRow, HistoryRow
from tests.storage.batches import VIEW, applied, batch, change

DAY = 86_400_000_000
START = 1_767_225_600_000_000
"""2026-01-01."""
EVER = Period(date(2025, 1, 1), date(2027, 12, 31))


def moved(
    seq: int, from_stage: str, to_stage: str, day: float, since: float | None = None, **more: Any
) -> HistoryRow:
    """At so many days after the start; `transition_id` is of the move."""
    tid = f"{hash((from_stage, to_stage)) & (1 << 128) - 1:032x}"
    row = change(
        seq, from_stage=from_stage, to_stage=to_stage, effective_at=START + int(day * DAY),
        **{"transition_id": tid, **more},
    )  # fmt: skip
    return replace(row, since=None if since is None else START + int(since * DAY))


def taken_back(seq: int, from_stage: str, to_stage: str, day: float) -> HistoryRow:
    tid = moved(seq, from_stage, to_stage, day).change.transition_id
    return moved(seq, from_stage, to_stage, day, kind="revoked", revokes=tid, late=True)


async def flows(reads: AsyncEngine) -> dict[tuple[str, str], tuple[int, float]]:
    """(from, to) -> how many, and the days they stayed before; the same by day and by touch."""
    by_day = await funnel_queries.moves(reads, "default", EVER, "none")
    by_touch = await funnel_queries.moves_by_touch(reads, "default", EVER, "none")
    assert sorted(by_day) == sorted(by_touch)
    return {
        (each.from_stage, each.to_stage): (each.n, each.stayed_seconds / 86_400)
        for each in by_day
        if each.n or each.stayed_seconds
    }


@pytest.fixture
async def led(mine: asyncpg.Connection) -> asyncpg.Connection:
    history = [moved(1, "none", "lead", 0), moved(2, "lead", "prospect", 4, 0)]
    await applied(mine, batch(1, history=history))
    return mine


async def test_moves_in_order_count_themselves_and_the_time_before(
    led: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(led, batch(2, history=[moved(3, "prospect", "opportunity", 7, 4)]))
    assert await flows(reads) == {
        ("none", "lead"): (1, 0.0),
        ("lead", "prospect"): (1, 4.0),
        ("prospect", "opportunity"): (1, 3.0),
    }


async def test_what_is_revoked_is_counted_no_more(
    led: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(led, batch(2, history=[taken_back(3, "lead", "prospect", 4)]))
    assert await flows(reads) == {("none", "lead"): (1, 0.0)}


async def test_what_is_revoked_and_made_again_counts_once_with_its_new_time(
    led: asyncpg.Connection, reads: AsyncEngine
) -> None:
    again = moved(4, "lead", "prospect", 2, late=True)
    await applied(led, batch(2, history=[taken_back(3, "lead", "prospect", 4), again]))
    assert await flows(reads) == {("none", "lead"): (1, 0.0), ("lead", "prospect"): (1, 2.0)}


async def test_a_corrected_date_moves_the_time_before_and_after(
    led: asyncpg.Connection, reads: AsyncEngine
) -> None:
    earlier = moved(3, "none", "lead", -2, kind="corrected", late=True)
    await applied(led, batch(2, history=[earlier]))
    assert await flows(reads) == {("none", "lead"): (1, 0.0), ("lead", "prospect"): (1, 6.0)}


async def test_a_rewritten_history_leaves_nothing_where_its_first_touch_was(
    led: asyncpg.Connection, reads: AsyncEngine
) -> None:
    """The view of the revocation has another first touch than the move it takes back."""
    other = replace(VIEW, first_touch=Touch("fair", None))
    gone = replace(taken_back(3, "lead", "prospect", 4).change, view=other)
    row = HistoryRow(0, "default", "c-1", START, gone)
    await applied(led, batch(2, history=[row]))
    found = await funnel_queries.moves_by_touch(reads, "default", EVER, "channel")
    assert [(each.group, each.to_stage, each.n) for each in found if each.n] == [
        ("webinar", "lead", 1)
    ]


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("day", {date(2026, 1, 1): 1, date(2026, 1, 5): 1, date(2026, 2, 1): 1}),
        ("week", {date(2025, 12, 29): 1, date(2026, 1, 5): 1, date(2026, 1, 26): 1}),
        ("month", {date(2026, 1, 1): 2, date(2026, 2, 1): 1}),
        ("none", {None: 3}),
    ],
)
async def test_flows_are_grouped_by_when_they_were_true(
    led: asyncpg.Connection, reads: AsyncEngine, by: Any, groups: dict[Any, int]
) -> None:
    await applied(led, batch(2, history=[moved(3, "prospect", "opportunity", 31, 4)]))
    found = await funnel_queries.moves(reads, "default", EVER, by)
    assert {each.group: _total(found, each) for each in found} == groups
    none = Period(date(2026, 3, 1), date(2026, 4, 1))
    assert await funnel_queries.moves(reads, "default", none, by) == []
    assert await funnel_queries.moves(reads, "acme", EVER, by) == []


def _total(found: list[Moved], of: Moved) -> int:
    return sum(each.n for each in found if each.group == of.group)


@pytest.mark.parametrize(
    ("by", "where", "groups"),
    [
        ("channel", {}, {"webinar": 2, "": 1}),
        ("campaign", {}, {"spring": 2, "": 1}),
        ("month", {"channel": "webinar"}, {date(2026, 1, 1): 2}),
        ("none", {"campaign": "spring"}, {None: 2}),
        ("none", {"campaign": "summer"}, {}),
    ],
)
async def test_flows_are_grouped_and_filtered_by_first_touch(
    led: asyncpg.Connection, reads: AsyncEngine, by: Any, where: Any, groups: dict[Any, int]
) -> None:
    unknown = replace(moved(1, "none", "lead", 0).change, view=replace(VIEW, first_touch=None))
    await applied(led, batch(2, history=[HistoryRow(0, "default", "c-2", START, unknown)]))
    found = await funnel_queries.moves_by_touch(reads, "default", EVER, by, **where)
    assert {each.group: _total(found, each) for each in found} == groups


async def test_the_forecast_weighs_what_has_an_amount_and_a_probability(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    deals = (
        ("a", Deal(100.0, "EUR", 0.5, "2026-04-30")),
        ("b", Deal(50.0, "EUR", 0.2, "2026-04-01T10:00:00Z")),
        ("c", Deal(70.0, "EUR", None, "2026-04-02")),
        ("d", Deal(None, None, 0.9, None)),
        ("e", Deal(10.0, "USD", 1.0, "2026-03-31")),
    )
    await applied(mine, batch(deals=[DealsRow(0, "default", "c-1", deals)]))
    assert await funnel_queries.forecast(reads, "default") == [
        Expected("2026-03", "USD", 1, 10.0, 10.0, 0),
        Expected("2026-04", "EUR", 3, 220.0, 60.0, 1),
        Expected(None, None, 1, 0.0, 0.0, 1),
    ]
    assert await funnel_queries.forecast(reads, "acme") == []


async def test_a_channel_that_names_an_erased_contact_is_none(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    def came(key: str, channel: str) -> HistoryRow:
        view = replace(VIEW, first_touch=Touch(channel, None))
        return HistoryRow(0, "default", key, START, replace(change(1).change, view=view))

    history = [came("ada-lind", "ada-lind/web"), came("c", "c/fair"), came("other", "c/fair")]
    gone = [ErasureRow(0, "default", key, 0, key.encode(), START) for key in ("ada-lind", "c")]
    await applied(mine, batch(1, history=history), batch(2, erasures=gone))
    period = Period(date(2026, 1, 1), date(2027, 1, 1))
    found = await funnel_queries.moves_by_touch(reads, "default", period, "channel")
    assert {each.group: each.n for each in found} == {"": 1, "c/fair": 2}
