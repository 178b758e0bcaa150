"""Webhooks and their deliveries as the HTTP interface reads and writes them, through SQLAlchemy.

Every function raises Unavailable. What was deleted is as if it were not there.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    and_,
    case,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.storage.engine import reaching, rows_of
from app.storage.tables import delivery, webhook

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StoredWebhook(msgspec.Struct, frozen=True):
    id: UUID
    url: str
    description: str
    types: Sequence[str]
    filters: Mapping[str, Sequence[str]]
    is_enabled: bool
    disabled_reason: str | None
    failing_since: Microseconds | None
    paused_until: Microseconds | None
    """Only where that is to come."""
    previous_until: Microseconds | None
    """As `paused_until`."""
    created_at: Microseconds
    created_by: str


class StoredDelivery(msgspec.Struct, frozen=True):
    id: int
    event_id: str
    type: str
    state: str
    attempts: int
    created_at: Microseconds
    due_at: Microseconds
    tried_at: Microseconds | None
    done_at: Microseconds | None
    status: int | None
    failure: str | None
    took_ms: int | None


async def create(
    engine: AsyncEngine, tenant: str, values: Mapping[str, Any], secret: bytes, *, most: int
) -> StoredWebhook | None:
    """None: the tenant has so many already. `values`: columns, the id among them."""
    there = select(func.count()).where(webhook.c.tenant == tenant, webhook.c.deleted_at.is_(None))
    given = {**values, "tenant": tenant, "secret": secret, "created_at": func.now()}
    names = list(given)
    row = select(
        *(
            value if isinstance(value, ColumnElement) else literal(value, webhook.c[name].type)
            for name, value in given.items()
        )
    ).where(there.scalar_subquery() < most)
    statement = insert(webhook).from_select(names, row).returning(*_WEBHOOK)
    rows = await _write(engine, statement)
    return _webhook(rows[0]) if rows else None


async def webhooks(
    engine: AsyncEngine, tenant: str, *, limit: int, after: tuple[Microseconds, UUID] | None
) -> list[StoredWebhook]:
    """Newest first; `after`: moment and id of the last one already seen."""
    key = tuple_(webhook.c.created_at, webhook.c.id)
    query = (
        select(*_WEBHOOK)
        .where(webhook.c.tenant == tenant, webhook.c.deleted_at.is_(None))
        .order_by(webhook.c.created_at.desc(), webhook.c.id.desc())
        .limit(limit)
    )
    if after is not None:
        at = literal(_EPOCH + after[0] * _MICROSECOND, webhook.c.created_at.type)
        query = query.where(key < tuple_(at, literal(after[1], webhook.c.id.type)))
    return [_webhook(row) for row in await rows_of(engine, "reading webhooks", query)]


async def find(engine: AsyncEngine, tenant: str, webhook_id: UUID) -> StoredWebhook | None:
    rows = await rows_of(
        engine, "reading webhooks", select(*_WEBHOOK).where(_is(tenant, webhook_id))
    )
    return _webhook(rows[0]) if rows else None


async def change(
    engine: AsyncEngine, tenant: str, webhook_id: UUID, values: Mapping[str, Any]
) -> StoredWebhook | None:
    statement = update(webhook).where(_is(tenant, webhook_id)).values(values).returning(*_WEBHOOK)
    rows = await _write(engine, statement)
    return _webhook(rows[0]) if rows else None


async def rotate(
    engine: AsyncEngine, tenant: str, webhook_id: UUID, secret: bytes, overlap_seconds: float
) -> Microseconds | None:
    """Until when the secret of before signs, too; None: there is no such webhook."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, overlap_seconds)
    statement = (
        update(webhook)
        .where(_is(tenant, webhook_id))
        .values(secret=secret, previous_secret=webhook.c.secret, previous_until=until)
        .returning(webhook.c.previous_until)
    )
    rows = await _write(engine, statement)
    return _micros(rows[0][0]) if rows else None


async def delete(engine: AsyncEngine, tenant: str, webhook_id: UUID) -> bool:
    """The secrets go at once; its deliveries, then the row, are the upkeep's. False: none such."""
    gone: dict[str, Any] = {"url": "", "description": "", "secret": b"", "previous_secret": None}
    statement = (
        update(webhook)
        .where(_is(tenant, webhook_id))
        .values(deleted_at=func.now(), is_enabled=False, **gone)
        .returning(webhook.c.id)
    )
    return bool(await _write(engine, statement))


async def deliveries(
    engine: AsyncEngine, webhook_id: UUID, *, limit: int, state: str | None, before: int | None
) -> list[StoredDelivery]:
    """Newest first; `before`: the id of the last one already seen."""
    query = (
        select(*_DELIVERY)
        .where(delivery.c.webhook_id == webhook_id)
        .order_by(delivery.c.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(delivery.c.state == state)
    if before is not None:
        query = query.where(delivery.c.id < before)
    return [_delivery(row) for row in await rows_of(engine, "reading webhooks", query)]


async def redeliver(engine: AsyncEngine, webhook_id: UUID, number: int) -> StoredDelivery | None:
    """Due now, from the start of the schedule; one that waits is tried now, and goes on."""
    is_waiting = delivery.c.state == "pending"
    statement = (
        update(delivery)
        .where(delivery.c.webhook_id == webhook_id, delivery.c.id == number)
        .values(
            state="pending",
            attempts=case((is_waiting, delivery.c.attempts), else_=0),
            due_at=func.now(),
            done_at=None,
        )
        .returning(*_DELIVERY)
    )
    rows = await _write(engine, statement)
    return _delivery(rows[0]) if rows else None


async def add_test(
    engine: AsyncEngine, webhook_id: UUID, event_id: str, type_: str
) -> StoredDelivery:
    """One of an event that stands nowhere else."""
    statement = (
        insert(delivery)
        .values(
            webhook_id=webhook_id,
            event_id=event_id,
            type=type_,
            state="pending",
            attempts=0,
            due_at=func.now(),
            created_at=func.now(),
        )
        .returning(*_DELIVERY)
    )
    rows = await _write(engine, statement)
    return _delivery(rows[0])


_WEBHOOK: Any = [webhook.c[name] for name in StoredWebhook.__struct_fields__]
_DELIVERY: Any = [delivery.c[name] for name in StoredDelivery.__struct_fields__]


def _is(tenant: str, webhook_id: UUID) -> ColumnElement[bool]:
    return and_(
        webhook.c.tenant == tenant, webhook.c.id == webhook_id, webhook.c.deleted_at.is_(None)
    )


def _webhook(row: Row[Any]) -> StoredWebhook:
    found = StoredWebhook(**_in_micros(row))
    now = _micros(datetime.now(UTC))
    return msgspec.structs.replace(
        found,
        paused_until=_to_come(found.paused_until, now),
        previous_until=_to_come(found.previous_until, now),
    )


def _delivery(row: Row[Any]) -> StoredDelivery:
    return StoredDelivery(**_in_micros(row))


def _in_micros(row: Row[Any]) -> dict[str, Any]:
    return {
        name: _micros(value) if isinstance(value, datetime) else value
        for name, value in row._mapping.items()
    }


def _micros(moment: datetime) -> Microseconds:
    return (moment - _EPOCH) // _MICROSECOND


def _to_come(moment: Microseconds | None, now: Microseconds) -> Microseconds | None:
    return moment if moment is not None and moment > now else None


async def _write(engine: AsyncEngine, statement: Executable) -> Sequence[Row[Any]]:
    with reaching("writing webhooks"):
        async with engine.begin() as connection:
            return (await connection.execute(statement)).all()
