"""What became of people's commands: a row for each, which the HTTP interface makes when it takes a
command, and the apply of the batch that decided it completes.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from app.domain.command_outcome import CommandState
from app.domain.interaction import Microseconds
from app.failpoints import Failpoint, hit


class MoveRow(msgspec.Struct, frozen=True, gc=False):
    """A move that a command made, as people are told of it."""

    seq: int
    kind: str
    transition_id: str
    transition: str
    from_stage: str
    to_stage: str


class CommandResultRow(msgspec.Struct, frozen=True, gc=False):
    """What was decided about a command. Exactly once with its batch: the first result stands."""

    tenant: str
    command_id: str
    contact_id: str | None
    """None: the contact was erased."""
    type: str
    source: str
    actor: str
    received_at: Microseconds
    decided_at: Microseconds
    state: CommandState
    reason: str | None
    message: str | None
    stage: str | None
    """The contact's, after it."""
    seq: int | None
    moves: list[MoveRow]


_WRITE: Final = """
INSERT INTO command_result AS r (tenant, command_id, contact_id, type, source, actor, received_at,
    decided_at, state, reason, message, stage, seq, moves)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant, command_id) DO UPDATE SET contact_id = excluded.contact_id,
    type = excluded.type, decided_at = excluded.decided_at, state = excluded.state,
    reason = excluded.reason, message = excluded.message, stage = excluded.stage,
    seq = excluded.seq, moves = excluded.moves
 WHERE r.state = 'pending'
"""

_FORGET: Final = """
UPDATE command_result SET contact_id = NULL, message = NULL, seq = NULL, moves = NULL
 WHERE tenant = $1 AND contact_id = $2
"""
"""Who decided what and when stays; whom it was about does not."""


async def write(connection: asyncpg.Connection, rows: Sequence[CommandResultRow]) -> None:
    """In the apply's transaction."""
    hit(Failpoint.APPLY_BEFORE_RESULTS)
    await connection.executemany(_WRITE, [_values(row) for row in rows])


def _values(row: CommandResultRow) -> tuple[Any, ...]:
    *values, moves = msgspec.structs.astuple(row)
    return (*values, json.dumps(msgspec.to_builtins(moves)))


async def forget(connection: asyncpg.Connection, tenant: str, contact_id: str) -> None:
    """What an erasure leaves of a contact's commands."""
    hit(Failpoint.APPLY_BEFORE_ERASURE)
    await connection.execute(_FORGET, tenant, contact_id)
