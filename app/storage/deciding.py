"""Which models decide about whom, in all partitions of a lane at one moment: for those who fold
again what was decided."""

from typing import Any, Final, NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import FunnelError
from app.storage.faults import reading
from app.storage.models import ActivationRow, read_model, read_timelines


class Deciding(NamedTuple):
    """Plain values, so that it can be sent to another process."""

    activated: dict[int, list[ActivationRow]]
    """By partition; each tenant's by generation, those to come too."""
    as_of: dict[int, Microseconds]
    """Up to which each partition is decided."""
    definitions: dict[str, dict[str, Any]]
    """By content hash."""


_AS_OF: Final = "SELECT partition, as_of FROM lane_partition WHERE lane = $1 ORDER BY partition"


async def read_deciding(
    connection: asyncpg.Connection, lane: str, tenant: str | None = None
) -> Deciding:
    """Of one tenant, or of all. Raises Unavailable; FunnelError where a model is missing."""
    activated: dict[int, list[ActivationRow]] = {}
    definitions: dict[str, dict[str, Any]] = {}
    with reading("reading which models decide"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            as_of = {row["partition"]: row["as_of"] for row in await connection.fetch(_AS_OF, lane)}
            for partition in as_of:
                rows = await read_timelines(connection, partition)
                activated[partition] = [row for row in rows if tenant in (None, row.tenant)]
            for content_hash in {row.content_hash for rows in activated.values() for row in rows}:
                stored = await read_model(connection, content_hash)
                if stored is None:
                    raise FunnelError(
                        "a model that was activated is not in the table model any more: restore it"
                        " from a backup"
                    )
                definitions[content_hash] = stored.definition
    return Deciding(activated, as_of, definitions)
