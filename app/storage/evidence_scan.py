"""Reading every contact's evidence, page by page, in short transactions.

A page is one snapshot: the rows and the sealed chunks that belong to them. Between two pages
nothing is held, so contacts may change meanwhile; each is seen whole, at one moment.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg

from app.domain.book import Book, decode_book
from app.domain.interaction import Microseconds
from app.domain.shadow import Evidence
from app.storage.faults import reading

SEALED_MAX: Final = 2_000
"""Chunks in a page, of about 2 kB each; the contact that would exceed it begins the next."""

Place = tuple[str, str]
"""(tenant, contact_id) in a partition."""
START: Final[Place] = ("", "")

_ROWS: Final = """
SELECT tenant, contact_id, state, log FROM contact
 WHERE partition = $1 AND (tenant, contact_id) > ($2, $3) AND ($4::text IS NULL OR tenant = $4)
 ORDER BY tenant, contact_id LIMIT $5
"""
_SEALED: Final = """
SELECT tenant, contact_id, chunk, body FROM contact_log
 WHERE partition = $1 AND (tenant, contact_id) >= ($2, $3) AND (tenant, contact_id) <= ($4, $5)
 ORDER BY tenant, contact_id, chunk
"""


class Page(NamedTuple):
    contacts: list[Evidence]
    after: Place | None
    """Where the next page begins; None: there is none."""


class Extent(NamedTuple):
    """What there is to read."""

    now: Microseconds
    """PostgreSQL's clock."""
    partitions: list[int]
    contacts: int
    """About so many."""


async def extent(connection: asyncpg.Connection, lane: str, tenant: str | None) -> Extent:
    with reading("looking at what there is"):
        now = await connection.fetchval("SELECT clock_timestamp()")
        rows = await connection.fetch(
            "SELECT partition FROM lane_partition WHERE lane = $1 ORDER BY partition", lane
        )
        contacts = await connection.fetchval(
            "SELECT coalesce(sum(n), 0)::bigint FROM counter WHERE $1::text IS NULL OR tenant = $1",
            tenant,
        )
    return Extent(now, [row["partition"] for row in rows], contacts)


async def read_page(
    connection: asyncpg.Connection, partition: int, after: Place, tenant: str | None, limit: int
) -> Page:
    """Up to `limit` contacts that come after a place. Raises Unavailable, Halted."""
    with reading("reading evidence"):
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(_ROWS, partition, *after, tenant, limit)
            found = decode_rows(rows)
            kept = found[: fitting([book for _, book in found])]
            sealed = await sealed_of(connection, partition, kept)
    contacts = []
    for row, book in kept:
        place = (row["tenant"], row["contact_id"])
        bodies = sealed.get(place, ())[: book.chunks]
        contacts.append(Evidence(*place, book, row["log"], bodies))
    is_end = len(rows) < limit and len(kept) == len(rows)
    return Page(contacts, None if is_end else (contacts[-1].tenant, contacts[-1].contact_id))


def decode_rows(rows: Sequence[asyncpg.Record]) -> list[tuple[asyncpg.Record, Book]]:
    """With what their state says. Raises Halted for a format that this release does not read."""
    return [(row, decode_book(row["state"])) for row in rows]


def fitting(books: Sequence[Book]) -> int:
    """How many of them make a page; at least one."""
    total = 0
    for n, book in enumerate(books):
        total += book.chunks
        if n and total > SEALED_MAX:
            return n
    return len(books)


async def sealed_of(
    connection: asyncpg.Connection, partition: int, kept: Sequence[tuple[asyncpg.Record, Book]]
) -> dict[Place, list[bytes]]:
    """Between the first and the last contact that has any."""
    with_any = [(row["tenant"], row["contact_id"]) for row, book in kept if book.chunks]
    if not with_any:
        return {}
    bodies: dict[Place, list[bytes]] = {place: [] for place in with_any}
    rows = await connection.fetch(_SEALED, partition, *with_any[0], *with_any[-1])
    for row in rows:
        mine = bodies.get((row["tenant"], row["contact_id"]))
        if mine is not None:
            mine.append(row["body"])
    return bodies
