"""Moves of some contacts: the last of each, for a feed's beginning, or those of a period. Every
function raises Unavailable."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Integer, Text, and_, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.storage.engine import rows_of
from app.storage.funnel_queries import Period
from app.storage.rows import StoredChange
from app.storage.stored import as_change, microseconds
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


class StandingMove(NamedTuple):
    contact_id: str
    from_stage: str
    to_stage: str
    effective_at: Microseconds


async def standing_moves(
    engine: AsyncEngine, tenant: str, keys: Sequence[tuple[int, str]], period: Period
) -> list[StandingMove]:
    """Of some contacts, (partition, contact_id), in days of UTC; what was taken back is none.
    Latest first."""
    if not keys:
        return []
    of = stage_change.c
    columns = (
        cast([partition for partition, _ in keys], ARRAY(Integer)),
        cast([contact_id for _, contact_id in keys], ARRAY(Text)),
    )
    asked = func.unnest(*columns).table_valued("partition", "contact_id").render_derived()
    said_last = (
        select(of.contact_id, of.from_stage, of.to_stage, of.effective_at, of.kind)
        .join(
            asked,
            and_(of.partition == asked.c.partition, of.contact_id == asked.c.contact_id),
        )
        .where(of.tenant == tenant)
        .ext(distinct_on(of.partition, of.contact_id, of.transition_id))
        .order_by(of.partition, of.contact_id, of.transition_id, of.seq.desc())
        .subquery()
        .c
    )
    query = (
        select(
            said_last.contact_id, said_last.from_stage, said_last.to_stage, said_last.effective_at
        )
        .where(said_last.kind != "revoked")
        .where(said_last.effective_at >= period.begins, said_last.effective_at < period.ends)
        .order_by(said_last.effective_at.desc(), said_last.contact_id)
    )
    rows = await rows_of(engine, "reading moves", query)
    return [
        StandingMove(contact_id, from_stage, to_stage, microseconds(effective_at))
        for contact_id, from_stage, to_stage, effective_at in rows
    ]
