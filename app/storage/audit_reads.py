"""What the auditor asks PostgreSQL: small statements, each a snapshot by itself, in bounded pages.

A comparison that needs two tables is one statement, so that a worker between two reads is no
difference.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.storage.faults import reading
from app.storage.rows import Offsets

Place = tuple[str, str]
"""(tenant, contact or account)."""
START: Final[Place] = ("", "")
COUNT_TIMEOUT_SECONDS: Final = 600.0


class Standing(NamedTuple):
    """D, and K as the owner last knew it."""

    lane: str
    partition: int
    owner: str | None
    batch_seq: int
    next_offsets: Offsets
    published_seq: int
    is_catching_up: bool


class Gaps(NamedTuple):
    """Of the segments after a batch."""

    applied: int
    last: int | None
    missing: list[tuple[int, int]]
    """(before, next): nothing is between them."""


class Counted(NamedTuple):
    tenant: str
    stage: str
    counter: int
    contacts: int


class Numbered(NamedTuple):
    """The history of one contact, and its row's seq; None: there is no row."""

    place: Place
    seq: int | None
    first: int
    last: int
    n: int

    @property
    def is_right(self) -> bool:
        """1 … seq, each once."""
        if self.n == 0:
            return self.seq == 0
        return self.first == 1 and self.last == self.n == self.seq


class Told(NamedTuple):
    """The output records of a batch as they are to be published."""

    batch_seq: int
    as_of: Microseconds
    next_offsets: Offsets
    outputs: bytes


class History(NamedTuple):
    kind: str
    transition_id: str
    revision: int


_PLAIN: Final = "SET enable_seqscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on"
_STANDING: Final = """
SELECT p.lane, p.partition, p.owner, p.batch_seq, p.next_offsets, p.published_seq,
       EXISTS (SELECT 1 FROM catch_up AS c
                WHERE c.lane = p.lane AND c.partition = p.partition AND c.ended_at IS NULL)
         AS is_catching_up
  FROM lane_partition AS p WHERE p.lane = $1 ORDER BY p.partition
"""
_GAPS: Final = """
WITH kept AS (
  SELECT batch_seq, lag(batch_seq) OVER (ORDER BY batch_seq) AS before
    FROM segment WHERE lane = $1 AND partition = $2 AND batch_seq > $3)
SELECT p.batch_seq AS applied, (SELECT max(batch_seq) FROM kept) AS last,
       (SELECT array_agg(ARRAY[before, batch_seq] ORDER BY batch_seq) FROM (
         SELECT before, batch_seq FROM kept WHERE batch_seq <> before + 1
          ORDER BY batch_seq LIMIT 100) AS listed) AS missing
  FROM lane_partition AS p WHERE p.lane = $1 AND p.partition = $2
"""
_COUNTED: Final = """
SELECT coalesce(c.tenant, k.tenant) AS tenant, coalesce(c.stage, k.stage) AS stage,
       coalesce(c.n, 0) AS counter, coalesce(k.n, 0) AS contacts
  FROM (SELECT tenant, stage, n FROM counter WHERE partition = $1 AND n <> 0) AS c
  FULL JOIN (SELECT tenant, stage, count(*) AS n FROM contact
              WHERE partition = $1 AND stage <> 'none' GROUP BY tenant, stage) AS k
    ON c.tenant = k.tenant AND c.stage = k.stage
 WHERE coalesce(c.n, 0) <> coalesce(k.n, 0)
 ORDER BY 1, 2
"""
_OUTPUTS: Final = """
SELECT batch_seq, as_of, next_offsets, outputs FROM segment
 WHERE lane = $1 AND partition = $2 AND batch_seq > $3 AND batch_seq <= $4
 ORDER BY batch_seq LIMIT $5
"""
_HISTORY: Final = """
SELECT k.n, h.kind, h.transition_id, h.revision
  FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[]) WITH ORDINALITY
       AS k (partition, tenant, contact_id, seq, n)
  JOIN stage_change AS h ON h.partition = k.partition AND h.tenant = k.tenant
       AND h.contact_id = k.contact_id AND h.seq = k.seq
"""


async def be_planned_plainly(connection: asyncpg.Connection) -> None:
    """The lane's own connections never scan or hash; these may."""
    with reading("preparing the audit"):
        await connection.execute(_PLAIN)


async def standings(connection: asyncpg.Connection, lane: str) -> list[Standing]:
    with reading("reading where partitions stand"):
        rows = await connection.fetch(_STANDING, lane)
    return [Standing(**{**row, "next_offsets": tuple(row["next_offsets"])}) for row in rows]


async def gaps(connection: asyncpg.Connection, lane: str, partition: int, after: int) -> Gaps:
    with reading("looking for gaps in the segments"):
        row = await connection.fetchrow(
            _GAPS, lane, partition, after, timeout=COUNT_TIMEOUT_SECONDS
        )
    if row is None:
        return Gaps(0, None, [])
    return Gaps(row["applied"], row["last"], [(a, b) for a, b in row["missing"] or []])


async def miscounted(connection: asyncpg.Connection, partition: int) -> list[Counted]:
    """Where the counter is not the number of contacts."""
    with reading("counting contacts"):
        rows = await connection.fetch(_COUNTED, partition, timeout=COUNT_TIMEOUT_SECONDS)
    return [Counted(*row) for row in rows]


class Numbering(NamedTuple):
    """Rows that count their history, and the history."""

    owner_table: str
    key: str
    history_table: str


CONTACTS: Final = Numbering("contact", "contact_id", "stage_change")
ACCOUNTS: Final = Numbering("account", "account_id", "account_change")


async def numbered(
    connection: asyncpg.Connection, of: Numbering, partition: int, after: Place, limit: int
) -> tuple[list[Numbered], Place | None]:
    """The next few, and where to go on; None: that was the end. History without a row is shown,
    too."""
    table, key, history = of
    with reading("reading the numbers of histories"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(
                f"SELECT tenant, {key} AS key, seq FROM {table} WHERE partition = $1"  # noqa: S608
                f" AND (tenant, {key}) > ($2, $3) ORDER BY tenant, {key} LIMIT $4",
                partition,
                *after,
                limit,
            )
            end = (rows[-1]["tenant"], rows[-1]["key"]) if len(rows) == limit else None
            told = await connection.fetch(
                f"SELECT tenant, {key} AS key, min(seq) AS first, max(seq) AS last, count(*) AS n"  # noqa: S608
                f" FROM {history} WHERE partition = $1 AND (tenant, {key}) > ($2, $3)"
                f" AND ($4::text IS NULL OR (tenant, {key}) <= ($4, $5)) GROUP BY tenant, {key}",
                partition,
                *after,
                *(end or (None, None)),
            )
    seqs: dict[Place, int] = {(row["tenant"], row["key"]): row["seq"] for row in rows}
    found = {(row["tenant"], row["key"]): (row["first"], row["last"], row["n"]) for row in told}
    places = sorted(seqs.keys() | found.keys())
    return [Numbered(p, seqs.get(p), *found.get(p, (0, 0, 0))) for p in places], end


async def outputs(
    connection: asyncpg.Connection, lane: str, partition: int, after: int, until: int, limit: int
) -> list[Told]:
    with reading("reading what was to be published"):
        rows = await connection.fetch(_OUTPUTS, lane, partition, after, until, limit)
    return [Told(row[0], row[1], tuple(row[2]), row[3]) for row in rows]


async def histories(
    connection: asyncpg.Connection, wanted: Sequence[tuple[int, str, str, int]]
) -> list[History | None]:
    """Of (partition, tenant, contact_id, seq), in that order."""
    found: list[History | None] = [None] * len(wanted)
    if not wanted:
        return found
    columns: list[Any] = [list(column) for column in zip(*wanted, strict=True)]
    with reading("looking up histories"):
        rows = await connection.fetch(_HISTORY, *columns)
    for row in rows:
        found[row["n"] - 1] = History(row["kind"], row["transition_id"].hex, row["revision"])
    return found
