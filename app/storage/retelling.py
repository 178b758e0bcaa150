"""After a restore: the history of a contact as it was told, where deciding again told it otherwise.

The order of two topics' records is not kept anywhere, so a contact may have been told of a move and
its revocation that did not happen the second time, or the other way round. What it comes to is the
same; the numbers and the way are not, and those that were published count.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.book import decode_book, encode_book
from app.domain.interaction import Microseconds
from app.errors import Fenced
from app.storage.apply import REVOKE
from app.storage.copy_binary import HISTORY_COLUMNS, history_rows
from app.storage.faults import reading
from app.storage.numbering import number_from_history
from app.storage.rows import HistoryRow

_DECIDED: Final = """
SELECT tenant, contact_id, min(seq) AS first, max(seq) AS last FROM stage_change
 WHERE partition = $1 AND decided_at >= $2 GROUP BY tenant, contact_id
"""
_MINE: Final = """
SELECT 1 FROM lane_partition WHERE lane = $1 AND partition = $2 AND epoch = $3 FOR UPDATE
"""
_FORGET: Final = """
DELETE FROM stage_change
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 AND (decided_at >= $4 OR seq >= $5)
"""
_STAND: Final = """
UPDATE stage_change SET revoked_at = NULL
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 AND revoked_at >= $4
"""
_STATE: Final = """
SELECT state FROM contact WHERE partition = $1 AND tenant = $2 AND contact_id = $3
"""
_WRITE: Final = """
UPDATE contact SET seq = $4, state = $5, version = version + 1
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3
"""

Key = tuple[str, str]


async def decided_since(
    connection: asyncpg.Connection, partition: int, since: Microseconds
) -> dict[Key, tuple[int, int]]:
    """First and last seq of what was decided again, by contact."""
    with reading("reading what was decided again"):
        rows = await connection.fetch(_DECIDED, partition, since)
    return {(row["tenant"], row["contact_id"]): (row["first"], row["last"]) for row in rows}


async def retell(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    epoch: int,
    contact: Key,
    since: Microseconds,
    told: Sequence[HistoryRow],
) -> None:
    """Put what was told in the place of what was decided again. Any number of times. Fenced."""
    key = (partition, *contact)
    first = min((row.change.seq for row in told), default=2**31 - 1)
    with reading("writing a history as it was told"):
        async with connection.transaction():
            if await connection.fetchval(_MINE, lane, partition, epoch) is None:
                raise Fenced(f"partition {partition} has another owner")
            state = await connection.fetchval(_STATE, *key)
            if state is None:
                return  # it was erased
            await connection.execute(_FORGET, *key, since, first)
            await connection.execute(_STAND, *key, since)
            if told:
                await connection.copy_to_table(
                    "stage_change",
                    source=memoryview(history_rows(list(told))),  # type: ignore[arg-type] # as in apply
                    columns=HISTORY_COLUMNS,
                    format="binary",
                )
            for row in told:
                if row.change.revokes is not None:
                    await connection.execute(
                        REVOKE, *key, row.change.seq, row.decided_at, row.change.revokes
                    )
            book = decode_book(state)
            seq = await number_from_history(connection, key, book)
            await connection.execute(_WRITE, *key, seq, encode_book(book))
