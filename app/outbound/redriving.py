"""Dead letters sent again: each original as its producer wrote it, to the topic it stood on.

One more header says how often, and the count goes on where it fails again. Nothing else is new, so
the lane knows the event by its source and id, and sending one twice changes nothing. First sent,
then marked: what is not marked may have been sent. Oldest first, so that what a contact did keeps
its order.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.handling.dead_letters import CUT, REDRIVEN, times_redriven
from app.handling.records import OutputHeaders
from app.storage import dead_letter_queries as queries
from app.storage.dead_letter_queries import Wanted
from app.storage.rows import StoredDeadLetter

AT_ONCE_MAX: Final = 50
"""Sent, waited for and marked together; at a low rate fewer."""


class Original(NamedTuple):
    """A record to send."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: OutputHeaders


class Redriven(msgspec.Struct, frozen=True):
    """What was done, or, of a dry run, would be."""

    matched: int
    redriven: int
    skipped: int
    """Too large to have been kept whole."""
    remaining: int
    ids: list[int]


Send = Callable[[Sequence[Original]], Awaitable[None]]
"""Returns once the brokers have them. Raises Unavailable."""


def is_whole(letter: StoredDeadLetter) -> bool:
    """Of one that was too large only a part was kept: it is no original any more."""
    return all(name != CUT for name, _ in letter.row.headers)


def original_of(letter: StoredDeadLetter) -> Original:
    assert is_whole(letter), "a part of an original can't be sent in its place"
    row = letter.row
    again = max(letter.redriven, times_redriven(row.headers)) + 1
    headers = [each for each in row.headers if each[0] != REDRIVEN]
    return Original(
        row.topic, row.source_partition, row.key, row.value, [*headers, (REDRIVEN, b"%d" % again)]
    )


class Redriving:
    """Sends dead letters again, in the name of a person."""

    def __init__(self, engine: AsyncEngine, send: Send, by: str) -> None:
        self._engine = engine
        self._send = send
        self._by = by

    async def one(self, letter: StoredDeadLetter) -> None:
        """It is whole."""
        await self._redrive([letter])

    async def many(
        self,
        wanted: Wanted,
        *,
        limit: int,
        per_second: float,
        max_seconds: float,
        tell: Callable[[int], None] = lambda _count: None,
    ) -> Redriven:
        """At most `limit`, no faster than that, and no longer than that; only those that are there
        now: what fails again is not sent for ever. `tell` hears how many it were so far.

        Raises Unavailable.
        """
        wanted = msgspec.structs.replace(wanted, up_to=await queries.last_id(self._engine))
        matched = await queries.count(self._engine, wanted)
        at_once = max(1, min(AT_ONCE_MAX, int(per_second)))
        started = time.monotonic()
        ids: list[int] = []
        after = skipped = 0
        while len(ids) < limit:
            room = min(at_once, limit - len(ids))
            letters = await queries.oldest(self._engine, wanted, limit=room, after=after)
            if not letters:
                break
            after = letters[-1].id
            whole = [letter for letter in letters if is_whole(letter)]
            skipped += len(letters) - len(whole)
            await self._redrive(whole)
            ids += [letter.id for letter in whole]
            tell(len(ids))
            ahead_seconds = len(ids) / per_second - (time.monotonic() - started)
            if time.monotonic() - started + max(0.0, ahead_seconds) > max_seconds:
                break
            await asyncio.sleep(max(0.0, ahead_seconds))
        remaining = await queries.count(self._engine, wanted, after=after)
        return Redriven(matched, len(ids), skipped, remaining, ids)

    async def would(self, wanted: Wanted, *, limit: int) -> Redriven:
        """The same without doing it."""
        matched = await queries.count(self._engine, wanted)
        letters = await queries.oldest(self._engine, wanted, limit=limit)
        ids = [letter.id for letter in letters if is_whole(letter)]
        return Redriven(matched, len(ids), len(letters) - len(ids), matched - len(letters), ids)

    async def _redrive(self, letters: Sequence[StoredDeadLetter]) -> None:
        if letters:
            await self._send([original_of(letter) for letter in letters])
            ids = [letter.id for letter in letters]
            await queries.mark_redriven(self._engine, ids, self._by)
