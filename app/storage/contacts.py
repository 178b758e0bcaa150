"""Loading contacts for the fold, and finding those whose timers may be due."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.storage.faults import reading
from app.storage.rows import CheckRow, StoredContact

_LOAD: Final = """
SELECT c.partition, c.tenant, c.contact_id, c.version, c.stage, c.seq, c.state, c.log
  FROM unnest($1::integer[], $2::text[], $3::text[]) AS k (partition, tenant, contact_id)
  JOIN contact AS c
    ON c.partition = k.partition AND c.tenant = k.tenant AND c.contact_id = k.contact_id
"""

_SEALED: Final = """
SELECT body FROM contact_log
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 ORDER BY chunk
"""

_EARLIEST: Final = """
SELECT clock_timestamp() AS now, k.partition, (
         SELECT c.check_at FROM contact AS c
          WHERE c.partition = k.partition AND c.check_at IS NOT NULL
          ORDER BY c.check_at LIMIT 1) AS check_at
  FROM unnest($1::integer[]) AS k (partition)
"""

_DUE: Final = """
SELECT k.partition, d.tenant, d.contact_id, d.check_at
  FROM unnest($1::integer[], $2::timestamptz[]) AS k (partition, horizon)
 CROSS JOIN LATERAL (
       SELECT c.tenant, c.contact_id, c.check_at FROM contact AS c
        WHERE c.partition = k.partition AND c.check_at <= k.horizon
        ORDER BY c.check_at LIMIT $3) AS d
"""


async def load(
    connection: asyncpg.Connection, keys: Sequence[tuple[int, str, str]]
) -> list[StoredContact]:
    """The contacts of these (partition, tenant, contact_id) that exist, in no given order.

    Raises Unavailable, and RowRejected where PostgreSQL can't hold a key's text.
    """
    if not keys:
        return []
    partitions, tenants, contact_ids = zip(*sorted(keys), strict=True)
    with reading("loading contacts"):
        rows = await connection.fetch(_LOAD, partitions, tenants, contact_ids)
    return [StoredContact(*row) for row in rows]


async def load_sealed(
    connection: asyncpg.Connection, partition: int, tenant: str, contact_id: str
) -> list[bytes]:
    """Bodies of a contact's sealed chunks, chunk 0 first."""
    with reading("loading sealed evidence"):
        rows = await connection.fetch(_SEALED, partition, tenant, contact_id)
    return [row["body"] for row in rows]


async def earliest_checks(
    connection: asyncpg.Connection, partitions: Sequence[int]
) -> tuple[Microseconds, dict[int, Microseconds]]:
    """PostgreSQL's clock, and the earliest `check_at` of each partition that has one; at least one
    partition. As of the last apply."""
    with reading("looking for due timers"):
        rows = await connection.fetch(_EARLIEST, partitions)
    return rows[0]["now"], {
        row["partition"]: row["check_at"] for row in rows if row["check_at"] is not None
    }


async def due_contacts(
    connection: asyncpg.Connection,
    partitions: Sequence[int],
    horizons: Sequence[Microseconds],
    limit: int,
) -> list[CheckRow]:
    """Whose `check_at` is at or before its partition's horizon: at most `limit` of each partition,
    its earliest first."""
    with reading("reading due timers"):
        rows = await connection.fetch(_DUE, partitions, horizons, limit)
    return [CheckRow(*row) for row in rows]
