"""The queue: whom to take next, the most urgent first."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Stream

from app.api.cursor import After
from app.api.principal import Principal, Scope
from app.api.ui.guarding import page
from app.api.ui.rendering import Renderer, link
from app.api.ui.stored_lists import StoredLists

ROWS: Final = 40
TEMPERATURES: Final = ("hot", "warm", "cold")
SORTS: Final = {"follow-up": "Follow-up first", "updated": "Latest change first"}
_Text = Annotated[str | None, QueryParameter(max_length=256, pattern="^[^\\x00]*$")]


Filters = Mapping[str, str]
"""Of the address; what is empty is left out."""


def chosen(
    text: _Text = None,
    stage: _Text = None,
    temperature: _Text = None,
    owner: _Text = None,
    owner_team: _Text = None,
    account: _Text = None,
    channel: _Text = None,
    campaign: _Text = None,
    sort: _Text = None,
) -> Filters:
    """What both the page and the table take."""
    given = {
        "text": text,
        "stage": stage,
        "temperature": temperature,
        "owner": owner,
        "owner_team": owner_team,
        "account": account,
        "channel": channel,
        "campaign": campaign,
        "sort": sort,
    }
    return {name: value.strip() for name, value in given.items() if value and value.strip()}


_CHOSEN: Final[Mapping[str, Any]] = {"filters": Provide(chosen, sync_to_thread=False)}


@get("/queue", dependencies=_CHOSEN, **page(Scope.CONTACTS_READ))
async def queue_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    lists: Given[StoredLists],
    stages: Given[list[str]],
    renderer: Given[Renderer],
    filters: Given[Filters],
    after: After = None,
) -> Response[Any]:
    """HTMX asks for what follows (`after`), or for the list under other filters."""
    found = await lists.contacts(principal.tenant, filters, limit=ROWS, after=after)
    narrowing = {name: value for name, value in filters.items() if name != "sort"}
    return renderer.page(
        request,
        "queue_rows.html" if after else "queue.html",
        here="queue",
        found=found,
        filters=filters,
        narrowing=narrowing,
        stages=stages,
        temperatures=TEMPERATURES,
        sorts=SORTS,
        following=link("/queue", **filters, after=found.next) if found.next else None,
    )


@get("/queue.csv", dependencies=_CHOSEN, **page(Scope.CONTACTS_READ))
async def queue_table(
    principal: Given[Principal], lists: Given[StoredLists], filters: Given[Filters]
) -> Stream:
    """Everybody that the page would show, however many pages they are."""
    return await lists.table(principal.tenant, filters)


QUEUE_PAGES: list[HTTPRouteHandler] = [queue_page, queue_table]
