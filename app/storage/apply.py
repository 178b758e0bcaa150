"""The apply: everything one batch does to PostgreSQL, in one transaction.

`fence.begin` moves D first; from then on its rows are locked and no other incarnation can write.
Contacts are guarded by their version on top of that. When it fails:

    Fenced, RowRejected   rolled back; the connection can be used again
    Unavailable           nothing was written; the connection is closed
    Unclean               what was written is unknown, or not what was expected; it is closed
    anything else         a bug, or a cancellation: nothing was written; it is closed
"""

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from app.errors import Fenced, FunnelError, RowRejected, Unclean
from app.failpoints import Failpoint, hit
from app.storage import (
    apply_accounts,
    apply_erasures,
    apply_lists,
    apply_together,
    command_results,
    fence,
    flows,
    halts,
    models,
)
from app.storage.copy_binary import CONTACT_COLUMNS, HISTORY_COLUMNS, contact_rows, history_rows
from app.storage.copy_listing import LISTING_COLUMNS, listing_rows
from app.storage.faults import DRIVER_ERRORS, described, meaning
from app.storage.rows import ApplyBatch, DeadLetterRow

_STAGING: Final = """
CREATE TEMPORARY TABLE staged_contact (
    partition integer NOT NULL,
    expected_version integer NOT NULL,
    seq integer NOT NULL,
    log_keep integer NOT NULL,
    check_at timestamptz NOT NULL,
    state_bytes integer NOT NULL,
    head_bytes integer NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    stage text NOT NULL,
    body bytea STORAGE EXTERNAL NOT NULL
) WITH (toast_tuple_target = 8160) ON COMMIT DELETE ROWS
"""

REVOKE: Final = """
UPDATE stage_change SET revoked_at = $5
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 AND seq < $4
   AND transition_id = $6 AND revoked_at IS NULL
"""

_SEAL: Final = """
INSERT INTO contact_log (partition, tenant, contact_id, chunk, body) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (partition, tenant, contact_id, chunk) DO UPDATE SET body = excluded.body
"""

_DEAD_LETTER: Final = """
INSERT INTO dead_letter (partition, lane, topic, source_partition, source_offset, reason, message,
    exception, failed_at, key, value, headers, timestamp_ms, type, source,
    redriven)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""


async def prepare(connection: asyncpg.Connection) -> None:
    """Make a connection from `connect` ready for `apply`: once, before its first batch."""
    try:
        await connection.execute(_STAGING)
        await connection.execute(apply_lists.STAGING)
    except DRIVER_ERRORS as failed:
        connection.terminate()
        raise (meaning(failed, "preparing the apply") or failed) from failed


async def apply(
    connection: asyncpg.Connection,
    batch: ApplyBatch,
    *,
    transaction_timeout_seconds: float,
    idle_timeout_seconds: float,
) -> None:
    """Write the batch, all or nothing. Errors: see the module's docstring."""
    assert batch.moves, "a batch moves at least one partition"
    contacts = contact_rows(batch.contacts) if batch.contacts else b""
    history = history_rows(batch.history) if batch.history else b""
    listings = listing_rows(batch.listings) if batch.listings else b""
    sums = flows.Sums()
    try:
        await fence.begin(
            connection,
            batch.lane,
            batch.moves,
            transaction_timeout_seconds=transaction_timeout_seconds,
            idle_timeout_seconds=idle_timeout_seconds,
        )
        if contacts:
            hit(Failpoint.APPLY_BEFORE_CONTACTS)
            await _copy(connection, "staged_contact", CONTACT_COLUMNS, contacts)
        if history:
            sums = await flows.count(connection, batch.history)
        if listings:
            hit(Failpoint.APPLY_BEFORE_LISTS)
            await _copy(connection, "staged_listing", LISTING_COLUMNS, listings)
        await apply_together.write(connection, batch, sums)
        if history:  # after the contacts: whose version is another must not look like a bad row
            hit(Failpoint.APPLY_BEFORE_HISTORY)
            await _copy(connection, "stage_change", HISTORY_COLUMNS, history)
        await apply_lists.write(connection, batch)
        if batch.accounts is not None:
            await apply_accounts.write(connection, batch.accounts)
            if batch.accounts.erased:
                gone = {(key[0], key[1], key[3]) for key in batch.accounts.erased}
                await apply_erasures.look_here(connection, batch.lane, gone)
        await _write_rare(connection, batch)
        if batch.results:
            await command_results.write(connection, batch.results)
        if batch.halts:
            await halts.write(connection, batch.lane, batch.halts)
        if batch.erasures:
            await apply_erasures.write(connection, batch.erasures)
        if batch.activations or batch.sweeps:
            await models.write(connection, batch.activations, batch.sweeps)
        hit(Failpoint.APPLY_BEFORE_COMMIT)
    except BaseException as failed:
        known = failed if isinstance(failed, FunnelError) else meaning(failed, "applying a batch")
        if isinstance(known, Fenced | RowRejected):
            await _roll_back(connection)
        else:
            connection.terminate()
        if known is None or known is failed:
            raise
        raise known from failed
    await _commit(connection)
    hit(Failpoint.APPLY_AFTER_COMMIT)


async def _copy(
    connection: asyncpg.Connection, table: str, columns: Sequence[str], packed: bytes
) -> None:
    _check_open(connection)
    await connection.copy_to_table(
        table,
        source=memoryview(packed),  # type: ignore[arg-type] # a buffer will do; bytes are a path
        columns=columns,
        format="binary",
    )


def _check_open(connection: asyncpg.Connection) -> None:
    """The driver checks this for every statement but COPY, where it fails with AttributeError."""
    if connection.is_closed():
        raise asyncpg.InterfaceError("connection is closed")


async def _write_rare(connection: asyncpg.Connection, batch: ApplyBatch) -> None:
    """What few batches have. Revocations one by one, in order: each marks all before it."""
    if revocations := [
        (row.partition, row.tenant, row.contact_id, row.change.seq, row.decided_at, revokes)
        for row in batch.history
        if (revokes := row.change.revokes) is not None
    ]:
        hit(Failpoint.APPLY_BEFORE_REVOCATIONS)
        await connection.executemany(REVOKE, revocations)
    if batch.sealed:
        hit(Failpoint.APPLY_BEFORE_SEALED)
        await connection.executemany(
            _SEAL,
            [
                (row.partition, chunk.tenant, chunk.contact_id, chunk.chunk, chunk.body)
                for row in batch.sealed
                for chunk in (row.chunk,)
            ],
        )
    if batch.dead_letters:
        hit(Failpoint.APPLY_BEFORE_DEAD_LETTERS)
        await connection.executemany(
            _DEAD_LETTER, [_dead_letter(batch.lane, row) for row in batch.dead_letters]
        )


def _dead_letter(lane: str, row: DeadLetterRow) -> tuple[object, ...]:
    return (
        row.partition, lane, row.topic, row.source_partition, row.source_offset, row.reason,
        row.message, row.exception, row.failed_at, row.key, row.value,
        msgspec.msgpack.encode(row.headers), row.timestamp_ms, row.type, row.source, row.redriven,
    )  # fmt: skip


async def _commit(connection: asyncpg.Connection) -> None:
    """From here on nobody knows, until the answer says COMMIT."""
    try:
        status = await connection.execute("COMMIT")
    except DRIVER_ERRORS as failed:
        connection.terminate()
        raise Unclean(f"PostgreSQL did not confirm a commit: {described(failed)}") from failed
    except BaseException:
        connection.terminate()
        raise
    if status != "COMMIT":
        connection.terminate()
        raise Unclean(f"PostgreSQL answered a commit with {status}")


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Gives the connection back clean, or closed."""
    try:
        hit(Failpoint.APPLY_BEFORE_ROLLBACK)
        await connection.execute("ROLLBACK")
    except BaseException as failed:
        connection.terminate()
        if not isinstance(failed, DRIVER_ERRORS):
            raise
