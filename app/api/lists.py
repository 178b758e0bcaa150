"""Contacts in lists: whom to work on, and who is where."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.params import QueryParameter
from litestar.response import Stream

from app.api.cursor import After, Limit, Text, cursor_of, key_of
from app.api.database import Database
from app.api.describing import needs
from app.api.export import Key, every
from app.api.list_shapes import (
    CONTACT_COLUMNS,
    ContactPage,
    contact_item,
    contact_row,
)
from app.api.principal import Principal, Scope
from app.api.problems import wrong_field
from app.api.tabular import Tabular, table, wants_table
from app.domain.rules import Rules
from app.domain.state import NONE
from app.storage import list_queries
from app.storage.list_queries import ListedContact, Wanted, all_stages, stages_of, teams
from app.storage.list_statements import Sort

READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Contacts", Tabular)
Temperature = Literal["hot", "warm", "cold"]
RulesOf = Callable[[str], Awaitable[Rules]]
"""The model in force for a tenant."""


def _filter(description: str, longest: int = 256) -> Any:
    return QueryParameter(
        description=description, min_length=1, max_length=longest, pattern="^[^\\x00]*$"
    )


StageFilter = Annotated[str | None, _filter("Only in this stage; none: not in the funnel.", 64)]
TemperatureFilter = Annotated[Temperature | None, QueryParameter(description="Only these.")]
OwnerFilter = Annotated[str | None, _filter("Only of this person.")]
TeamFilter = Annotated[str | None, _filter("Only in the stages of this team.", 64)]
AccountFilter = Annotated[str | None, _filter("Only of this account.")]
ChannelFilter = Annotated[str | None, _filter("Only those whose first touch came through it.")]
CampaignFilter = Annotated[str | None, _filter("Only those whose first touch was of it.")]
Search = Annotated[
    str | None,
    _filter(
        "Only those whose name, family name, e-mail or company (without regard to case and accents)"
        " or key begins with it.",
        128,
    ),
]
SortBy = Annotated[
    Sort,
    QueryParameter(
        description="follow-up: by the due of the follow-up, then by priority, every warm one"
        " before any cold one; updated: latest first."
    ),
]
PageKey = tuple[Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)], Text]


class Lists:
    def __init__(self, database: Database, rules_of: RulesOf) -> None:
        self._database = database
        self.rules_of = rules_of

    async def page(
        self,
        wanted: Wanted,
        sort: Sort,
        limit: int,
        after: tuple[int, str] | None,
        text: str | None,
    ) -> tuple[list[ListedContact], bool]:
        """And whether the search was cut short. Raises Unavailable; Problem 503."""
        engine = self._database.engine
        if text is None:
            found = await list_queries.contacts(engine, wanted, sort=sort, limit=limit, after=after)
            return found, False
        partitions = await self._database.partitions()
        return await list_queries.search(
            engine, wanted, text, partitions, sort=sort, limit=limit, after=after
        )

    async def answer(
        self,
        wanted: Wanted,
        rules: Rules,
        sort: Sort,
        limit: int,
        after: str | None,
        text: str | None,
    ) -> ContactPage:
        """As people are shown it. Problem 422: `after` is none of ours; 503. Raises Unavailable."""
        found, is_cut = await self.page(wanted, sort, limit + 1, key_of(after, PageKey), text)
        items = [contact_item(each, rules) for each in found[:limit]]
        goes_on = cursor_of(found[limit - 1].key(sort)) if len(found) > limit else None
        return ContactPage(items, goes_on, is_cut)

    async def table(
        self, wanted: Wanted, rules: Rules, sort: Sort, after: str | None, text: str | None
    ) -> Stream:
        """All of them, as CSV. As `answer`, before it begins."""
        last = key_of(after, PageKey)

        async def read(wanted: Wanted, rows: int, last: Key | None) -> list[ListedContact]:
            return (await self.page(wanted, sort, rows, last, text))[0]

        await read(wanted, 1, last)  # a problem is told before the answer begins

        async def pages() -> AsyncIterator[list[list[object]]]:
            async for some in every(read, wanted, sort, last):
                yield [contact_row(contact_item(each, rules)) for each in some]

        return table("contacts", CONTACT_COLUMNS, pages())


@get("/contacts", summary="Contacts: filtered, searched, in the order of work", **READS)
async def contacts(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    lists: Given[Lists],
    stage: StageFilter = None,
    temperature: TemperatureFilter = None,
    owner: OwnerFilter = None,
    owner_team: TeamFilter = None,
    account: AccountFilter = None,
    channel: ChannelFilter = None,
    campaign: CampaignFilter = None,
    text: Search = None,
    sort: SortBy = "follow-up",
    limit: Limit = 50,
    after: After = None,
) -> Response[ContactPage]:
    """As `text/csv`: all that there are, whatever `limit` says."""
    rules = await lists.rules_of(principal.tenant)
    wanted = Wanted(
        principal.tenant,
        chosen_stages(stage, owner_team, rules),
        *(temperature, owner, account, channel, campaign),
    )
    if not wants_table(request):
        return Response(await lists.answer(wanted, rules, sort, limit, after, text))
    return cast(Response[ContactPage], await lists.table(wanted, rules, sort, after, text))


def chosen_stages(stage: str | None, team: str | None, rules: Rules) -> tuple[str, ...]:
    """Problem 422: there is no such stage, or team."""
    known, owners = all_stages(rules), teams(rules)
    if stage is not None and stage not in (*known, NONE):
        raise wrong_field("stage", f"must be one of {', '.join(known)}, {NONE}")
    if team is not None and team not in owners:
        raise wrong_field("owner_team", f"must be one of {', '.join(owners)}")
    return stages_of(rules, stage, team)


LIST_ROUTES = [contacts]
