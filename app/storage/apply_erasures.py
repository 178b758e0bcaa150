"""The erasures' part of an apply: what is kept under the contact's key goes, with everything else.

What other tables cannot be asked for by the key (segments, dead letters) is left to `erasure_job`,
which holds the key until it is done; then that is gone, too.
"""

from collections.abc import Collection, Sequence
from typing import Final

import asyncpg

from app.errors import Unclean
from app.failpoints import Failpoint, hit
from app.storage import command_results
from app.storage.delivery_upkeep import blank_contact
from app.storage.flow_sums import SUMMED
from app.storage.rows import ErasureRow

_CONTACT: Final = """
DELETE FROM contact WHERE partition = $1 AND tenant = $2 AND contact_id = $3 AND version = $4
"""

CONTACT_TABLES: Final = ("contact_log", "stage_change", "contact_view", "profile", "open_deal")
"""What else is kept of a contact under its key, by (partition, tenant, contact_id)."""

_UNNAME: Final = """
WITH named AS (
  DELETE FROM touch_flow
   WHERE partition IN ($1, $5) AND tenant = $2 AND length($3::text) >= $4
     AND (strpos(channel, $3) > 0 OR strpos(campaign, $3) > 0) RETURNING *)
INSERT INTO touch_flow AS f (partition, tenant, month, channel, campaign, from_stage, to_stage, n,
    stayed_seconds)
SELECT $1, tenant, month, '', '', from_stage, to_stage, sum(n), sum(stayed_seconds)
  FROM named GROUP BY tenant, month, from_stage, to_stage
    ON CONFLICT (partition, tenant, month, channel, campaign, from_stage, to_stage) DO UPDATE SET
       n = f.n + excluded.n, stayed_seconds = f.stayed_seconds + excluded.stayed_seconds
"""
"""A channel that names the contact is none: what it counted stays, without it, also where it was
summed (`app.storage.flow_sums`)."""
NAMING_MIN_CHARS: Final = 6
"""Shorter keys name nobody, and are parts of many a campaign's name."""

_ERASED: Final = """
INSERT INTO erased (digest, erased_at) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING
"""

_EVERYWHERE: Final = """
INSERT INTO erasure_job (lane, partition, tenant, contact_id, next_seq)
SELECT lane, partition, $1, $2, 0 FROM lane_partition ORDER BY lane, partition
    ON CONFLICT (lane, partition, tenant, contact_id) DO UPDATE SET until_seq = NULL
"""
"""A job that is under way goes on as far as now. Several lanes write jobs: all of them contact by
contact, then lane by lane, so that none waits for one that waits for it."""

_HERE: Final = """
INSERT INTO erasure_job (lane, partition, tenant, contact_id, next_seq) VALUES ($1, $2, $3, $4, 0)
    ON CONFLICT (lane, partition, tenant, contact_id) DO UPDATE SET until_seq = NULL
"""


async def write(connection: asyncpg.Connection, rows: Sequence[ErasureRow]) -> None:
    """In the apply's transaction, after everything else of these contacts. Raises Unclean where
    a contact is not at the version it was erased at."""
    for row in sorted(rows, key=_in_order):
        key = (row.partition, row.tenant, row.contact_id)
        hit(Failpoint.APPLY_BEFORE_ERASURE)
        status = await connection.execute(_CONTACT, *key, row.expected_version)
        if status != f"DELETE {int(row.expected_version > 0)}":
            raise Unclean(
                f"a contact was to be erased at version {row.expected_version}, PostgreSQL says"
                f" {status}: its row has another version than this incarnation remembers"
            )
        for table in CONTACT_TABLES:
            hit(Failpoint.APPLY_BEFORE_ERASURE)
            await connection.execute(
                f"DELETE FROM {table} WHERE partition = $1 AND tenant = $2 AND contact_id = $3",  # noqa: S608
                *key,
            )
        await command_results.forget(connection, row.tenant, row.contact_id)
        hit(Failpoint.APPLY_BEFORE_ERASURE)
        await connection.execute(_UNNAME, *key, NAMING_MIN_CHARS, SUMMED)
        hit(Failpoint.APPLY_BEFORE_ERASURE)
        await connection.execute(_ERASED, row.digest, row.erased_at)
        hit(Failpoint.APPLY_BEFORE_ERASURE)
        await blank_contact(connection, row.digest)
        hit(Failpoint.APPLY_BEFORE_ERASURE)
        await connection.execute(_EVERYWHERE, row.tenant, row.contact_id)


async def look_here(
    connection: asyncpg.Connection, lane: str, contacts: Collection[tuple[int, str, str]]
) -> None:
    """In the apply's transaction: records of these (partition, tenant, contact_id) came to this
    lane, and are to be blanked in it."""
    hit(Failpoint.APPLY_BEFORE_ERASURE)
    ordered = sorted(contacts, key=lambda contact: (contact[1], contact[2], contact[0]))
    await connection.executemany(_HERE, [(lane, *contact) for contact in ordered])


def _in_order(row: ErasureRow) -> tuple[str, str, int]:
    return row.tenant, row.contact_id, row.partition
