"""What the command and the HTTP interface read. Off the hot path, through SQLAlchemy.

Every function raises Unavailable when PostgreSQL is away.
"""

from sqlalchemy import ColumnElement, Table, and_, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import rows_of
from app.storage.rows import (
    LaneRow,
    PartitionRow,
    StoredChange,
    StoredContact,
)
from app.storage.stored import as_change, as_lane, as_partition
from app.storage.tables import contact as contact_table
from app.storage.tables import contact_log, counter, lane_partition, stage_change
from app.storage.tables import lane as lane_table


async def lane(engine: AsyncEngine, name: str) -> LaneRow | None:
    """How many partitions the lane counts homes by, and of which topics."""
    rows = await rows_of(engine, "reading", select(lane_table).where(lane_table.c.lane == name))
    return as_lane(rows[0]) if rows else None


async def partitions(engine: AsyncEngine, lane: str) -> list[PartitionRow]:
    table = lane_partition
    rows = await rows_of(
        engine, "reading", select(table).where(table.c.lane == lane).order_by(table.c.partition)
    )
    return [as_partition(row) for row in rows]


async def contact(
    engine: AsyncEngine, partition: int, tenant: str, contact_id: str
) -> StoredContact | None:
    columns = [contact_table.c[name] for name in StoredContact.__struct_fields__]
    key = _of(contact_table, partition, tenant, contact_id)
    rows = await rows_of(engine, "reading", select(*columns).where(*key))
    return StoredContact(**rows[0]._mapping) if rows else None


async def whole_contact(
    engine: AsyncEngine, partition: int, tenant: str, contact_id: str
) -> tuple[StoredContact, list[bytes]] | None:
    """The contact and its sealed chunks, chunk 0 first, as they were at one moment."""
    columns = [contact_table.c[name] for name in StoredContact.__struct_fields__]
    chunks = (
        select(func.array_agg(aggregate_order_by(contact_log.c.body, contact_log.c.chunk)))
        .where(*_of(contact_log, partition, tenant, contact_id))
        .scalar_subquery()
    )
    key = _of(contact_table, partition, tenant, contact_id)
    rows = await rows_of(engine, "reading", select(*columns, chunks).where(*key))
    if not rows:
        return None
    *values, bodies = rows[0]
    return StoredContact(*values), bodies or []


async def due_next(
    engine: AsyncEngine, lane: str, *, limit: int, tenant: str | None = None
) -> list[StoredContact]:
    """The contacts whose timers are looked at next, soonest first: a few of each partition, through
    the index."""
    of_partition = (
        select(contact_table)
        .where(contact_table.c.partition == lane_partition.c.partition)
        .where(contact_table.c.check_at.is_not(None))
        .order_by(contact_table.c.check_at)
        .limit(limit)
    )
    if tenant is not None:
        of_partition = of_partition.where(contact_table.c.tenant == tenant)
    due = of_partition.correlate(lane_partition).lateral("due")
    query = (
        select(*(due.c[name] for name in StoredContact.__struct_fields__))
        .select_from(lane_partition.join(due, true()))
        .where(lane_partition.c.lane == lane)
        .order_by(due.c.check_at)
        .limit(limit)
    )
    return [StoredContact(**row._mapping) for row in await rows_of(engine, "reading", query)]


async def history(
    engine: AsyncEngine, partition: int, tenant: str, contact_id: str
) -> list[StoredChange]:
    """All records of a contact, also those taken back, by seq."""
    key = _of(stage_change, partition, tenant, contact_id)
    rows = await rows_of(
        engine, "reading", select(stage_change).where(*key).order_by(stage_change.c.seq)
    )
    return [as_change(row) for row in rows]


async def recent_opportunities(engine: AsyncEngine, limit: int) -> list[StoredChange]:
    """Of the contacts that are opportunities now, how they became one; latest decision first.

    Reads all of them: for a demo, not for a page.
    """
    change, now = stage_change, contact_table
    key = [change.c.partition, change.c.tenant, change.c.contact_id]
    entered = (
        select(change)
        .join(now, and_(*(column == now.c[column.name] for column in key)))
        .where(now.c.stage == "opportunity", change.c.to_stage == "opportunity")
        .where(change.c.kind == "changed", change.c.revoked_at.is_(None))
        .ext(distinct_on(*key))
        .order_by(*key, change.c.seq.desc())
        .subquery()
    )
    query = select(entered).order_by(entered.c.decided_at.desc()).limit(limit)
    return [as_change(row) for row in await rows_of(engine, "reading", query)]


async def stage_counts(engine: AsyncEngine, tenant: str | None = None) -> dict[str, int]:
    """Contacts by stage, of one tenant or of all; stages without contacts are left out."""
    total = func.sum(counter.c.n)
    query = select(counter.c.stage, total).group_by(counter.c.stage).having(total != 0)
    if tenant is not None:
        query = query.where(counter.c.tenant == tenant)
    return {row[0]: int(row[1]) for row in await rows_of(engine, "reading", query)}


async def database_bytes(engine: AsyncEngine) -> int:
    rows = await rows_of(engine, "reading", select(func.pg_database_size(func.current_database())))
    return int(rows[0][0])


def _of(table: Table, partition: int, tenant: str, contact_id: str) -> list[ColumnElement[bool]]:
    return [
        table.c.partition == partition,
        table.c.tenant == tenant,
        table.c.contact_id == contact_id,
    ]
