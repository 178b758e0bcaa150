"""The apply's first statement: move D of every partition of the batch, or nothing at all.

A row moves where epoch, batch_seq and offsets are as this incarnation left them. Both checks stand
although either hides the other's absence in many runs. The batch's transaction begins in the same
round trip, which takes no parameters: numbers and times are formatted here.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

from app.domain.interaction import Microseconds
from app.errors import Fenced
from app.failpoints import Failpoint, hit
from app.storage.rows import Offsets, PartitionMove

_MOVE: Final = """
BEGIN;
SET LOCAL transaction_timeout = {transaction_ms};
SET LOCAL idle_in_transaction_session_timeout = {idle_ms};
UPDATE lane_partition AS p
   SET batch_seq = m.batch_seq, next_offsets = m.next_offsets, as_of = m.as_of,
       published_seq = m.published_seq, published_offsets = m.published_offsets
  FROM (VALUES {moves}) AS m (
       partition, epoch, expected_seq, expected_offsets,
       batch_seq, next_offsets, as_of, published_seq, published_offsets)
 WHERE p.lane = {lane} AND p.partition = m.partition AND p.epoch = m.epoch
   AND p.batch_seq = m.expected_seq AND p.next_offsets = m.expected_offsets
"""

_ROWS: Final = """
SELECT partition, epoch, owner, batch_seq, next_offsets FROM lane_partition WHERE lane = $1
"""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def begin(
    connection: asyncpg.Connection,
    lane: str,
    moves: list[PartitionMove],
    *,
    transaction_timeout_seconds: float,
    idle_timeout_seconds: float,
) -> None:
    """Begin the transaction and move D of all partitions. Raises Fenced, naming those it could not.

    The transaction is open afterwards, also when this raises.
    """
    ordered = sorted(moves, key=lambda move: move.partition)
    statement = _MOVE.format(
        transaction_ms=int(transaction_timeout_seconds * 1000),
        idle_ms=int(idle_timeout_seconds * 1000),
        lane=_literal(lane),
        moves=", ".join(map(_values, ordered)),
    )
    hit(Failpoint.APPLY_BEFORE_BEGIN)
    status = await connection.execute(statement)
    hit(Failpoint.APPLY_AFTER_FENCE)
    if status != f"UPDATE {len(moves)}":
        rows = await connection.fetch(_ROWS, lane)
        raise Fenced(f"lane {lane} is fenced: {_differences(ordered, rows)}")


def _differences(moves: list[PartitionMove], rows: list[asyncpg.Record]) -> str:
    """Seen within the transaction: what has not moved is what is fenced."""
    found = {row["partition"]: row for row in rows}
    lines = []
    for move in moves:
        row = found.get(move.partition)
        if row is None:
            lines.append(f"partition {move.partition} has no row")
            continue
        moved = (row["epoch"], row["batch_seq"], tuple(row["next_offsets"]))
        if moved != (move.epoch, move.batch_seq, move.next_offsets):
            lines.append(
                f"partition {move.partition} is at epoch {row['epoch']} (owner {row['owner']}),"
                f" batch {row['batch_seq']}, offsets {row['next_offsets']}; expected epoch"
                f" {move.epoch}, batch {move.expected_seq}, offsets {list(move.expected_offsets)}"
            )
    return "; ".join(lines)


def _values(move: PartitionMove) -> str:
    return (
        f"({int(move.partition)}, {int(move.epoch)}, {int(move.expected_seq)},"
        f" {_offsets(move.expected_offsets)}, {int(move.batch_seq)}, {_offsets(move.next_offsets)},"
        f" {_time(move.as_of)}, {int(move.published_seq)}, {_offsets(move.published_offsets)})"
    )


def _offsets(offsets: Offsets) -> str:
    return f"'{{{','.join(str(int(offset)) for offset in offsets)}}}'::bigint[]"


def _time(at: Microseconds) -> str:
    return f"'{_EPOCH + timedelta(microseconds=at):%Y-%m-%d %H:%M:%S.%f}+00'::timestamptz"


def _literal(text: str) -> str:
    assert "\\" not in text, "a lane's name has no backslash"
    return "'" + text.replace("'", "''") + "'"
