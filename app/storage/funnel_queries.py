"""Counts of the whole funnel: moves by time and by first touch, and the deals that are open.

Sums of what the apply counted (`app.storage.flows`). Every function raises Unavailable when
PostgreSQL is away.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Integer,
    Row,
    case,
    cast,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import rows_of
from app.storage.flow_sums import SUMMED
from app.storage.tables import lane_partition, open_deal, stage_flow, touch_flow

By = Literal["none", "day", "week", "month", "channel", "campaign"]
MONTH_CHARS: Final = 7
_PARTITIONS: Final = union_all(
    select(lane_partition.c.partition), select(literal_column(str(SUMMED), Integer))
)
"""It leads the keys: with it a period is read through them."""


class Period(NamedTuple):
    """Both included, UTC."""

    since: date
    until: date

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.since, time(), UTC)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.until, time(), UTC) + timedelta(days=1)


class Moved(NamedTuple):
    group: date | str | None
    """A period's first day, or a channel or campaign, "" where none is known."""
    from_stage: str
    to_stage: str
    n: int
    stayed_seconds: int


class Expected(NamedTuple):
    """Open deals of one currency that are expected in one month; None: not known."""

    month: str | None
    currency: str | None
    deals: int
    amount: float
    weighted: float
    unweighted: int
    """Without amount or probability: not in `weighted`."""


async def moves(engine: AsyncEngine, tenant: str, period: Period, by: By) -> list[Moved]:
    """Of all contacts."""
    flow = stage_flow.c
    daily = (
        select(
            flow.day,
            flow.from_stage,
            flow.to_stage,
            cast(func.sum(flow.n), BigInteger).label("n"),
            cast(func.sum(flow.stayed_seconds), BigInteger).label("seconds"),
        )
        .where(flow.partition.in_(_PARTITIONS), flow.tenant == tenant, flow.day.between(*period))
        .group_by(flow.day, flow.from_stage, flow.to_stage)
        .subquery()
    )
    group: ColumnElement[Any] = cast(None, Date)
    if by == "day":
        group = daily.c.day
    elif by in ("week", "month"):
        group = cast(func.date_trunc(by, daily.c.day), Date)
    moved = (daily.c.from_stage, daily.c.to_stage)
    sums = (func.sum(daily.c.n), func.sum(daily.c.seconds))
    query = select(group, *moved, *sums).group_by(group, *moved)
    return [_moved(row) for row in await rows_of(engine, "reading counts", query)]


async def moves_by_touch(
    engine: AsyncEngine,
    tenant: str,
    period: Period,
    by: By,
    *,
    channel: str | None = None,
    campaign: str | None = None,
) -> list[Moved]:
    """In whole months. "": of those of whom none is known."""
    flow = touch_flow.c
    group: ColumnElement[Any] = cast(None, Date)
    if by == "month":
        group = flow.month
    elif by in ("channel", "campaign"):
        group = flow[by]
    sums = (func.sum(flow.n), func.sum(flow.stayed_seconds))
    query = (
        select(group, flow.from_stage, flow.to_stage, *sums)
        .where(flow.partition.in_(_PARTITIONS), flow.tenant == tenant)
        .where(flow.month.between(*period))
        .group_by(group, flow.from_stage, flow.to_stage)
    )
    if channel is not None:
        query = query.where(flow.channel == channel)
    if campaign is not None:
        query = query.where(flow.campaign == campaign)
    return [_moved(row) for row in await rows_of(engine, "reading counts", query)]


async def forecast(engine: AsyncEngine, tenant: str) -> list[Expected]:
    """By month and currency, what is not known last."""
    deal = open_deal.c
    month = func.left(deal.expected_close, MONTH_CHARS)
    weighted = deal.amount * deal.probability
    query = (
        select(
            month,
            deal.currency,
            func.count(),
            func.coalesce(func.sum(deal.amount), 0.0),
            func.coalesce(func.sum(weighted), 0.0),
            func.sum(case((weighted.is_(None), 1), else_=0)),
        )
        .where(deal.tenant == tenant)
        .group_by(month, deal.currency)
        .order_by(month.nulls_last(), deal.currency.nulls_last())
    )
    return [Expected(*row) for row in await rows_of(engine, "reading counts", query)]


def _moved(row: Row[*tuple[Any, ...]]) -> Moved:
    group, from_stage, to_stage, n, seconds = row
    return Moved(group, from_stage, to_stage, int(n), int(seconds))
