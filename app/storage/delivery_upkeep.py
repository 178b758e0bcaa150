"""What keeps the deliveries bounded, and free of whoever was erased: small pieces, often.

Rows that others have locked are passed by: they come with the next time. Raises Unavailable.
"""

from typing import Final, NamedTuple

import asyncpg

from app.storage.faults import reading

ROWS_AT_ONCE: Final = 1000

_BLANKED: Final = """
SET state = 'dead', done_at = now(), body = NULL, subject_digest = NULL, contact_digests = NULL
"""

BLANK_CONTACT: Final = f"""
UPDATE delivery {_BLANKED}, failure = 'erased' WHERE id IN (
    SELECT id FROM delivery
     WHERE contact_digests @> ARRAY[$1::bytea] AND state = 'pending'
       FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - constants
"""Of the contact with this digest, in the transaction that erases it."""

_BLANK_ERASED: Final = f"""
UPDATE delivery {_BLANKED}, failure = 'erased' WHERE id IN (
    SELECT d.id FROM erased AS e
      JOIN delivery AS d ON d.contact_digests @> ARRAY[e.digest]
     WHERE e.erased_at > now() - interval '1 day'
       AND d.state = 'pending' AND d.decided_at < e.erased_at
     LIMIT $1 FOR UPDATE OF d SKIP LOCKED)
"""  # noqa: S608 - constants
"""What was recorded, or locked, just while its contact was erased. What the erasure itself decided
is delivered: receivers are to forget the contact, too."""

_EXPIRE: Final = f"""
UPDATE delivery {_BLANKED}, failure = 'expired' WHERE id IN (
    SELECT id FROM delivery
     WHERE state = 'pending' AND due_at < now() - make_interval(days => $2)
     ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - constants

_DELETE_DONE: Final = """
DELETE FROM delivery WHERE id IN (
    SELECT id FROM delivery
     WHERE done_at IS NOT NULL AND state = $3 AND done_at < now() - make_interval(days => $2)
     ORDER BY done_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""

_DELETE_OF_DELETED: Final = """
DELETE FROM delivery WHERE id IN (
    SELECT d.id FROM webhook AS w CROSS JOIN LATERAL (
        SELECT id FROM delivery WHERE webhook_id = w.id LIMIT $1 FOR UPDATE SKIP LOCKED) AS d
     WHERE w.deleted_at IS NOT NULL LIMIT $1)
"""

_DELETE_WEBHOOKS: Final = """
DELETE FROM webhook AS w
 WHERE w.deleted_at < now() - interval '1 minute'
   AND NOT EXISTS (SELECT FROM delivery WHERE webhook_id = w.id)
"""
"""A minute later: somebody may just be recording for it."""

_BACKLOGS: Final = """
SELECT webhook_id, count(*) FROM delivery WHERE state = 'pending' GROUP BY webhook_id
"""

_DISABLE: Final = """
UPDATE webhook SET is_enabled = false, disabled_reason = 'backlog'
 WHERE id = $1 AND is_enabled
"""


class Keeping(NamedTuple):
    """How long and how many."""

    delivered_days: int
    dead_days: int
    pending_max_days: int


async def blank_contact(connection: asyncpg.Connection, digest: bytes) -> None:
    """In the transaction of the erasure."""
    await connection.execute(BLANK_CONTACT, digest)


async def keep(connection: asyncpg.Connection, keeping: Keeping) -> bool:
    """One bounded piece of everything there is to do; True: there may be more of it."""
    rows = ROWS_AT_ONCE
    with reading("keeping deliveries"):
        done = [
            await connection.execute(_BLANK_ERASED, rows),
            await connection.execute(_EXPIRE, rows, keeping.pending_max_days),
            await connection.execute(_DELETE_DONE, rows, keeping.delivered_days, "delivered"),
            await connection.execute(_DELETE_DONE, rows, keeping.dead_days, "dead"),
            await connection.execute(_DELETE_OF_DELETED, rows),
        ]
        await connection.execute(_DELETE_WEBHOOKS)
    return any(_count(status) == rows for status in done)


async def bound_backlogs(connection: asyncpg.Connection, backlog_max: int) -> int:
    """How many are pending in all; webhooks with too many are disabled, what they have stays."""
    with reading("counting pending deliveries"):
        backlogs = await connection.fetch(_BACKLOGS)
        for webhook_id, count in backlogs:
            if count > backlog_max:
                await connection.execute(_DISABLE, webhook_id)
    return sum(count for _, count in backlogs)


def _count(status: str) -> int:
    """Of a command's status, as "DELETE 3"."""
    return int(status.rpartition(" ")[2])
