"""What the command and the HTTP interface read of accounts. Off the hot path, through SQLAlchemy.

Every function raises Unavailable when PostgreSQL is away.
"""

from typing import Any

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.changes import Cause, GuardResult
from app.storage.account_rows import AccountMember, AccountSummary, PastChange
from app.storage.engine import rows_of
from app.storage.stored import microseconds
from app.storage.tables import account as account_table
from app.storage.tables import account_change, account_member


async def accounts(
    engine: AsyncEngine,
    tenant: str,
    *,
    limit: int,
    stage: str | None = None,
    after: str | None = None,
) -> list[AccountSummary]:
    """By account_id; `after` is the last one already seen."""
    table = account_table
    query = select(table).where(table.c.tenant == tenant).order_by(table.c.account_id).limit(limit)
    if stage is not None:
        query = query.where(table.c.stage == stage)
    if after is not None:
        query = query.where(table.c.account_id > after)
    return [_summary(row) for row in await rows_of(engine, "reading accounts", query)]


async def account(
    engine: AsyncEngine, partition: int, tenant: str, account_id: str
) -> AccountSummary | None:
    rows = await rows_of(
        engine,
        "reading accounts",
        select(account_table).where(
            account_table.c.partition == partition,
            account_table.c.tenant == tenant,
            account_table.c.account_id == account_id,
        ),
    )
    return _summary(rows[0]) if rows else None


async def members(
    engine: AsyncEngine,
    partition: int,
    tenant: str,
    account_id: str,
    *,
    limit: int,
    after: str | None = None,
) -> list[AccountMember]:
    """Its contacts now, by contact_id; `after` is the last one already seen."""
    table = account_member
    query = (
        select(table)
        .where(
            table.c.partition == partition,
            table.c.tenant == tenant,
            table.c.account_id == account_id,
            table.c.has_left.is_(False),
        )
        .order_by(table.c.contact_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(table.c.contact_id > after)
    return [
        AccountMember(
            row.contact_id,
            row.stage,
            row.is_customer,
            row.is_decision_maker,
            row.has_intent,
            row.has_open_deal,
            microseconds(row.told_at),
        )
        for row in await rows_of(engine, "reading accounts", query)
    ]


async def account_history(
    engine: AsyncEngine, partition: int, tenant: str, account_id: str, *, limit: int
) -> list[PastChange]:
    """Its stage changes, newest first."""
    table = account_change
    query = (
        select(table)
        .where(
            table.c.partition == partition,
            table.c.tenant == tenant,
            table.c.account_id == account_id,
        )
        .order_by(table.c.seq.desc())
        .limit(limit)
    )
    return [_past(row) for row in await rows_of(engine, "reading accounts", query)]


def _summary(row: Row[*tuple[Any, ...]]) -> AccountSummary:
    return AccountSummary(
        row.tenant,
        row.account_id,
        row.stage,
        row.seq,
        row.is_customer,
        row.contacts,
        tuple(row.missing_roles),
        microseconds(row.told_at),
    )


def _past(row: Row[*tuple[Any, ...]]) -> PastChange:
    cause = None if row.cause is None else msgspec.msgpack.decode(row.cause, type=Cause)
    return PastChange(
        seq=row.seq,
        transition_id=row.transition_id.hex,
        from_stage=row.from_stage,
        to_stage=row.to_stage,
        effective_at=microseconds(row.effective_at),
        decided_at=microseconds(row.decided_at),
        model=row.model,
        contact_id=row.contact_id,
        cause=cause,
        guards=msgspec.msgpack.decode(row.guards, type=tuple[GuardResult, ...]),
        evidence=tuple(row.evidence),
        missing_roles=tuple(row.missing_roles),
        is_customer=row.is_customer,
        contacts=row.contacts,
    )
