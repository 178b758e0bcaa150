"""Lane partitions and what halts them, as people ask: through SQLAlchemy. Raises Unavailable."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import reaching, rows_of
from app.storage.halts import HaltReason, HaltRow
from app.storage.stored import microseconds
from app.storage.tables import lane_halt as table

Place = tuple[str, int]
"""(lane, partition)"""


async def halts(engine: AsyncEngine) -> dict[Place, HaltRow]:
    """Of all lanes."""
    rows = await rows_of(engine, "looking for halted partitions", select(table))
    return {
        (row.lane, row.partition): HaltRow(
            row.partition, HaltReason(row.reason), row.message, microseconds(row.halted_at)
        )
        for row in rows
    }


async def resume(engine: AsyncEngine, lane: str, partition: int) -> bool:
    """Its owner sees it at its next look. False: it was not halted."""
    is_it = table.c.lane == lane, table.c.partition == partition
    with reaching("resuming a partition"):
        async with engine.begin() as connection:
            return (await connection.execute(delete(table).where(*is_it))).rowcount > 0
