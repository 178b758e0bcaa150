"""Models that were activated, and the timeline of each tenant in each partition: the lane's part.

A model's definition never changes. A timeline grows by the apply, in the transaction of the batch
that has the command, and so does the place that its sweep has come to.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from app.domain.interaction import Microseconds
from app.domain.timeline import Mode
from app.failpoints import Failpoint, hit
from app.storage.faults import reading


class ActivationRow(msgspec.Struct, frozen=True):
    """A model decides about a tenant's contacts of a partition from a moment on."""

    partition: int
    tenant: str
    generation: int
    """From 1."""
    content_hash: str
    mode: Mode
    active_from: Microseconds
    activated_by: str
    """The command's id."""
    actor: str
    decided_at: Microseconds
    cursor: str | None = None
    """Contacts up to this one have been brought up to date; None: the sweep has not begun. Empty
    again when it is done: nobody's key stays."""
    swept: int = 0
    """How many those are."""
    swept_at: Microseconds | None = None


class SweepRow(msgspec.Struct, frozen=True):
    """How far the sweep of an activation is, once a batch is applied."""

    partition: int
    tenant: str
    generation: int
    cursor: str
    swept: int
    swept_at: Microseconds | None
    """Not None: all are done, of this activation and of those before it."""


class StoredModel(msgspec.Struct, frozen=True):
    content_hash: str
    name: str
    version: int
    definition: dict[str, Any]

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.version}"


_TIMELINE: Final = """
SELECT partition, tenant, generation, content_hash, mode, active_from, activated_by, actor,
       decided_at, cursor, swept, swept_at
  FROM model_timeline WHERE partition = $1 ORDER BY tenant, generation
"""

_ACTIVATE: Final = """
INSERT INTO model_timeline (partition, tenant, generation, content_hash, mode, active_from,
    activated_by, actor, decided_at, cursor, swept, swept_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""

_SWEEP: Final = """
UPDATE model_timeline SET cursor = $4, swept = $5, swept_at = $6
 WHERE partition = $1 AND tenant = $2 AND generation = $3
"""

_OVERTAKEN: Final = """
UPDATE model_timeline SET cursor = '', swept_at = $4
 WHERE partition = $1 AND tenant = $2 AND generation < $3 AND swept_at IS NULL
"""

_MODEL: Final = """
SELECT content_hash, name, version, definition FROM model WHERE content_hash = $1
"""

_LATEST: Final = """
SELECT DISTINCT ON (tenant) tenant, content_hash FROM model_timeline
 WHERE tenant = ANY ($1::text[]) AND active_from <= $2
 ORDER BY tenant, active_from DESC, generation DESC
"""

_AFTER: Final = """
SELECT contact_id FROM contact
 WHERE partition = $1 AND tenant = $2 AND contact_id > $3 ORDER BY contact_id LIMIT $4
"""


async def read_timelines(connection: asyncpg.Connection, partition: int) -> list[ActivationRow]:
    """Of all tenants, each one's by generation. Raises Unavailable, as all reads here."""
    with reading("reading the models' timelines"):
        rows = await connection.fetch(_TIMELINE, partition)
    return [ActivationRow(*row) for row in rows]


async def read_model(connection: asyncpg.Connection, content_hash: str) -> StoredModel | None:
    with reading("reading a model"):
        row = await connection.fetchrow(_MODEL, content_hash)
    if row is None:
        return None
    hash_, name, version, definition = row
    return StoredModel(hash_, name, version, json.loads(definition))


async def models_of(
    connection: asyncpg.Connection, tenants: Sequence[str], at: Microseconds
) -> dict[str, str]:
    """The content hash of the model that was activated last by a moment, in any partition; tenants
    without one are left out."""
    with reading("reading which models decide"):
        rows = await connection.fetch(_LATEST, tenants, at)
    return {row["tenant"]: row["content_hash"] for row in rows}


async def contacts_after(
    connection: asyncpg.Connection, partition: int, tenant: str, contact_id: str, limit: int
) -> list[str]:
    """The next keys of a tenant's contacts, in their order, as the last apply left them."""
    with reading("reading contacts to bring up to date"):
        rows = await connection.fetch(_AFTER, partition, tenant, contact_id, limit)
    return [row["contact_id"] for row in rows]


async def write(
    connection: asyncpg.Connection,
    activations: Sequence[ActivationRow],
    sweeps: Sequence[SweepRow],
) -> None:
    """In the apply's transaction."""
    if activations:
        hit(Failpoint.APPLY_BEFORE_MODELS)
        await connection.executemany(
            _ACTIVATE, [msgspec.structs.astuple(row) for row in activations]
        )
    if sweeps:
        hit(Failpoint.APPLY_BEFORE_MODELS)
        await connection.executemany(_SWEEP, [msgspec.structs.astuple(row) for row in sweeps])
    if done := [(*_key(row), row.swept_at) for row in sweeps if row.swept_at is not None]:
        hit(Failpoint.APPLY_BEFORE_MODELS)
        await connection.executemany(_OVERTAKEN, done)


def _key(row: SweepRow) -> tuple[int, str, int]:
    return row.partition, row.tenant, row.generation
