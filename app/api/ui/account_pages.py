"""Accounts: the organisations of contacts, and who is missing in a buying committee."""

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from app.api.accounts import read_account, read_accounts
from app.api.cursor import After
from app.api.database import Database
from app.api.principal import Principal, Scope
from app.api.ui.guarding import page
from app.api.ui.rendering import Renderer, link
from app.domain.account_rules import COMMITTEE

ROWS: Final = 40
MEMBERS: Final = 100
Stage = Annotated[str | None, QueryParameter(max_length=64, pattern="^[^\\x00]*$")]


@get("/accounts", **page(Scope.CONTACTS_READ))
async def accounts_page(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    database: Given[Database],
    stages: Given[list[str]],
    renderer: Given[Renderer],
    stage: Stage = None,
    after: After = None,
) -> Response[Any]:
    found = await read_accounts(database, principal.tenant, stage or None, ROWS, after)
    return renderer.page(
        request,
        "accounts.html",
        here="accounts",
        found=found,
        stage=stage,
        stages=[each for each in stages if each in ("lead", "prospect", "opportunity", "customer")],
        following=link("/accounts", stage=stage, after=found.next) if found.next else None,
        is_following=after is not None,
    )


@get("/accounts/{account_id:str}", **page(Scope.CONTACTS_READ))
async def account_page(
    request: Request[Any, Any, Any],
    account_key: Given[str],
    principal: Given[Principal],
    database: Given[Database],
    renderer: Given[Renderer],
    after: After = None,
) -> Response[Any]:
    found = await read_account(database, principal.tenant, account_key, MEMBERS, after)
    return renderer.page(
        request,
        "account.html",
        here="accounts",
        found=found,
        seats=_seats(found.account.missing_roles),
        following=link(request.url.path, after=found.next) if found.next else None,
    )


def _seats(missing: list[str]) -> list[tuple[str, bool]]:
    """What a committee needs, and whether it has it; seats of other models too."""
    known = [(seat.meaning, name not in missing) for name, seat in COMMITTEE.items()]
    return [*known, *((name.replace("_", " "), False) for name in missing if name not in COMMITTEE)]


ACCOUNT_PAGES: list[HTTPRouteHandler] = [accounts_page, account_page]
