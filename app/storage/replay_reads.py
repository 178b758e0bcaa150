"""What a replay reads: the batches of a lane partition, and its contacts as they are stored."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.domain.listing import Listing
from app.domain.replay_difference import Live, Standing
from app.domain.shadow import Evidence
from app.storage import detail
from app.storage.evidence_scan import START, Place, decode_rows, fitting, sealed_of
from app.storage.faults import reading

SEGMENTS_AT_ONCE: Final = 20
SIZING_TIMEOUT_SECONDS: Final = 600.0
"""It reads every contact of a partition."""


class Batch(NamedTuple):
    batch_seq: int
    as_of: Microseconds
    events: bytes


class Span(NamedTuple):
    """Of the batches that are kept; the last one is the one applied last."""

    first: int
    last: int


class Snapshot(NamedTuple):
    """Some contacts, and the batch after which they are so."""

    batch_seq: int
    as_of: Microseconds
    contacts: list[Live]
    after: Place | None


class Wanted(NamedTuple):
    """Which contacts of a partition; None: whichever."""

    tenant: str | None = None
    contact_id: str | None = None


_SPAN: Final = """
SELECT p.batch_seq AS last, coalesce(
         (SELECT min(s.batch_seq) FROM segment AS s
           WHERE s.lane = p.lane AND s.partition = p.partition), p.batch_seq + 1) AS first
  FROM lane_partition AS p WHERE p.lane = $1 AND p.partition = $2
"""
_BATCHES: Final = """
SELECT batch_seq, as_of, events FROM segment
 WHERE lane = $1 AND partition = $2 AND batch_seq > $3 AND batch_seq <= $4
 ORDER BY batch_seq LIMIT $5
"""
_BUCKETS: Final = """
WITH sealed AS (
  SELECT tenant, contact_id, sum(octet_length(body)) AS bytes FROM contact_log
   WHERE partition = $1 GROUP BY tenant, contact_id),
sized AS (
  SELECT c.tenant, c.contact_id,
         $3 + octet_length(c.state) + octet_length(c.log) + coalesce(s.bytes, 0) AS bytes
    FROM contact AS c LEFT JOIN sealed AS s USING (tenant, contact_id)
   WHERE c.partition = $1),
placed AS (
  SELECT tenant, contact_id,
         div(sum(bytes) OVER (ORDER BY tenant, contact_id), $2::bigint) AS bucket FROM sized)
SELECT DISTINCT ON (bucket) tenant, contact_id FROM placed
 ORDER BY bucket, tenant DESC, contact_id DESC
"""
_ROWS: Final = """
SELECT tenant, contact_id, version, stage, seq, check_at, state, log FROM contact
 WHERE partition = $1 AND (tenant, contact_id) > ($2, $3)
   AND ($4::text IS NULL OR (tenant, contact_id) <= ($4, $5))
   AND ($6::text IS NULL OR tenant = $6) AND ($7::text IS NULL OR contact_id = $7)
 ORDER BY tenant, contact_id LIMIT $8
"""
_HISTORY: Final = """
SELECT tenant, contact_id, kind, transition_id, transition, from_stage, to_stage, cycle,
       effective_at, model, detail
  FROM stage_change
 WHERE partition = $1 AND (tenant, contact_id) >= ($2, $3) AND (tenant, contact_id) <= ($4, $5)
 ORDER BY tenant, contact_id, seq
"""
_LISTED: Final = f"""
SELECT tenant, contact_id, {", ".join(Listing.__struct_fields__)} FROM contact_view
 WHERE partition = $1 AND (tenant, contact_id) >= ($2, $3) AND (tenant, contact_id) <= ($4, $5)
"""  # noqa: S608 - names of columns
OVERHEAD_BYTES: Final = 1_000
"""Python's own cost of a contact in memory."""


async def span(connection: asyncpg.Connection, lane: str, partition: int) -> Span:
    with reading("looking for batches"):
        row = await connection.fetchrow(_SPAN, lane, partition)
    return Span(1, 0) if row is None else Span(row["first"], row["last"])


async def batches(
    connection: asyncpg.Connection, lane: str, partition: int, after: int, last: int
) -> list[Batch]:
    """The next few after a batch, up to `last`, in order."""
    with reading("reading batches"):
        rows = await connection.fetch(_BATCHES, lane, partition, after, last, SEGMENTS_AT_ONCE)
    return [Batch(*row) for row in rows]


async def buckets(connection: asyncpg.Connection, partition: int, max_bytes: int) -> list[Place]:
    """Ends of key ranges whose contacts take about `max_bytes` in memory each."""
    with reading("sizing contacts"):
        rows = await connection.fetch(
            _BUCKETS, partition, max_bytes, OVERHEAD_BYTES, timeout=SIZING_TIMEOUT_SECONDS
        )
    return [(row["tenant"], row["contact_id"]) for row in rows]


async def snapshot(
    connection: asyncpg.Connection,
    lane: str,
    partition: int,
    after: Place,
    end: Place | None,
    wanted: Wanted,
    limit: int,
) -> Snapshot:
    """Up to `limit` contacts in (after, end]. Raises Unavailable, Halted."""
    last = (None, None) if end is None else end
    with reading("reading contacts"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(_ROWS, partition, *after, *last, *wanted, limit)
            decided = await connection.fetchrow(
                "SELECT batch_seq, as_of FROM lane_partition WHERE lane = $1 AND partition = $2",
                lane,
                partition,
            )
            found = decode_rows(rows)
            kept = found[: fitting([book for _, book in found])]
            sealed = await sealed_of(connection, partition, kept)
            history = await _history(connection, partition, [row for row, _ in kept])
            listed = await _listed(connection, partition, [row for row, _ in kept])
    contacts = []
    for row, book in kept:
        place = (row["tenant"], row["contact_id"])
        evidence = Evidence(*place, book, row["log"], sealed.get(place, [])[: book.chunks])
        contacts.append(
            Live(
                evidence, row["version"], row["stage"], row["seq"], row["check_at"],
                standing(history.get(place, ())), listed.get(place),
            )
        )  # fmt: skip
    is_end = len(rows) < limit and len(kept) == len(rows)
    place = START if not kept else (kept[-1][0]["tenant"], kept[-1][0]["contact_id"])
    batch_seq, as_of = decided or (0, 0)
    return Snapshot(batch_seq, as_of, contacts, None if is_end else place)


async def _history(
    connection: asyncpg.Connection, partition: int, rows: Sequence[Any]
) -> dict[Place, list[Any]]:
    if not rows:
        return {}
    first, last = ((row["tenant"], row["contact_id"]) for row in (rows[0], rows[-1]))
    found = await connection.fetch(_HISTORY, partition, *first, *last)
    return {
        place: list(same)
        for place, same in groupby(found, key=lambda row: (row["tenant"], row["contact_id"]))
    }


async def _listed(
    connection: asyncpg.Connection, partition: int, rows: Sequence[Any]
) -> dict[Place, Listing]:
    if not rows:
        return {}
    first, last = ((row["tenant"], row["contact_id"]) for row in (rows[0], rows[-1]))
    found = await connection.fetch(_LISTED, partition, *first, *last)
    return {(tenant, contact_id): Listing(*rest) for tenant, contact_id, *rest in found}


def standing(records: Sequence[Any]) -> dict[str, Standing]:
    """What is left of a contact's records, in the order of their seq."""
    held: dict[str, Standing] = {}
    for row in records:
        tid = row["transition_id"].hex
        if row["kind"] == "revoked":
            held.pop(tid, None)
            continue
        cause = detail.unpack(row["detail"])["cause"]
        held[tid] = Standing(
            row["transition"], row["from_stage"], row["to_stage"], row["cycle"],
            row["effective_at"], cause.event_id, cause.source, cause.type, row["model"],
        )  # fmt: skip
    return held
