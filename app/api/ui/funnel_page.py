"""The funnel: how many are where, how many go on, how fast, and what moves right now."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, NamedTuple

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from app.api.contact_reading import ContactReading
from app.api.funnel_shapes import FlowGroup, StageFlow, Summary
from app.api.principal import Principal, Scope
from app.api.ui.guarding import page
from app.api.ui.live_feed import live_changes
from app.api.ui.model_pages import RulesOf
from app.api.ui.published_feed import PublishedFeed
from app.api.ui.rendering import Renderer
from app.api.ui.silhouette import Silhouette, silhouette
from app.api.ui.stored_lists import StoredLists
from app.domain.rules import Rules

PERIODS: Final = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "12 months"}
DEFAULT_PERIOD: Final = "90"
FEED_ROWS: Final = 12
FIRST_ROWS: Final = 5
"""Of the queue: whom to take next."""
CHANNELS_MAX: Final = 12
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
    today = datetime.fromtimestamp(contacts.clock() / 1_000_000, UTC).date()
    since = today - timedelta(days=int(period) - 1)
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


FUNNEL_PAGES: list[HTTPRouteHandler] = [funnel_page, live_changes]
