"""A contact's own numbers go on from its history: what was published stays published."""

from typing import Final

import asyncpg

from app.domain.book import Book
from app.storage import detail

_HISTORY: Final = """
SELECT seq, kind, transition_id, detail FROM stage_change
 WHERE partition = $1 AND tenant = $2 AND contact_id = $3 ORDER BY seq
"""


async def number_from_history(
    connection: asyncpg.Connection, key: tuple[int, str, str], book: Book
) -> int:
    """`book` has the revisions that its history, of (partition, tenant, contact_id), tells; the
    last seq of that, 0 if there is none."""
    history = await connection.fetch(_HISTORY, *key)
    book.revisions, book.revisions_floor = {}, 0
    for record in history:
        if record["kind"] != "changed":
            book.revise(record["transition_id"].hex)
        heard = detail.unpack(record["detail"])["opportunity"]
        if heard is not None:
            book.is_heard_open = heard == "became"
    return history[-1]["seq"] if history else 0
