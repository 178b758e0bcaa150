"""Who was erased. What is kept of each is an HMAC of the routing key: enough to know a late event,
not enough to name anybody without this database.
"""

import hmac
import secrets
from collections.abc import Sequence
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.storage.faults import reading

SECRET_BYTES: Final = 32


def digest_of(secret: bytes, key: str) -> bytes:
    """Of a routing key."""
    return hmac.digest(secret, key.encode(), "sha256")


async def read_secret(connection: asyncpg.Connection) -> bytes:
    """The key of the hashes, made by whoever needs it first. Raises Unavailable."""
    with reading("reading the key of erasure"):
        await connection.execute(
            "INSERT INTO erasure_key (id, secret) VALUES (1, $1) ON CONFLICT (id) DO NOTHING",
            secrets.token_bytes(SECRET_BYTES),
        )
        found: bytes = await connection.fetchval("SELECT secret FROM erasure_key WHERE id = 1")
    return found


async def erased_among(connection: asyncpg.Connection, digests: Sequence[bytes]) -> set[bytes]:
    """Those of them that stand for an erased contact. Raises Unavailable."""
    if not digests:
        return set()
    with reading("asking who was erased"):
        rows = await connection.fetch(
            "SELECT digest FROM erased WHERE digest = ANY ($1::bytea[])", digests
        )
    return {row["digest"] for row in rows}


async def erasures_among(
    connection: asyncpg.Connection, digests: Sequence[bytes]
) -> dict[bytes, Microseconds]:
    """Those of them that stand for an erased contact, and when that was. Raises Unavailable."""
    with reading("asking who was erased"):
        rows = await connection.fetch(
            "SELECT digest, erased_at FROM erased WHERE digest = ANY ($1::bytea[])", digests
        )
    return dict(map(tuple, rows))
