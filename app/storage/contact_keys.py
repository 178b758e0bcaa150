"""Every contact there is, by key."""

from typing import Final

import asyncpg

from app.storage.faults import reading

_KEYS: Final = """
SELECT tenant, contact_id FROM contact
 WHERE partition = $1 AND (tenant, contact_id) > ($2, $3) AND ($4::text IS NULL OR tenant = $4)
 ORDER BY tenant, contact_id LIMIT $5
"""


async def keys_after(
    connection: asyncpg.Connection,
    partition: int,
    after: tuple[str, str],
    tenant: str | None,
    limit: int,
) -> list[tuple[str, str]]:
    """The next few (tenant, contact_id) of a partition. Raises Unavailable."""
    with reading("reading the contacts' keys"):
        rows = await connection.fetch(_KEYS, partition, *after, tenant, limit)
    return [(row["tenant"], row["contact_id"]) for row in rows]
