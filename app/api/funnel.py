"""The funnel as a whole: how many are where, how they move, and what is to be won."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.params import QueryParameter

from app.api.contact_reading import ContactReading
from app.api.database import Database
from app.api.describing import needs
from app.api.funnel_shapes import (
    FORECAST_COLUMNS,
    SUMMARY_COLUMNS,
    Forecast,
    StageCount,
    Summary,
    flow_groups,
    forecast_item,
    summary_rows,
)
from app.api.lists import CampaignFilter, ChannelFilter, Lists
from app.api.principal import Principal, Scope
from app.api.problems import wrong_field
from app.api.tabular import Tabular, table, wants_table
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.timestamps import format_rfc3339
from app.storage import funnel_queries, queries
from app.storage.funnel_queries import By, Moved, Period

PERIOD_DAYS: Final = 90
DAYS_MAX: Final = 1_098
DAYS_MAX_DETAILED: Final = 366
"""By day, channel or campaign."""
BY_TOUCH: Final = ("channel", "campaign")
READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Funnel", Tabular)

Day = Annotated[
    str | None,
    QueryParameter(description="A date, UTC; it is included.", pattern="^\\d{4}-\\d{2}-\\d{2}$"),
]
GroupBy = Annotated[
    By,
    QueryParameter(description="By what to group; channel and campaign are of the first touch."),
]


@get("/funnel/summary", summary="Counts, conversion, velocity and drop-off", **READS)
async def summary(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    database: Given[Database],
    lists: Given[Lists],
    contacts: Given[ContactReading],
    since: Day = None,
    until: Day = None,
    by: GroupBy = "none",
    channel: ChannelFilter = None,
    campaign: CampaignFilter = None,
) -> Response[Summary]:
    """Of the moves that stand, by when they were true; by default of the last 90 days. Channels and
    campaigns are counted by whole months."""
    is_of_touch = by in BY_TOUCH or channel is not None or campaign is not None
    if is_of_touch and by in ("day", "week"):
        raise wrong_field(
            "by", "must be month, channel, campaign or none with a channel or campaign"
        )
    is_detailed = is_of_touch or by == "day"
    days_max = DAYS_MAX_DETAILED if is_detailed else DAYS_MAX
    period = _period(since, until, contacts.clock() // 1_000_000, days_max)
    rules = await lists.rules_of(principal.tenant)
    answer = await read_summary(
        database, principal.tenant, rules, period, by, channel=channel, campaign=campaign
    )
    if wants_table(request):
        return cast(Response[Summary], _table("summary", SUMMARY_COLUMNS, summary_rows(answer)))
    return Response(answer)


async def read_summary(
    database: Database,
    tenant: str,
    rules: Rules,
    period: Period,
    by: By,
    *,
    channel: str | None = None,
    campaign: str | None = None,
) -> Summary:
    """By channel or campaign: of whole months. Raises Unavailable."""
    engine = database.engine
    moved: list[Moved]
    if by in BY_TOUCH or channel is not None or campaign is not None:
        period = whole_months(period)
        moved = await funnel_queries.moves_by_touch(
            engine, tenant, period, by, channel=channel, campaign=campaign
        )
    else:
        moved = await funnel_queries.moves(engine, tenant, period, by)
    counts = await queries.stage_counts(engine, tenant)
    stages = list(dict.fromkeys((*rules.stages, *counts)))
    return Summary(
        since=period.since.isoformat(),
        until=period.until.isoformat(),
        by=by,
        stages=[StageCount(each, counts.get(each, 0)) for each in stages],
        groups=flow_groups(by, moved, stages),
    )


@get("/funnel/forecast", summary="What open deals should bring, by month and currency", **READS)
async def forecast(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    database: Given[Database],
    contacts: Given[ContactReading],
) -> Response[Forecast]:
    answer = await read_forecast(database, principal.tenant, contacts.clock())
    if wants_table(request):
        rows = [list(msgspec.structs.astuple(item)) for item in answer.items]
        return cast(Response[Forecast], _table("forecast", FORECAST_COLUMNS, rows))
    return Response(answer)


async def read_forecast(database: Database, tenant: str, now: Microseconds) -> Forecast:
    """Raises Unavailable."""
    found = await funnel_queries.forecast(database.engine, tenant)
    return Forecast(format_rfc3339(now), [forecast_item(each) for each in found])


def _table(name: str, columns: tuple[str, ...], rows: list[list[object]]) -> Any:
    async def once() -> AsyncIterator[list[list[object]]]:
        yield rows

    return table(name, columns, once())


def _period(since: str | None, until: str | None, now: int, days_max: int) -> Period:
    """Problem 422."""
    today = datetime.fromtimestamp(now, UTC).date()
    last = _day("until", until) or max(today, _day("since", since) or today)
    first = _day("since", since) or last - timedelta(days=PERIOD_DAYS - 1)
    if first > last:
        raise wrong_field("since", "must not be after until")
    if (last - first).days >= days_max:
        raise wrong_field(
            "since",
            f"must be within {days_max} days of until: {DAYS_MAX_DETAILED} by day, channel or"
            f" campaign, else {DAYS_MAX}",
        )
    return Period(first, last)


def _day(field: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise wrong_field(field, "must be a date: 2026-03-02") from None
    if not 2000 <= found.year < 2200:
        raise wrong_field(field, "must be in the years 2000 to 2199")
    return found


def whole_months(period: Period) -> Period:
    following = (period.until.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Period(period.since.replace(day=1), following - timedelta(days=1))


FUNNEL_ROUTES = [summary, forecast]
