"""The end of an apply, in one statement: what is counted, and the batch's segments.

Each is a few rows, and a round trip of its own would cost more than the rows do.
"""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from app.failpoints import Failpoint, hit
from app.storage.flows import Sums
from app.storage.rows import ApplyBatch, CounterDelta, SegmentRow

_WRITE: Final = """
WITH by_day AS (
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
)
INSERT INTO segment (lane, day, partition, batch_seq, next_offsets, as_of, n, events, outputs)
SELECT $21, s.day, s.partition, s.batch_seq, CAST(s.next_offsets AS bigint[]), s.as_of, s.n,
       s.events, s.outputs
  FROM unnest($22::date[], $23::integer[], $24::bigint[], $25::text[], $26::timestamptz[],
              $27::integer[], $28::bytea[], $29::bytea[])
    AS s (day, partition, batch_seq, next_offsets, as_of, n, events, outputs)
"""
_DAY_COLUMNS, _TOUCH_COLUMNS, _COUNTER_COLUMNS, _SEGMENT_COLUMNS = 7, 9, 4, 8


async def write(connection: asyncpg.Connection, batch: ApplyBatch, sums: Sums) -> None:
    """`sums`: of the batch's history (flows.py). Rows go in the order of their keys."""
    counters = sorted(map(_counter, (row for row in batch.counters if row.delta)))
    segments = list(map(_segment, batch.segments))
    if not (segments or counters or sums.by_day or sums.by_touch):
        return
    hit(Failpoint.APPLY_BEFORE_SEGMENTS)
    await connection.execute(
        _WRITE,
        *_columns(sums.by_day, _DAY_COLUMNS),
        *_columns(sums.by_touch, _TOUCH_COLUMNS),
        *_columns(counters, _COUNTER_COLUMNS),
        batch.lane,
        *_columns(segments, _SEGMENT_COLUMNS),
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
