"""Deliveries as the role `webhooks` writes them: recorded, claimed, settled.

A claim is a lease: it moves `due_at` ahead, so what a dead process had claimed is due again by
itself. `attempts` is the claim's token: whoever settles with another number changes nothing. Bodies
and digests are kept while a delivery is pending, and no longer.

Every function raises Unavailable. Whatever may meet rows that others have locked passes them by,
so that nobody waits for anybody.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from app.domain.interaction import Microseconds
from app.storage.faults import reading

Filters = Mapping[str, Sequence[str]]


class Subscription(msgspec.Struct, frozen=True):
    """What decides whether an event is for a webhook."""

    id: UUID
    tenant: str
    types: Sequence[str]
    filters: Filters
    created_at: Microseconds


class DeliveryRow(msgspec.Struct, frozen=True):
    """One to be recorded. Digests: HMACs of routing keys, as in `erased`."""

    webhook_id: UUID
    event_id: str
    type: str
    topic: str
    partition: int
    offset: int
    decided_at: Microseconds
    subject_digest: bytes
    contact_digests: Sequence[bytes]
    body: bytes


class Claim(msgspec.Struct, frozen=True):
    """A delivery that this process is to try."""

    id: int
    attempts: int
    """This one counted."""
    webhook_id: UUID
    event_id: str
    type: str
    topic: str | None
    partition: int | None
    offset: int | None
    created_at: Microseconds
    body: bytes | None
    """None: it is to be delivered again, and must be read again."""
    tenant: str
    url: str
    secrets: Sequence[bytes]
    """As stored; one, or two while a rotation is under way."""


class Settled(msgspec.Struct, frozen=True):
    """What became of a claim."""

    claim: Claim
    failure: str | None
    """None: it was delivered."""
    status: int | None = None
    took_ms: int | None = None
    retry_seconds: float | None = None
    """Of one that failed: when it is tried again; None: it is dead."""
    pause_seconds: float | None = None
    """For so long the receiver wants nothing at all."""
    is_gone: bool = False
    """It wants nothing any more."""

    @property
    def state(self) -> str:
        if self.failure is None:
            return "delivered"
        return "dead" if self.retry_seconds is None else "pending"


_SUBSCRIPTIONS: Final = """
SELECT id, tenant, types, filters, created_at FROM webhook
 WHERE tenant = ANY ($1::text[]) AND is_enabled AND deleted_at IS NULL
"""

_RECORD: Final = """
INSERT INTO delivery (webhook_id, event_id, type, topic, source_partition, source_offset,
                      decided_at, subject_digest, contact_digests, body, state, attempts, due_at,
                      created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'pending', 0, now(), now())
    ON CONFLICT (webhook_id, event_id) DO NOTHING
"""

_CLAIM: Final = """
WITH ready AS (
    SELECT w.id, CASE WHEN w.failing_since IS NULL THEN $2 ELSE 1 END - coalesce(b.n, 0) AS free
      FROM webhook AS w
      LEFT JOIN unnest($3::uuid[], $4::integer[]) AS b (webhook_id, n) ON b.webhook_id = w.id
     WHERE w.is_enabled AND w.deleted_at IS NULL
       AND (w.paused_until IS NULL OR w.paused_until <= now())
     ORDER BY random()
), due AS (
    SELECT d.id FROM ready CROSS JOIN LATERAL (
        SELECT id FROM delivery
         WHERE webhook_id = ready.id AND state = 'pending' AND due_at <= now()
           AND NOT EXISTS (
               SELECT FROM delivery AS earlier
                WHERE earlier.webhook_id = delivery.webhook_id
                  AND earlier.subject_digest = delivery.subject_digest
                  AND earlier.topic = delivery.topic
                  AND earlier.state = 'pending' AND earlier.tried_at IS NULL
                  AND earlier.id < delivery.id OFFSET 0)
         ORDER BY due_at, id LIMIT greatest(ready.free, 0)
           FOR UPDATE SKIP LOCKED
    ) AS d LIMIT $1
)
UPDATE delivery AS d
   SET attempts = d.attempts + 1, due_at = now() + make_interval(secs => $5)
  FROM due, webhook AS w
 WHERE d.id = due.id AND w.id = d.webhook_id AND d.state = 'pending' AND d.due_at <= now()
RETURNING d.id, d.attempts, d.webhook_id, d.event_id, d.type, d.topic, d.source_partition,
          d.source_offset, d.created_at, d.body, w.tenant, w.url,
          array_remove(ARRAY[w.secret, CASE WHEN w.previous_until > now()
                                            THEN w.previous_secret END], NULL) AS secrets
"""
"""Of one contact's events of a topic the first attempts go out one after the other. OFFSET 0: it is
asked for each row by the index; a join would read all that waits."""

_SETTLE: Final = """
UPDATE delivery AS d
   SET state = s.state, status = s.status, failure = s.failure, took_ms = s.took_ms,
       tried_at = now(),
       due_at = now() + make_interval(secs => s.retry_seconds),
       done_at = CASE WHEN s.state <> 'pending' THEN now() END,
       body = CASE WHEN s.state = 'pending' THEN d.body END,
       subject_digest = CASE WHEN s.state = 'pending' THEN d.subject_digest END,
       contact_digests = CASE WHEN s.state = 'pending' THEN d.contact_digests END
  FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::integer[],
              $7::float8[])
    AS s (id, attempts, state, status, failure, took_ms, retry_seconds)
 WHERE d.id = s.id AND d.attempts = s.attempts AND d.state = 'pending'
"""

_HEALTH: Final = """
UPDATE webhook AS w
   SET failing_since = CASE WHEN h.is_failing THEN coalesce(w.failing_since, now()) END
  FROM unnest($1::uuid[], $2::boolean[]) AS h (id, is_failing)
 WHERE w.id = h.id AND (w.failing_since IS NOT NULL) <> h.is_failing
"""

_PAUSE: Final = """
UPDATE webhook SET paused_until = greatest(paused_until, now() + make_interval(secs => $2))
 WHERE id = $1
"""

_GONE: Final = """
UPDATE webhook SET is_enabled = false, disabled_reason = 'gone' WHERE id = $1 AND is_enabled
"""

_RELEASE: Final = """
UPDATE delivery AS d SET due_at = now()
  FROM unnest($1::bigint[], $2::integer[]) AS c (id, attempts)
 WHERE d.id = c.id AND d.attempts = c.attempts AND d.state = 'pending'
"""


async def read_subscriptions(
    connection: asyncpg.Connection, tenants: Sequence[str]
) -> list[Subscription]:
    """Those of these tenants that are enabled now."""
    with reading("reading webhooks"):
        rows = await connection.fetch(_SUBSCRIPTIONS, tenants)
    return [
        Subscription(
            row["id"],
            row["tenant"],
            row["types"],
            msgspec.json.decode(row["filters"]),
            row["created_at"],
        )
        for row in rows
    ]


async def record(connection: asyncpg.Connection, rows: Sequence[DeliveryRow]) -> None:
    """In their order. One that was recorded before stays as it is."""
    with reading("recording deliveries"):
        await connection.executemany(_RECORD, [msgspec.structs.astuple(row) for row in rows])


async def prepare(connection: asyncpg.Connection) -> None:
    """To claim on: what is due is found by its index in order, whatever the statistics say (just
    after a burst they say that there is next to nothing, and all of it would be sorted)."""
    with reading("preparing to claim"):
        await connection.execute("SET enable_sort = off; SET enable_bitmapscan = off")


async def claim(
    connection: asyncpg.Connection,
    limit: int,
    *,
    per_webhook: int,
    busy: Mapping[UUID, int],
    lease_seconds: float,
) -> list[Claim]:
    """At most `limit` that are due; `busy`: how many of each webhook are under way here."""
    with reading("claiming deliveries"):
        rows = await connection.fetch(
            _CLAIM, limit, per_webhook, list(busy), list(busy.values()), lease_seconds
        )
    return [Claim(*row) for row in rows]


async def settle(connection: asyncpg.Connection, settled: Sequence[Settled]) -> None:
    """What became of claims, of their webhooks too; in the order in which they ended."""
    health = {each.claim.webhook_id: each.failure is not None for each in settled}
    with reading("settling deliveries"):
        async with connection.transaction():
            await connection.execute(_SETTLE, *_columns(settled))
            await connection.execute(_HEALTH, list(health), list(health.values()))
            for each in settled:
                if each.pause_seconds is not None:
                    await connection.execute(_PAUSE, each.claim.webhook_id, each.pause_seconds)
                if each.is_gone:
                    await connection.execute(_GONE, each.claim.webhook_id)


async def release(connection: asyncpg.Connection, claims: Sequence[Claim]) -> None:
    """Others may try these now."""
    with reading("releasing deliveries"):
        await connection.execute(
            _RELEASE, [each.id for each in claims], [each.attempts for each in claims]
        )


def _columns(settled: Sequence[Settled]) -> list[list[object]]:
    return [
        [each.claim.id for each in settled],
        [each.claim.attempts for each in settled],
        [each.state for each in settled],
        [each.status for each in settled],
        [each.failure for each in settled],
        [each.took_ms for each in settled],
        [each.retry_seconds or 0.0 for each in settled],
    ]
