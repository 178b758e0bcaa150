"""What is kept for a while only, dropped bit by bit beside the lanes."""

from typing import Final

import asyncpg

from app.storage.faults import reading

AT_ONCE: Final = 1000
"""Rows in a statement: a transaction of its own, which nobody waits for."""
ROUNDS: Final = 1000

_DROP_OLD: Final = """
DELETE FROM command_result WHERE (tenant, command_id) IN (
    SELECT tenant, command_id FROM command_result
     WHERE received_at < now() - make_interval(days => $1)
     ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


async def drop_old_results(
    connection: asyncpg.Connection, days: int, *, at_once: int = AT_ONCE, rounds: int = ROUNDS
) -> int:
    """Results of commands that were received longer ago: at most `at_once * rounds`; how many.

    Raises Unavailable.
    """
    dropped = 0
    for _ in range(rounds):
        with reading("dropping old results of commands"):
            status = await connection.execute(_DROP_OLD, days, at_once)
        count = int(status.rpartition(" ")[2])
        dropped += count
        if count < at_once:
            break
    return dropped
