"""Accounts: the organisations of contacts, and which roles of a buying committee nobody has."""

from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from app.api import account_shapes
from app.api.account_shapes import AccountAnswer, AccountPage
from app.api.contacts import decoded_key
from app.api.cursor import After, Limit, Text, cursor_of, key_of
from app.api.database import Database
from app.api.describing import needs
from app.api.principal import Principal, Scope
from app.api.problems import not_found
from app.domain.topics import ACCOUNT_LANE
from app.storage import account_queries

HISTORY_MAX = 20
READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Accounts")
StageFilter = Annotated[
    str | None,
    QueryParameter(description="Only in this stage.", max_length=64, pattern="^[^\\x00]*$"),
]


def account_key(account_id: FromPath[str]) -> str:
    """The account's id, from the path. Problem 404: no account can have that one."""
    return decoded_key(account_id, "account")


@get("/accounts", summary="Accounts by id", **READS)
async def accounts(
    principal: Given[Principal],
    database: Given[Database],
    stage: StageFilter = None,
    limit: Limit = 50,
    after: After = None,
) -> AccountPage:
    return await read_accounts(database, principal.tenant, stage, limit, after)


async def read_accounts(
    database: Database, tenant: str, stage: str | None, limit: int, after: str | None
) -> AccountPage:
    """By id. Problem 422; Unavailable."""
    last = key_of(after, Text)
    found = await account_queries.accounts(
        database.engine, tenant, limit=limit + 1, stage=stage, after=last
    )
    items = [account_shapes.account(each) for each in found[:limit]]
    return AccountPage(items, cursor_of(items[-1].account_id) if len(found) > limit else None)


@get("/accounts/{account_id:str}", summary="An account, its contacts, who is missing", **READS)
async def account(
    account_key: Given[str],
    principal: Given[Principal],
    database: Given[Database],
    limit: Limit = 100,
    after: After = None,
) -> AccountAnswer:
    return await read_account(database, principal.tenant, account_key, limit, after)


async def read_account(
    database: Database, tenant: str, account_key: str, limit: int, after: str | None
) -> AccountAnswer:
    """Problem 404, 422; Unavailable."""
    last = key_of(after, Text)
    engine = database.engine
    home = await database.home_of(tenant, account_key, ACCOUNT_LANE)
    summary = await account_queries.account(engine, home, tenant, account_key)
    if summary is None:
        raise not_found("account")
    found = await account_queries.members(
        engine, home, tenant, account_key, limit=limit + 1, after=last
    )
    history = await account_queries.account_history(
        engine, home, tenant, account_key, limit=HISTORY_MAX
    )
    members = [account_shapes.member(each) for each in found[:limit]]
    return AccountAnswer(
        account_shapes.account(summary),
        members,
        cursor_of(members[-1].contact_id) if len(found) > limit else None,
        [account_shapes.change(each) for each in history],
    )


ACCOUNT_ROUTES: list[HTTPRouteHandler] = [accounts, account]
