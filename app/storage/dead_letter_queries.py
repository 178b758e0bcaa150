"""Dead letters, as people look for them and send them again: through SQLAlchemy.

Every function raises Unavailable when PostgreSQL is away.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.storage.engine import reaching, rows_of
from app.storage.rows import StoredDeadLetter
from app.storage.stored import as_dead_letter, as_moment
from app.storage.tables import dead_letter as table


class Wanted(msgspec.Struct, frozen=True):
    """Which ones; None: any."""

    reason: str | None = None
    type: str | None = None
    source: str | None = None
    topic: str | None = None
    since: Microseconds | None = None
    """Became a dead letter then or later."""
    until: Microseconds | None = None
    """Before that."""
    redriven: bool | None = None
    """It was sent again, or not yet."""
    is_first: bool = False
    """Not what failed again after it was sent again."""
    up_to: int | None = None
    """With at most this id."""

    def conditions(self) -> list[ColumnElement[bool]]:
        found = [
            column == str(value)
            for column, value in (
                (table.c.reason, self.reason),
                (table.c.type, self.type),
                (table.c.source, self.source),
                (table.c.topic, self.topic),
            )
            if value is not None
        ]
        if self.since is not None:
            found.append(table.c.failed_at >= as_moment(self.since))
        if self.until is not None:
            found.append(table.c.failed_at < as_moment(self.until))
        if self.redriven is not None:
            was_sent = table.c.redriven_at.is_not(None)
            found.append(was_sent if self.redriven else ~was_sent)
        if self.is_first:
            found.append(table.c.redriven == 0)
        if self.up_to is not None:
            found.append(table.c.id <= self.up_to)
        return found


async def newest(
    engine: AsyncEngine, wanted: Wanted, *, limit: int, before: int | None = None
) -> list[StoredDeadLetter]:
    """Newest first; `before` is the id of the last one already seen."""
    query = select(table).where(*wanted.conditions())
    if before is not None:
        query = query.where(table.c.id < before)
    return await _read(engine, query.order_by(table.c.id.desc()).limit(limit))


async def oldest(
    engine: AsyncEngine, wanted: Wanted, *, limit: int, after: int = 0
) -> list[StoredDeadLetter]:
    """In the order in which they failed, after the one with this id."""
    query = select(table).where(table.c.id > after, *wanted.conditions())
    return await _read(engine, query.order_by(table.c.id).limit(limit))


async def find(engine: AsyncEngine, letter_id: int) -> StoredDeadLetter | None:
    found = await _read(engine, select(table).where(table.c.id == letter_id))
    return found[0] if found else None


async def last_id(engine: AsyncEngine) -> int:
    """Of the newest one; 0: there are none."""
    rows = await rows_of(engine, "reading dead letters", select(func.max(table.c.id)))
    return rows[0][0] or 0


async def count(engine: AsyncEngine, wanted: Wanted, *, after: int = 0) -> int:
    query = select(func.count()).where(table.c.id > after, *wanted.conditions())
    return int((await rows_of(engine, "counting dead letters", query))[0][0])


async def mark_redriven(engine: AsyncEngine, ids: Sequence[int], by: str) -> None:
    """They were sent again, now."""
    change: dict[str, Any] = {
        "redriven": table.c.redriven + 1,
        "redriven_at": func.now(),
        "redriven_by": by,
    }
    with reaching("marking dead letters"):
        async with engine.begin() as connection:
            await connection.execute(update(table).where(table.c.id.in_(ids)).values(change))


async def _read(engine: AsyncEngine, query: Any) -> list[StoredDeadLetter]:
    return [as_dead_letter(row) for row in await rows_of(engine, "reading dead letters", query)]
