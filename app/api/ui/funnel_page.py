"""The funnel: how many are where, how many go on, how fast, and what moves right now."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from app.api.contact_reading import ContactReading
from app.api.cursor import After
from app.api.funnel import whole_months
from app.api.funnel_shapes import FlowGroup, StageFlow, Summary
from app.api.principal import Principal, Scope
from app.api.problems import wrong_field
from app.api.ui.guarding import page
from app.api.ui.live_feed import live_changes
from app.api.ui.model_pages import RulesOf
from app.api.ui.moved_contacts import WAYS, Asked, MovedContacts
from app.api.ui.published_feed import PublishedFeed
from app.api.ui.rendering import Renderer, link
from app.api.ui.silhouette import Silhouette, silhouette
from app.api.ui.stored_lists import StoredLists
from app.domain.rules import Rules
from app.storage.funnel_queries import Period

PERIODS: Final = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "12 months"}
DEFAULT_PERIOD: Final = "90"
FEED_ROWS: Final = 12
FIRST_ROWS: Final = 5
"""Of the queue: whom to take next."""
CHANNELS_MAX: Final = 12
MOVES: Final = 40
"""Of a page of their list."""
_Days = Annotated[str | None, QueryParameter(max_length=4)]
_Text = Annotated[str | None, QueryParameter(max_length=256, pattern="^[^\\x00]*$")]


class Step(NamedTuple):
    """A stage of the way up."""

    stage: str
    now: int
    sums: StageFlow | None
    """Of the period."""


@get("/funnel", **page(Scope.CONTACTS_READ))
async def funnel_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    lists: Given[StoredLists],
    feed: Given[PublishedFeed],
    contacts: Given[ContactReading],
    rules_of_tenant: Given[RulesOf],
    renderer: Given[Renderer],
    days: _Days = None,
    channel: _Text = None,
    campaign: _Text = None,
) -> Response[Any]:
    """HTMX asks for the figures again when something has moved."""
    period = days if days in PERIODS else DEFAULT_PERIOD
    since, today = _days(period, contacts)
    tenant, is_part = principal.tenant, renderer.is_partial(request)
    rules = await rules_of_tenant(tenant)
    summary, by_channel, forecast, first, recent = await asyncio.gather(
        lists.summary(tenant, since, today, channel=channel, campaign=campaign),
        _by_channel(lists, tenant, since, today),
        lists.forecast(tenant),
        lists.contacts(tenant, {}, limit=FIRST_ROWS, after=None),
        feed.recent(tenant, tuple(rules.stages), 0 if is_part else FEED_ROWS),
    )
    steps, detours = _steps(rules, summary)
    return renderer.page(
        request,
        "funnel.html",
        here="funnel",
        steps=steps,
        detours=detours,
        shape=_shape(steps),
        channels=by_channel,
        forecast=forecast,
        this_month=f"{today:%Y-%m}",
        first=[each for each in first.items if each.follow_up_due],
        recent=recent,
        feed_rows=FEED_ROWS,
        periods=PERIODS,
        period=period,
        channel=channel or None,
        campaign=campaign or None,
        total=sum(each.contacts for each in summary.stages),
    )


@get("/moves", **page(Scope.CONTACTS_READ))
async def moves_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    moved: Given[MovedContacts],
    contacts: Given[ContactReading],
    stages: Given[list[str]],
    renderer: Given[Renderer],
    stage: _Text = None,
    way: _Text = None,
    days: _Days = None,
    channel: _Text = None,
    campaign: _Text = None,
    after: After = None,
) -> Response[Any]:
    """The list of a period's figure. HTMX asks for what follows (`after`)."""
    if stage is None or stage not in stages:
        raise wrong_field("stage", f"must be one of {', '.join(stages)}")
    if way is None or way not in WAYS:
        raise wrong_field("way", f"must be one of {', '.join(WAYS)}")
    days = days if days in PERIODS else DEFAULT_PERIOD
    period = _days(days, contacts)
    if channel or campaign:
        period = whole_months(period)
    asked = Asked(stage, way, period, channel or None, campaign or None)
    found = await moved.page(principal.tenant, asked, MOVES, after)
    here = {"stage": stage, "way": way, "days": days, "channel": channel, "campaign": campaign}
    return renderer.page(
        request,
        "move_rows.html" if after else "moves.html",
        here="funnel",
        found=found,
        asked=asked,
        periods=PERIODS,
        days=days,
        filters=here,
        following=link("/moves", **here, after=found.next) if found.next else None,
    )


def _days(period: str, contacts: ContactReading) -> Period:
    today = datetime.fromtimestamp(contacts.clock() / 1_000_000, UTC).date()
    return Period(today - timedelta(days=int(period) - 1), today)


async def _by_channel(lists: StoredLists, tenant: str, since: date, until: date) -> list[FlowGroup]:
    """Most leads first."""
    found = await lists.summary(tenant, since, until, by="channel")
    moving = [group for group in found.groups if any(each.entered for each in group.stages)]
    return sorted(moving, key=lambda group: -max(each.entered for each in group.stages))[
        :CHANNELS_MAX
    ]


def _steps(rules: Rules, summary: Summary) -> tuple[list[Step], list[Step]]:
    """The way up, and the detours, in the model's order."""
    now = {each.stage: each.contacts for each in summary.stages}
    sums = {each.stage: each for group in summary.groups for each in group.stages}
    every = [
        (Step(name, now.get(name, 0), sums.get(name)), stage.kind)
        for name, stage in rules.stages.items()
    ]
    up = [step for step, kind in every if kind != "detour"]
    return up, [step for step, kind in every if kind == "detour"]


def _shape(steps: list[Step]) -> Silhouette:
    return silhouette(
        [(step.stage, 0 if step.sums is None else step.sums.entered) for step in steps]
    )


FUNNEL_PAGES: list[HTTPRouteHandler] = [funnel_page, moves_page, live_changes]
