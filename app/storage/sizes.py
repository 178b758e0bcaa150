"""How much room the tables take; by the server's own statistics, so the rows are about so many."""

from typing import Final

import asyncpg
import msgspec

from app.storage.faults import reading

_SIZES: Final = """
SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes,
       pg_indexes_size(c.oid) AS index_bytes, greatest(c.reltuples, 0)::bigint AS rows,
       coalesce(s.n_dead_tup, 0) AS dead_rows
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
 WHERE c.relkind = 'r' AND n.nspname = current_schema() AND c.relname <> 'alembic_version'
 ORDER BY c.relname
"""


class Size(msgspec.Struct, frozen=True):
    name: str
    bytes: int
    index_bytes: int
    rows: int
    dead_rows: int


async def sizes(connection: asyncpg.Connection) -> list[Size]:
    """Of every table, each day of the segments by itself."""
    with reading("measuring tables"):
        rows = await connection.fetch(_SIZES)
    return [Size(**row) for row in rows]
