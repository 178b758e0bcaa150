"""Loading contacts for the fold: a batch's cache misses in one statement."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from app.storage.faults import reading
from app.storage.rows import StoredContact

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
