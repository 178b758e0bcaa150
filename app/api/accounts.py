"""Accounts: the organisations of contacts, and which roles of a buying committee nobody has."""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from app.api.contacts import decoded_key
from app.api.cursor import After, Limit, Text, cursor_of, key_of
from app.api.database import ACCOUNT_LANE, Database
from app.api.describing import needs
from app.api.principal import Principal, Scope
from app.api.problems import not_found
from app.domain.changes import Cause, GuardResult
from app.domain.timestamps import format_rfc3339
from app.storage import account_queries
from app.storage.account_rows import AccountMember, AccountSummary, PastChange

HISTORY_MAX = 20
READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Accounts")
StageFilter = Annotated[
    str | None,
    QueryParameter(description="Only in this stage.", max_length=64, pattern="^[^\\x00]*$"),
]


class Account(msgspec.Struct, frozen=True):
    account_id: str
    stage: str
    seq: int
    is_customer: bool
    contacts: int
    missing_roles: list[str]
    told_at: str
    """When a contact last told it something."""


class AccountPage(msgspec.Struct, frozen=True):
    items: list[Account]
    next: str | None


class Member(msgspec.Struct, frozen=True):
    """A contact of the account, as it last told."""

    contact_id: str
    stage: str
    is_customer: bool
    is_decision_maker: bool
    has_intent: bool
    has_open_deal: bool
    told_at: str


class AccountChange(msgspec.Struct, frozen=True):
    """Contact and cause are gone where the contact was erased."""

    seq: int
    transition_id: str
    from_stage: str
    to_stage: str
    effective_at: str
    decided_at: str
    model: str
    contact_id: str | None
    cause: Cause | None
    guards: list[GuardResult]
    evidence: list[str]
    missing_roles: list[str]
    is_customer: bool
    contacts: int


class AccountAnswer(msgspec.Struct, frozen=True):
    account: Account
    members: list[Member]
    next: str | None
    """Give it as `after` for further members; null: that was all."""
    history: list[AccountChange]
    """Its latest stage changes, newest first."""


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
    last = key_of(after, Text)
    found = await account_queries.accounts(
        database.engine, principal.tenant, limit=limit + 1, stage=stage, after=last
    )
    items = [_account(each) for each in found[:limit]]
    return AccountPage(items, cursor_of(items[-1].account_id) if len(found) > limit else None)


@get("/accounts/{account_id:str}", summary="An account, its contacts, who is missing", **READS)
async def account(
    account_key: Given[str],
    principal: Given[Principal],
    database: Given[Database],
    limit: Limit = 100,
    after: After = None,
) -> AccountAnswer:
    last = key_of(after, Text)
    tenant, engine = principal.tenant, database.engine
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
    members = [_member(each) for each in found[:limit]]
    return AccountAnswer(
        _account(summary),
        members,
        cursor_of(members[-1].contact_id) if len(found) > limit else None,
        [_change(each) for each in history],
    )


def _account(row: AccountSummary) -> Account:
    return Account(
        row.account_id,
        row.stage,
        row.seq,
        row.is_customer,
        row.contacts,
        list(row.missing_roles),
        format_rfc3339(row.told_at),
    )


def _member(row: AccountMember) -> Member:
    fields = msgspec.structs.asdict(row)
    return Member(**{**fields, "told_at": format_rfc3339(row.told_at)})


def _change(row: PastChange) -> AccountChange:
    fields = msgspec.structs.asdict(row)
    lists = {name: list(fields[name]) for name in ("guards", "evidence", "missing_roles")}
    times = {name: format_rfc3339(fields[name]) for name in ("effective_at", "decided_at")}
    return AccountChange(**{**fields, **lists, **times})


ACCOUNT_ROUTES: list[HTTPRouteHandler] = [accounts, account]
