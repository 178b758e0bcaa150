"""What nearly every batch writes, in one statement: contacts and their places in the lists, which
are staged, what is counted, and the segments. A round trip costs as much as many rows.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from app.errors import Unclean
from app.failpoints import Failpoint, hit
from app.storage import apply_lists
from app.storage.flows import Sums
from app.storage.rows import ApplyBatch, CounterDelta, SegmentRow

MERGE: Final = """
MERGE INTO contact AS c USING staged_contact AS s
   ON c.partition = s.partition AND c.tenant = s.tenant AND c.contact_id = s.contact_id
 WHEN MATCHED AND c.version = s.expected_version THEN UPDATE SET
      version = s.expected_version + 1, stage = s.stage, seq = s.seq,
      check_at = nullif(s.check_at, 'infinity'), state = substr(s.body, 1, s.state_bytes),
      log = substr(s.body, s.state_bytes + 1, s.head_bytes) || substr(c.log, 1, s.log_keep)
            || substr(s.body, s.state_bytes + s.head_bytes + 1)
 WHEN NOT MATCHED AND s.expected_version = 0 THEN INSERT
      (partition, tenant, contact_id, version, stage, seq, check_at, state, log)
      VALUES (s.partition, s.tenant, s.contact_id, 1, s.stage, s.seq,
              nullif(s.check_at, 'infinity'), substr(s.body, 1, s.state_bytes),
              substr(s.body, s.state_bytes + 1))
"""
"""Expected version 0: the contact must not be there."""

_WRITE: Final = f"""
WITH merged AS ({MERGE} RETURNING 1
), listed AS ({apply_lists.MERGE} RETURNING 1
), by_day AS (
    INSERT INTO stage_flow AS f (partition, tenant, day, from_stage, to_stage, n, stayed_seconds)
    SELECT * FROM unnest($1::integer[], $2::text[], $3::date[], $4::text[], $5::text[],
                         $6::bigint[], $7::bigint[])
        ON CONFLICT (partition, tenant, day, from_stage, to_stage) DO UPDATE SET
           n = f.n + excluded.n, stayed_seconds = f.stayed_seconds + excluded.stayed_seconds
), by_touch AS (
    INSERT INTO touch_flow AS f (partition, tenant, month, channel, campaign, from_stage, to_stage,
        n, stayed_seconds)
    SELECT * FROM unnest($8::integer[], $9::text[], $10::date[], $11::text[], $12::text[],
                         $13::text[], $14::text[], $15::bigint[], $16::bigint[])
        ON CONFLICT (partition, tenant, month, channel, campaign, from_stage, to_stage) DO UPDATE
       SET n = f.n + excluded.n, stayed_seconds = f.stayed_seconds + excluded.stayed_seconds
), counted AS (
    INSERT INTO counter AS c (partition, tenant, stage, n)
    SELECT * FROM unnest($17::integer[], $18::text[], $19::text[], $20::bigint[])
        ON CONFLICT (partition, tenant, stage) DO UPDATE SET n = c.n + excluded.n
), kept AS (
    INSERT INTO segment (lane, day, partition, batch_seq, next_offsets, as_of, n, events, outputs)
    SELECT $21, s.day, s.partition, s.batch_seq, CAST(s.next_offsets AS bigint[]), s.as_of, s.n,
           s.events, s.outputs
      FROM unnest($22::date[], $23::integer[], $24::bigint[], $25::text[], $26::timestamptz[],
                  $27::integer[], $28::bytea[], $29::bytea[])
        AS s (day, partition, batch_seq, next_offsets, as_of, n, events, outputs)
)
SELECT (SELECT count(*) FROM merged) AS contacts, (SELECT count(*) FROM listed) AS listings
"""  # noqa: S608 - statements of ours
_DAY_COLUMNS, _TOUCH_COLUMNS, _COUNTER_COLUMNS, _SEGMENT_COLUMNS = 7, 9, 4, 8


async def write(connection: asyncpg.Connection, batch: ApplyBatch, sums: Sums) -> None:
    """Contacts and their places in lists stand in the staging tables. `sums`: of the batch's
    history (flows.py). Raises Unclean where other contacts change than those."""
    counters = sorted(_counter(row) for row in batch.counters if row.delta)
    hit(Failpoint.APPLY_BEFORE_MERGE)
    (changed,) = await connection.fetch(
        _WRITE,
        *_columns(sums.by_day, _DAY_COLUMNS),
        *_columns(sums.by_touch, _TOUCH_COLUMNS),
        *_columns(counters, _COUNTER_COLUMNS),
        batch.lane,
        *_columns(list(map(_segment, batch.segments)), _SEGMENT_COLUMNS),
    )
    if changed["contacts"] != len(batch.contacts):
        raise Unclean(
            f"{len(batch.contacts)} contacts were to change, PostgreSQL changed"
            f" {changed['contacts']}: rows have another version than this incarnation remembers"
        )
    if changed["listings"] != len(batch.listings):
        raise Unclean(
            f"{len(batch.listings)} rows of lists were to be written, PostgreSQL wrote"
            f" {changed['listings']}"
        )


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]


def _counter(row: CounterDelta) -> tuple[Any, ...]:
    return row.partition, row.tenant, row.stage, row.delta


def _segment(row: SegmentRow) -> tuple[Any, ...]:
    offsets = f"{{{','.join(map(str, row.next_offsets))}}}"  # arrays of arrays can't be unnested
    return (
        row.day, row.partition, row.batch_seq, offsets, row.as_of, row.n, row.events, row.outputs,
    )  # fmt: skip
