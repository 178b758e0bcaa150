"""Looks for a person's data in every column of every table, as somebody with a dump would."""

from collections.abc import Iterable, Iterator
from typing import Any

import asyncpg
import zstandard

_decompress = zstandard.ZstdDecompressor().decompress


async def search(database: asyncpg.Connection, needles: Iterable[str]) -> dict[str, set[str]]:
    """Table -> the needles that are found in it."""
    wanted = {needle: needle.encode() for needle in needles}
    tables = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found: dict[str, set[str]] = {}
    for (table,) in tables:
        for row in await database.fetch(f'SELECT * FROM "{table}"'):
            for text in _texts(row.values()):
                here = {needle for needle, encoded in wanted.items() if encoded in text}
                if here:
                    found.setdefault(table.partition("_2")[0], set()).update(here)
    return found


def _texts(values: Iterable[Any]) -> Iterator[bytes]:
    """Every value as bytes, and what is compressed in it."""
    for value in values:
        if isinstance(value, bytes):
            yield value
            if value[1:5] == zstandard.FRAME_HEADER:
                yield _decompress(memoryview(value)[1:])
        elif isinstance(value, list):
            yield from _texts(value)
        else:
            yield str(value).encode()
