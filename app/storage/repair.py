"""Writes a rebuilt contact over the stored one: state, evidence and stage, nothing that was told.

Guarded twice: the partition stands at the batch the contact was rebuilt to, and the row has the
version that was compared. A worker that has the contact in memory finds another version at its
next apply, throws its memory away and starts again from what is written here.
"""

from typing import Final, NamedTuple

import asyncpg

from app.domain.book import Told, encode_book
from app.domain.interaction import Microseconds
from app.domain.listing import Listing
from app.domain.shadow import Evidence
from app.storage import apply_lists
from app.storage.evidence_scan import Place
from app.storage.faults import reading
from app.storage.numbering import number_from_history
from app.storage.rows import DealsRow, ListingRow

TIMEOUT_MS: Final = 5_000


class Repair(NamedTuple):
    lane: str
    partition: int
    batch_seq: int
    """The partition's last applied batch."""
    place: Place
    version: int | None
    """Of the row; None: there is none."""
    evidence: Evidence
    check_at: Microseconds | None
    told: Told | None
    """What others know, as the row had it."""
    listing: Listing
    as_of: Microseconds
    """Of the batch, and of the listing's scores."""


_LOCK: Final = """
SELECT batch_seq FROM lane_partition WHERE lane = $1 AND partition = $2 FOR UPDATE
"""
_ROW: Final = """
SELECT version, stage FROM contact
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 FOR UPDATE
"""
_WRITE: Final = """
INSERT INTO contact (partition, tenant, contact_id, version, stage, seq, check_at, state, log)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (partition, tenant, contact_id) DO UPDATE SET
       version = excluded.version, stage = excluded.stage, seq = excluded.seq,
       check_at = excluded.check_at, state = excluded.state, log = excluded.log
"""
_FORGET: Final = """
DELETE FROM contact_log WHERE partition = $1 AND tenant = $2 AND contact_id = $3
"""
_SEAL: Final = """
INSERT INTO contact_log (partition, tenant, contact_id, chunk, body) VALUES ($1, $2, $3, $4, $5)
"""
_COUNT: Final = """
INSERT INTO counter AS c (partition, tenant, stage, n) VALUES ($1, $2, $3, $4)
ON CONFLICT (partition, tenant, stage) DO UPDATE SET n = c.n + excluded.n
"""


async def repair(connection: asyncpg.Connection, wanted: Repair) -> bool:
    """False: the contact has moved on since; nothing was written. Raises Unavailable."""
    with reading("repairing a contact"):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL transaction_timeout = {TIMEOUT_MS}")
            batch_seq = await connection.fetchval(_LOCK, wanted.lane, wanted.partition)
            row = await connection.fetchrow(_ROW, wanted.partition, *wanted.place)
            version = None if row is None else row["version"]
            if batch_seq != wanted.batch_seq or version != wanted.version:
                return False
            await _write(connection, wanted, None if row is None else row["stage"])
    return True


async def _write(connection: asyncpg.Connection, wanted: Repair, before: str | None) -> None:
    key = (wanted.partition, *wanted.place)
    evidence, book = wanted.evidence, wanted.evidence.book
    seq = await number_from_history(connection, key, book)
    if wanted.told is not None:
        book.told = wanted.told
    stage = book.state.stage
    await connection.execute(
        _WRITE,
        *key,
        (wanted.version or 0) + 1,
        stage,
        seq,
        wanted.check_at,
        encode_book(book),
        evidence.log,
    )
    await apply_lists.rewrite(
        connection,
        ListingRow(*key, wanted.as_of, wanted.listing),
        DealsRow(*key, tuple(book.state.open_deals.items())),
    )
    await connection.execute(_FORGET, *key)
    sealed = [(*key, chunk, body) for chunk, body in enumerate(evidence.sealed)]
    await connection.executemany(_SEAL, sealed)
    moved = [(before, -1), (stage, 1)] if before != stage else []
    counted = [(*key[:2], name, n) for name, n in moved if name not in (None, "none")]
    await connection.executemany(_COUNT, counted)
