"""People's commands, as whoever sent them and the audit trail ask: through SQLAlchemy.

Every function raises Unavailable when PostgreSQL is away.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.command_outcome import CommandState
from app.domain.interaction import Microseconds
from app.errors import Unavailable
from app.storage.command_results import MoveRow
from app.storage.engine import reaching, rows_of
from app.storage.stored import as_moment, microseconds
from app.storage.tables import command_result as table

Key = tuple[str, str]
"""(tenant, command_id)"""
Place = tuple[Microseconds, str]
"""(received_at, command_id): where a list goes on."""


class NewCommand(msgspec.Struct, frozen=True):
    """One that is about to be sent."""

    tenant: str
    command_id: str
    contact_id: str | None
    """None: it is about no contact."""
    type: str
    source: str
    actor: str
    scope: str
    """The one it was allowed by."""
    fingerprint: bytes
    """Of what was asked for: another one under the same id is another command."""


class StoredCommand(msgspec.Struct, frozen=True):
    """A row of command_result as read."""

    tenant: str
    command_id: str
    contact_id: str | None
    type: str
    source: str
    actor: str
    scope: str | None
    fingerprint: bytes | None
    received_at: Microseconds
    state: CommandState
    decided_at: Microseconds | None
    reason: str | None
    message: str | None
    stage: str | None
    seq: int | None
    moves: list[MoveRow]


async def note(engine: AsyncEngine, new: NewCommand) -> StoredCommand:
    """What stands under its id from now on: this one, or whichever was noted or decided before."""
    values = {**msgspec.structs.asdict(new), "state": CommandState.PENDING.value}
    made = insert(table).values(received_at=func.now(), **values).on_conflict_do_nothing()
    with reaching("noting a command"):
        async with engine.begin() as connection:
            await connection.execute(made)
    found = await find(engine, new.tenant, new.command_id)
    if found is None:
        raise Unavailable("a command that was just noted is gone")
    return found


async def find(engine: AsyncEngine, tenant: str, command_id: str) -> StoredCommand | None:
    found = await _read(
        engine,
        select(table).where(table.c.tenant == tenant, table.c.command_id == command_id),
    )
    return found[0] if found else None


async def decided(engine: AsyncEngine, keys: Collection[Key]) -> list[StoredCommand]:
    """Those of them that are."""
    is_one = tuple_(table.c.tenant, table.c.command_id).in_(list(keys))
    is_decided = table.c.state != CommandState.PENDING.value
    return await _read(engine, select(table).where(is_one, is_decided))


async def latest(
    engine: AsyncEngine,
    tenant: str,
    *,
    limit: int,
    contact_id: str | None = None,
    actor: str | None = None,
    state: CommandState | None = None,
    before: Place | None = None,
) -> list[StoredCommand]:
    """Newest first; `before` is the place of the last one already seen."""
    query = select(table).where(table.c.tenant == tenant)
    for column, value in (
        (table.c.contact_id, contact_id),
        (table.c.actor, actor),
        (table.c.state, state),
    ):
        if value is not None:
            query = query.where(column == str(value))
    place = tuple_(table.c.received_at, table.c.command_id)
    if before is not None:
        query = query.where(place < tuple_(as_moment(before[0]), before[1]))
    newest_first = table.c.received_at.desc(), table.c.command_id.desc()
    return await _read(engine, query.order_by(*newest_first).limit(limit))


async def _read(engine: AsyncEngine, query: Select[Any]) -> list[StoredCommand]:
    return [_stored(row) for row in await rows_of(engine, "reading commands", query)]


def _stored(row: Row[*tuple[Any, ...]]) -> StoredCommand:
    values = dict(row._mapping)
    values["received_at"] = microseconds(values["received_at"])
    if values["decided_at"] is not None:
        values["decided_at"] = microseconds(values["decided_at"])
    values["state"] = CommandState(values["state"])
    values["moves"] = [MoveRow(**move) for move in values["moves"] or ()]
    return StoredCommand(**values)
