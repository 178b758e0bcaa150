"""Lists and sums as the pages ask for them: by what the HTTP interface reads them with."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import cast, get_args

from litestar.response import Stream

from app.api.database import Database
from app.api.funnel import read_forecast, read_summary
from app.api.funnel_shapes import Forecast, Summary
from app.api.list_shapes import ContactPage, Profile, contact_item
from app.api.lists import Lists, chosen_stages
from app.api.problems import wrong_field
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import NONE
from app.storage import list_queries
from app.storage.funnel_queries import By, Period
from app.storage.list_queries import Wanted
from app.storage.list_statements import Sort

TEXT_MAX_CHARS = 128


class StoredLists:
    def __init__(self, database: Database, lists: Lists, clock: Callable[[], Microseconds]) -> None:
        self._database = database
        self._lists = lists
        self._clock = clock

    async def contacts(
        self, tenant: str, filters: Mapping[str, str], *, limit: int, after: str | None
    ) -> ContactPage:
        """`filters`: stage, temperature, owner, owner_team, account, channel, campaign, text,
        sort. Problem 422."""
        wanted, rules, sort, text = await self._chosen(tenant, filters)
        return await self._lists.answer(wanted, rules, sort, limit, after, text)

    async def table(self, tenant: str, filters: Mapping[str, str]) -> Stream:
        """As `contacts`: all of them, as CSV."""
        wanted, rules, sort, text = await self._chosen(tenant, filters)
        return await self._lists.table(wanted, rules, sort, None, text)

    async def _chosen(
        self, tenant: str, filters: Mapping[str, str]
    ) -> tuple[Wanted, Rules, Sort, str | None]:
        sort = filters.get("sort", "follow-up")
        if sort not in get_args(Sort):
            raise wrong_field("sort", f"must be one of {', '.join(get_args(Sort))}")
        temperature = filters.get("temperature")
        if temperature not in (None, *list_queries.TEMPERATURES):
            raise wrong_field("temperature", "must be hot, warm or cold")
        rules = await self._lists.rules_of(tenant)
        wanted = Wanted(
            tenant,
            chosen_stages(filters.get("stage"), filters.get("owner_team"), rules),
            temperature,
            filters.get("owner"),
            filters.get("account"),
            filters.get("channel"),
            filters.get("campaign"),
        )
        text = filters.get("text", "")[:TEXT_MAX_CHARS] or None
        return wanted, rules, cast(Sort, sort), text

    async def profile(self, tenant: str, contact_id: str) -> Profile | None:
        home = await self._database.home_of(tenant, contact_id)
        rules = await self._lists.rules_of(tenant)
        stages = (*list_queries.all_stages(rules), NONE)
        rows = await list_queries.contacts(
            self._database.engine,
            Wanted(tenant, stages),
            sort="updated",
            limit=1,
            among=[(home, contact_id)],
        )
        return contact_item(rows[0], rules).profile if rows else None

    async def summary(
        self,
        tenant: str,
        since: date,
        until: date,
        *,
        by: By = "none",
        channel: str | None = None,
        campaign: str | None = None,
    ) -> Summary:
        rules = await self._lists.rules_of(tenant)
        return await read_summary(
            self._database,
            tenant,
            rules,
            Period(since, until),
            by,
            channel=channel,
            campaign=campaign,
        )

    async def forecast(self, tenant: str) -> Forecast:
        return await read_forecast(self._database, tenant, self._clock())
