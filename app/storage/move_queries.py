"""The last move of each of some contacts: for a feed's beginning. Raises Unavailable."""

from collections.abc import Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import rows_of
from app.storage.rows import StoredChange
from app.storage.stored import as_change
from app.storage.tables import stage_change


async def last_moves(
    engine: AsyncEngine, tenant: str, keys: Sequence[tuple[int, str]]
) -> list[StoredChange]:
    """`keys`: (partition, contact_id). Latest decision first."""
    if not keys:
        return []
    table = stage_change
    query = (
        select(table)
        .where(table.c.tenant == tenant, tuple_(table.c.partition, table.c.contact_id).in_(keys))
        .ext(distinct_on(table.c.partition, table.c.contact_id))
        .order_by(table.c.partition, table.c.contact_id, table.c.seq.desc())
    )
    found = [as_change(row) for row in await rows_of(engine, "reading moves", query)]
    return sorted(found, key=lambda each: each.decided_at, reverse=True)
