"""Models and timelines as the command line and the HTTP interface read them: through SQLAlchemy.

Every function raises Unavailable when PostgreSQL is away.
"""

from typing import Any

import msgspec
from sqlalchemy import Row, exists, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import rows_of
from app.storage.models import ActivationRow, StoredModel
from app.storage.stored import microseconds
from app.storage.tables import contact, counter, lane_partition, model, model_timeline


class TimelineRow(msgspec.Struct, frozen=True):
    """An activation in one partition, with the name of its model."""

    model: str
    activation: ActivationRow


async def stored_model(engine: AsyncEngine, content_hash: str) -> StoredModel | None:
    columns = [model.c[name] for name in StoredModel.__struct_fields__]
    rows = await rows_of(
        engine, "reading models", select(*columns).where(model.c.content_hash == content_hash)
    )
    return StoredModel(*rows[0]) if rows else None


async def timeline(
    engine: AsyncEngine, tenant: str | None = None, partition: int | None = None
) -> list[TimelineRow]:
    """What was activated, in every partition: by tenant, partition, generation."""
    table = model_timeline
    query = (
        select(model.c.name, model.c.version, table)
        .join(model, model.c.content_hash == table.c.content_hash)
        .order_by(table.c.tenant, table.c.partition, table.c.generation)
    )
    if tenant is not None:
        query = query.where(table.c.tenant == tenant)
    if partition is not None:
        query = query.where(table.c.partition == partition)
    return [
        TimelineRow(f"{row.name}@{row.version}", _activation(row))
        for row in await rows_of(engine, "reading models", query)
    ]


async def activated(engine: AsyncEngine, command_id: str) -> list[ActivationRow]:
    """What became of a command, in the partitions that have decided it."""
    query = select(model_timeline).where(model_timeline.c.activated_by == command_id)
    return [_activation(row) for row in await rows_of(engine, "reading models", query)]


async def contacts_of(engine: AsyncEngine, tenant: str) -> dict[int, int]:
    """How many contacts a tenant has in each partition, those that are nowhere yet left out."""
    total = func.sum(counter.c.n)
    query = (
        select(counter.c.partition, total)
        .where(counter.c.tenant == tenant)
        .group_by(counter.c.partition)
    )
    return {row[0]: int(row[1]) for row in await rows_of(engine, "reading models", query)}


async def has_contacts(engine: AsyncEngine, lane: str, tenant: str) -> bool:
    """Any at all, also where they are nowhere yet: one probe of the key in each partition."""
    mine = exists().where(
        contact.c.partition == lane_partition.c.partition, contact.c.tenant == tenant
    )
    query = select(lane_partition.c.partition).where(lane_partition.c.lane == lane, mine).limit(1)
    return bool(await rows_of(engine, "reading models", query))


def _activation(row: Row[*tuple[Any, ...]]) -> ActivationRow:
    return ActivationRow(
        row.partition,
        row.tenant,
        row.generation,
        row.content_hash,
        row.mode,
        microseconds(row.active_from),
        row.activated_by,
        row.actor,
        microseconds(row.decided_at),
        row.cursor,
        row.swept,
        None if row.swept_at is None else microseconds(row.swept_at),
    )
